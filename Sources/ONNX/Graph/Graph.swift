import Names
import ONNXProto
import SwiftProtobuf

/// Holds nodes in topological order, and the values that flow between them by name.
package struct Graph: Sendable, Equatable {
    @Field package var name: String
    package var nodes: [Node]
    package var inputs: [Value]
    package var outputs: [Value]
    /// The constants. Up to IR version 3 each is also among the inputs; since version 4, one that is among them is a default which a caller
    /// may override.
    package var initializers: [StoredTensor]
    package var sparseInitializers: [SparseTensor]
    /// The types of values in between, as far as the file states them.
    package var values: [Value]
    @Field package var docString: String
    package var metadata = Metadata()
    var quantizationAnnotations: [Onnx_TensorAnnotation] = []
    var unknownFields = UnknownStorage()

    package init(
        name: String? = nil, nodes: [Node] = [], inputs: [Value] = [], outputs: [Value] = [],
        initializers: [StoredTensor] = [], sparseInitializers: [SparseTensor] = [], values: [Value] = []
    ) {
        self.nodes = nodes
        self.inputs = inputs
        self.outputs = outputs
        self.initializers = initializers
        self.sparseInitializers = sparseInitializers
        self.values = values
        _name = Field(name)
    }

    package func initializer(_ name: String) -> StoredTensor? { initializers.first { $0.name.isName(name) } }

    /// The inputs that a caller must give: those without an initializer of the same name.
    package var requiredInputs: [Value] {
        let given = NameSet(initializers.map(\.name)).union(sparseInitializers.map(\.name))
        return given.isEmpty ? inputs : inputs.filter { !given.contains($0.name) }
    }

    /// Calls `body` with every node, those of subgraphs after the node that holds them.
    package func forEachNode<Failure: Error>(_ body: (Node) throws(Failure) -> Void) throws(Failure) {
        for node in nodes {
            try body(node)
            for subgraph in node.subgraphs { try subgraph.forEachNode(body) }
        }
    }

    /// Two names used here or in a subgraph that are equal as text but differ in their bytes; nil where there are none. ONNX treats them as
    /// two names.
    package var twinNames: (String, String)? {
        var seen: [String: String] = [:]
        func twin(_ graph: Graph) -> (String, String)? {
            func known(_ name: String) -> (String, String)? {
                guard let other = seen.updateValue(name, forKey: name), !other.isName(name) else { return nil }
                return (other, name)
            }
            let defined = graph.initializers.map(\.name) + graph.sparseInitializers.map(\.name)
            for name in graph.inputs.map(\.name) + graph.outputs.map(\.name) + defined {
                if let found = known(name) { return found }
            }
            for node in graph.nodes {
                for name in node.inputs + node.outputs { if let found = known(name) { return found } }
                for subgraph in node.subgraphs { if let found = twin(subgraph) { return found } }
            }
            return nil
        }
        return twin(self)
    }

    /// The set of all names that are used here or in a subgraph.
    package var usedNames: Set<String> {
        var names = Set(inputs.map(\.name) + outputs.map(\.name) + initializers.map(\.name) + sparseInitializers.map(\.name))
        for node in nodes {
            names.formUnion(node.inputs)
            names.formUnion(node.outputs)
            for subgraph in node.subgraphs { names.formUnion(subgraph.usedNames) }
        }
        return names
    }
}
