import ConformanceSupport
import Engine
import ONNX
import Passes
import Tensors
import Testing

@Suite struct InlineFunctionsTests {
    private static let domain = "example.own"

    private func function(
        _ name: String, _ inputs: [String], _ outputs: [String], _ nodes: [Node], opset: Int64 = 17, required: [String] = [],
        defaulted: [Attribute] = []
    ) -> Function {
        var function = Function(
            domain: Self.domain, name: name, inputs: inputs, outputs: outputs, nodes: nodes,
            operatorSets: [OperatorSet(domain: "", version: opset), OperatorSet(domain: Self.domain, version: 1)])
        function.requiredAttributes = required
        function.defaultedAttributes = defaulted
        return function
    }

    private func call(_ name: String, _ inputs: [String], _ outputs: [String], _ attributes: [Attribute] = []) -> Node {
        Node(name, inputs, outputs, name: "call_" + outputs[0], domain: Self.domain, attributes)
    }

    private func model(_ nodes: [Node], _ functions: [Function], inputs: [(String, Tensor)], opset: Int64 = 17) -> Model {
        var model = SmallModel(opset: opset, nodes, inputs: inputs, functions: functions).model
        model.operatorSets.append(OperatorSet(domain: Self.domain, version: 1))
        return model
    }

    /// Inlines, compares with the engine's own inlining, and gives the result.
    private func inlined(_ original: Model, _ inputs: [(String, Tensor)]) throws -> Model {
        var model = original
        let expected = try run(model, inputs)
        try ([InlineFunctions()] as PassList).run(&model)
        #expect(model.functions.isEmpty)
        #expect(!model.graph.nodes.contains { $0.domain == Self.domain })
        for (got, expected) in zip(try run(model, inputs), expected) { #expect(ValueComparison.identical(got, expected)) }
        return model
    }

    private let x = ("x", ramp([2, 3]))

    @Test func innerNamesDoNotMeetOuterOnes() throws {
        // The body's names are those of the graph around it, with other meanings.
        let body = function("Twice", ["y"], ["x"], [Node("Add", ["y", "y"], ["t"]), Node("Neg", ["t"], ["x"])])
        let nodes = [Node("Abs", ["x"], ["t"]), call("Twice", ["t"], ["u"]), call("Twice", ["u"], ["v"]), Node("Add", ["v", "t"], ["y"])]
        _ = try inlined(model(nodes, [body], inputs: [x]), [x])
    }

    @Test func callsWithinAndAttributesPassedThroughThem() throws {
        let leaf = function(
            "Leaf", ["a"], ["b"], [Node("LeakyRelu", ["a"], ["b"], [Attribute("alpha", .reference("slope", .float))])], required: ["slope"])
        let outer = function(
            "Outer", ["a"], ["b"],
            [call("Leaf", ["a"], ["c"], [Attribute("slope", .reference("outer", .float))]), Node("Exp", ["c"], ["b"])],
            defaulted: [Attribute("outer", .float(0.25))])
        let nodes = [call("Outer", ["x"], ["t"]), call("Outer", ["t"], ["y"], [Attribute("outer", .float(0.5))])]
        let result = try inlined(model(nodes, [leaf, outer], inputs: [x]), [x])
        #expect(result.graph.nodes.compactMap { $0.attribute("alpha")?.float } == [0.25, 0.5])
    }

    @Test func anOptionalInputLeftOut() throws {
        let body = function("Bound", ["a", "low", "high"], ["b"], [Node("Clip", ["a", "low", "high"], ["b"])])
        var original = model([call("Bound", ["x", "", "h"], ["y"])], [body], inputs: [x])
        original.graph.initializers = [StoredTensor("h", .float32, [], [Float(0.4)])]
        let result = try inlined(original, [x])
        #expect(result.graph.nodes.first?.inputs == ["x", "", "h"])
    }

    @Test func anInputThatIsGivenOutAsItCame() throws {
        let body = function("Both", ["a"], ["a", "b"], [Node("Neg", ["a"], ["b"])])
        let nodes = [call("Both", ["x"], ["p", "q"]), Node("Sub", ["p", "q"], ["y"])]
        // The engine does not run such a function; what it means is said here by hand.
        var written = model(nodes, [body], inputs: [x])
        try ([InlineFunctions()] as PassList).run(&written)
        let plain = SmallModel(opset: 17, [Node("Neg", ["x"], ["q"]), Node("Sub", ["x", "q"], ["y"])], inputs: [x]).model
        #expect(ValueComparison.identical(try run(written, [x])[0], try run(plain, [x])[0]))
    }

    @Test func branchesInBodiesAndCallsInBranches() throws {
        func branch(_ node: Node) -> AttributeValue {
            .graph(Graph(name: "b", nodes: [node], outputs: [Value(node.outputs[0], .tensor(.float32, nil))]))
        }
        let leaf = function("Leaf", ["a"], ["b"], [Node("Exp", ["a"], ["b"])])
        let body = function(
            "Choose", ["c", "a"], ["r"],
            [
                Node("Neg", ["a"], ["n"]),
                Node(
                    "If", ["c"], ["r"],
                    [
                        Attribute("then_branch", branch(Node("Abs", ["n"], ["n_t"]))),
                        Attribute("else_branch", branch(call("Leaf", ["n"], ["n_e"]))),
                    ]),
            ])
        let inputs = [("c", Tensor(.bool, [], [false])), x]
        let nodes = [call("Choose", ["c", "x"], ["t"]), call("Choose", ["c", "t"], ["y"])]
        _ = try inlined(model(nodes, [leaf, body], inputs: inputs), inputs)
    }

    @Test(arguments: [(11, 17), (17, 11)] as [(Int64, Int64)])
    func theOlderOfTwoOperatorSetsIsRaised(ofFunction inner: Int64, ofModel outer: Int64) throws {
        func squeeze(_ opset: Int64, _ input: String, _ output: String) -> [Node] {
            opset < 13
                ? [Node("Squeeze", [input], [output], [Attribute("axes", .ints([0]))])]
                : [
                    Node("Constant", [], [output + "_axes"], [Attribute("value_ints", .ints([0]))]),
                    Node("Squeeze", [input, output + "_axes"], [output]),
                ]
        }
        let body = function("First", ["a"], ["b"], squeeze(inner, "a", "b"), opset: inner)
        let input = ("x", ramp([1, 1, 3]))
        var written = model(squeeze(outer, "x", "t") + [call("First", ["t"], ["y"])], [body], inputs: [input], opset: outer)
        try ([InlineFunctions()] as PassList).run(&written)
        #expect(written.operatorSetVersion() == 17)
        #expect(try run(written, [input])[0].tensor?.shape == [3])
    }

    @Test func aMissingAttributeIsRefusedByName() {
        let body = function(
            "Leaf", ["a"], ["b"], [Node("LeakyRelu", ["a"], ["b"], [Attribute("alpha", .reference("slope", .float))])], required: ["slope"])
        var written = model([call("Leaf", ["x"], ["y"])], [body], inputs: [x])
        let error = #expect(throws: PassError.self) { try InlineFunctions().run(&written) }
        #expect(error?.reason == "its function needs the attribute 'slope'")
    }
}
