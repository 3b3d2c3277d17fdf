import SwiftProtobuf

/// An operator that the model itself defines in terms of others.
package struct Function: Sendable, Equatable {
    @Field package var name: String
    @Field package var domain: String
    @Field package var overload: String
    package var inputs: [String]
    package var outputs: [String]
    package var nodes: [Node]
    /// Attributes that a call must give, and those with a default.
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
