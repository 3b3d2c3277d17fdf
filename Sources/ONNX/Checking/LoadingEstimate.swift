/// Counts what an engine handles when it loads a model: the nodes once each call of a function is replaced by the function's nodes, and the
/// values that subgraphs can see. It takes time in proportion to the model's own nodes, however many they become.
struct LoadingEstimate {
    private struct Size {
        var nodes = 0
        var visibleValues = 0
        var callDepth = 0
    }

    private let bounds: ModelBounds
    private var functions: [String: Size] = [:]

    private init(_ bounds: ModelBounds) { self.bounds = bounds }

    /// Throws where the model exceeds `bounds`, and names the function or the node where it does so.
    static func check(_ model: Model, _ table: FunctionTable, _ bounds: ModelBounds) throws(ONNXError) {
        var estimate = LoadingEstimate(bounds)
        for function in table.calleesFirst {
            var size = Size()
            try estimate.measure(function.nodes, values: function.inputs.count, place: "function \(function.name)", into: &size)
            let key = FunctionTable.key(function.domain, function.name)
            // Of several overloads, the largest one counts for each call.
            if size.nodes >= estimate.functions[key]?.nodes ?? 0 { estimate.functions[key] = size }
        }
        var size = Size()
        let graph = model.graph
        try estimate.measure(graph.nodes, values: graph.ownValues, place: "graph '\(graph.name)'", into: &size)
    }

    /// - Parameter values: the number of values that the graph and those around it have before their first node.
    private func measure(_ nodes: [Node], values: Int, place: String, into size: inout Size) throws(ONNXError) {
        var values = values
        for node in nodes {
            size.nodes += 1
            if !functions.isEmpty, let called = functions[FunctionTable.key(node.domain, node.operatorType)] {
                size.nodes += called.nodes
                size.visibleValues += called.visibleValues
                size.callDepth = max(size.callDepth, called.callDepth + 1)
            }
            for graph in node.subgraphs {
                size.visibleValues += values
                try measure(graph.nodes, values: values + graph.ownValues, place: place, into: &size)
            }
            guard size.nodes <= bounds.nodes else { throw Self.tooManyNodes(bounds, place, at: node) }
            guard size.visibleValues <= bounds.visibleValues else { throw Self.tooManyVisible(bounds, place, at: node) }
            guard size.callDepth <= bounds.callDepth else {
                throw .tooCostly(
                    place: place,
                    reason: "its functions call one another more than \(bounds.callDepth) deep, at \(node.place); export the model with "
                        + "its functions inlined")
            }
            values += node.outputs.count
        }
    }

    /// - Parameter node: the node at which there are too many; nil where it is not known.
    static func tooManyNodes(_ bounds: ModelBounds, _ place: String, at node: Node?) -> ONNXError {
        .tooCostly(
            place: place,
            reason: "it has more than \(bounds.nodes) nodes with those of its subgraphs and of the functions that it calls"
                + "\(shown(node)); divide the model, or write repeated parts as a Loop or Scan")
    }

    static func tooManyVisible(_ bounds: ModelBounds, _ place: String, at node: Node?) -> ONNXError {
        .tooCostly(
            place: place,
            reason: "its subgraphs see more than \(bounds.visibleValues) values of the graphs around them\(shown(node)); "
                + "write fewer If, Loop and Scan nodes, or put them into smaller graphs")
    }

    private static func shown(_ node: Node?) -> String { node.map { ", at \($0.place)" } ?? "" }
}

extension Graph {
    /// The number of values that the graph has before its first node.
    fileprivate var ownValues: Int { inputs.count + initializers.count + sparseInitializers.count }
}
