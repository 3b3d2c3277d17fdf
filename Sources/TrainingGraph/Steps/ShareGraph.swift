import Autodiff
package import ONNX
import Passes
package import Tensors

/// Holds what is computed of one share of a batch, as ONNX graphs.
///
/// What shares give is summed over all of them: the gradients of the sum of the loss's terms, that sum, the weights of the terms, and what
/// BatchNormalization needs. Where a share needs such a sum before it can go on, its graph is cut there: `phases` follow one another, and a
/// phase begins when the sums of the phase before it are known. The same shares give the same bytes, whoever computes them.
package struct ShareGraph: Sendable {
    /// Describes a value that is summed over all shares.
    package struct Sum: Sendable, Hashable {
        /// The output of a phase that has the part of one share.
        package let part: String
        /// The input of later phases, or of the step's own graph, that takes the sum.
        package let total: String
        package let elementType: ElementType
        package let shape: Shape
    }

    /// Describes one phase. Its inputs are those of the model, target and row weights, parameters, frozen weights, the key of dropout, sums
    /// of earlier phases, and what earlier phases keep, each as far as it is needed.
    package struct Phase: Sendable {
        package let model: Model
        /// The outputs that are summed over all shares.
        package let sums: [Sum]
        /// Those of them that later phases read.
        package let passedOn: [Sum]
        /// The outputs that later phases of the same share read, under the same names.
        package let kept: [String]
    }

    package let phases: [Phase]

    /// Cuts a graph in which sums over shares are inputs.
    /// - Parameters:
    ///   - wanted: the sums that the step needs.
    ///   - inner: the sums that only later phases may need.
    init(cutting model: Model, wanted: [Sum], inner: [Sum]) throws(AutodiffError) {
        var sums = wanted
        var nodes = model.graph.nodes
        while true {
            nodes = Self.nodes(of: model.graph, for: Set(sums.map(\.part)))
            let read = Set(nodes.flatMap(\.everyInput))
            let more = inner.filter { read.contains($0.total) && !sums.contains($0) }
            guard !more.isEmpty else { break }
            sums += more
        }
        let levels = Self.levels(nodes, sums)
        let types: InferredTypes
        do { types = try model.inferTypes() } catch { throw .invalid(place: "the graph of a share", reason: "\(error)") }
        func type(_ name: String) throws(AutodiffError) -> Value {
            if let input = model.graph.inputs.first(where: { $0.name == name }) { return input }
            guard let type = types[name], type.elementType != nil else {
                throw .invalid(
                    place: "shares",
                    reason: "the type of '\(name)' is not known, and it would be kept between two parts of a step; "
                        + "leave out shares, or leave BatchNormalization frozen")
            }
            return Value(name, type)
        }
        let last = sums.map { levels[$0.part] ?? 0 }.max() ?? 0
        var phases: [Phase] = []
        for level in 0...last {
            let own = nodes.filter { Self.level(of: $0, levels) == level }
            let made = Set(own.flatMap(\.outputs))
            let later = Set(nodes.filter { Self.level(of: $0, levels) > level }.flatMap(\.everyInput))
            let kept = own.flatMap(\.outputs).filter { !$0.isEmpty && later.contains($0) }
            let given = sums.filter { made.contains($0.part) }
            let read = Set(own.flatMap(\.everyInput))
            let stored = model.graph.initializers.filter { read.contains($0.name) }
            let known = made.union(stored.map(\.name)).union(model.graph.sparseInitializers.map(\.name)).union([""])
            var inputs: [Value] = []
            for name in read.subtracting(known).sorted() { inputs.append(try type(name)) }
            var outputs = given.map { Value($0.part, .tensor($0.elementType, $0.shape)) }
            for name in kept { outputs.append(try type(name)) }
            var phase = model
            phase.graph = Graph(name: "share_\(level)", nodes: own, inputs: inputs, outputs: outputs, initializers: stored)
            phase.graph.sparseInitializers = model.graph.sparseInitializers.filter { read.contains($0.name) }
            _ = DepthFirstOrder().run(&phase)
            phases.append(
                Phase(
                    model: try phase.withoutExternalData(), sums: given, passedOn: given.filter { later.contains($0.total) }, kept: kept))
        }
        self.phases = phases
    }

    /// Returns the nodes on which the values depend, in order.
    private static func nodes(of graph: Graph, for values: Set<String>) -> [Node] {
        var needed = values
        var kept: [Node] = []
        for node in graph.nodes.reversed() where node.outputs.contains(where: needed.contains) {
            needed.formUnion(node.everyInput)
            kept.append(node)
        }
        return kept.reversed()
    }

    private static func level(of node: Node, _ levels: [String: Int]) -> Int { node.outputs.compactMap { levels[$0] }.max() ?? 0 }

    /// Returns how many sums must be known, one after the other, before a value can be computed; values without an entry need none.
    private static func levels(_ nodes: [Node], _ sums: [Sum]) -> [String: Int] {
        var levels: [String: Int] = [:]
        var isChanged = true
        while isChanged {
            isChanged = false
            func raise(_ value: String, to level: Int) {
                guard level > levels[value] ?? 0, !value.isEmpty else { return }
                levels[value] = level
                isChanged = true
            }
            for sum in sums { raise(sum.total, to: (levels[sum.part] ?? 0) + 1) }
            for node in nodes {
                let level = node.everyInput.compactMap { levels[$0] }.max() ?? 0
                for output in node.outputs { raise(output, to: level) }
            }
        }
        return levels
    }
}

extension Node {
    /// The values that the node reads, those of its subgraphs included.
    fileprivate var everyInput: [String] { subgraphs.isEmpty ? inputs : inputs + subgraphs.flatMap { $0.outerNames } }
}
