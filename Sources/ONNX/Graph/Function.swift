import SwiftProtobuf

/// Represents an operator that the model itself defines by others.
package struct Function: Sendable, Equatable {
    @Field package var name: String
    @Field package var domain: String
    @Field package var overload: String
    package var inputs: [String]
    package var outputs: [String]
    package var nodes: [Node]
    /// The attributes that a call must give. Those with a default are apart.
    package var requiredAttributes: [String] = []
    package var defaultedAttributes: [Attribute] = []
    package var operatorSets: [OperatorSet]
    package var values: [Value] = []
    @Field package var docString: String
    package var metadata = Metadata()
    var unknownFields = UnknownStorage()

    package init(
        domain: String, name: String, inputs: [String], outputs: [String], nodes: [Node], operatorSets: [OperatorSet]
    ) {
        self.inputs = inputs
        self.outputs = outputs
        self.nodes = nodes
        self.operatorSets = operatorSets
        self.domain = domain
        self.name = name
    }

    /// The body as a graph whose inputs and outputs have no types.
    package var body: Graph {
        Graph(
            name: name, nodes: nodes, inputs: inputs.map { Value($0, nil) }, outputs: outputs.map { Value($0, nil) }, values: values)
    }
}

extension Function {
    /// Returns the body as `call` runs it: references to attributes are replaced by the call's values or the defaults; a reference to an
    /// attribute that neither gives removes its own attribute.
    package func body(for call: Node) -> Graph {
        var body = self.body
        body.nodes = bind(nodes, to: call)
        return body
    }

    private func bind(_ nodes: [Node], to call: Node) -> [Node] {
        func bind(_ graph: Graph) -> Graph {
            var graph = graph
            graph.nodes = self.bind(graph.nodes, to: call)
            return graph
        }
        return nodes.map { node in
            var node = node
            node.attributes = node.attributes.compactMap { attribute in
                var attribute = attribute
                switch attribute.value {
                case .reference(let name, _):
                    guard let given = call.attribute(name) ?? defaultedAttributes.first(where: { $0.name == name }) else { return nil }
                    attribute.value = given.value
                case .graph(let graph): attribute.value = .graph(bind(graph))
                case .graphs(let graphs): attribute.value = .graphs(graphs.map(bind))
                default: break
                }
                return attribute
            }
            return node
        }
    }
}
