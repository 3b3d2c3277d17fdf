import Autodiff
import ConformanceSupport
import Engine
import Foundation
import ONNX
import Tensors
import Testing

@Suite struct ReverseModeTests {
    private func model(_ nodes: [Node], inputs: [(String, Shape)], output: String = "y", opset: Int64 = 21) -> Model {
        let graph = Graph(
            name: "g", nodes: nodes, inputs: inputs.map { Value($0.0, .tensor(.float32, $0.1)) },
            outputs: [Value(output, .tensor(.float32, nil))])
        return Model(operatorSets: [OperatorSet(domain: "", version: opset)], graph: graph)
    }

    private func check(_ model: Model, by wanted: [String]) throws {
        let inputs = model.graph.inputs.enumerated().map { position, input in
            let shape = Shape(input.type?.dimensions?.compactMap(\.value) ?? [])
            let values = GradientCheck.random(shape.elementCount ?? 0, seed: UInt64(position + 1)).map { Float($0) }
            return (name: input.name, tensor: Tensor(.float32, shape, values))
        }
        try GradientCheck(model: model, inputs: inputs, wanted: wanted, outputs: model.graph.outputs.map(\.name)).run()
    }

    @Test func usesOfOneValueAddUp() throws {
        let nodes = [
            Node("Mul", ["x", "x"], ["a"]), Node("Add", ["x", "a"], ["b"]), Node("Sin", ["x"], ["c"]), Node("Mul", ["b", "c"], ["d"]),
            Node("Sub", ["d", "x"], ["y"]),
        ]
        try check(model(nodes, inputs: [("x", [2, 3])]), by: ["x"])
    }

    @Test func aValueInBetweenCanBeWantedToo() throws {
        var model = model(
            [
                Node("Exp", ["x"], ["m"]), Node("Mul", ["m", "x"], ["n"]),
                Node("ReduceSum", ["n"], ["y"], [Attribute("keepdims", .int(0))]),
            ], inputs: [("x", [3])])
        let gradients = try ReverseMode.append(to: &model, loss: "y", for: ["m", "x"])
        let names = try [#require(gradients["m"]), #require(gradients["x"])]
        model.graph.outputs = names.map { Value($0, .tensor(.float32, [3])) }
        let session = try Session(model: model.serialized())
        let values = try session.run([Tensor(.float32, [3], [0, 1, 2] as [Float])], outputs: [0, 1]).compactMap { $0.tensor?.doubles }
        #expect(values[0] == [0, 1, 2])
        for (found, x) in zip(values[1], [0.0, 1, 2]) { #expect(abs(found - (exp(x) + x * exp(x))) < 1e-5) }
    }

    @Test func branchesOfAnIfAreDifferentiatedWithWhatTheyCapture() throws {
        for taken in [true, false] {
            let then = Graph(
                name: "then",
                nodes: [
                    Node("Constant", [], ["half"], [Attribute("value_float", .float(0.5))]), Node("Mul", ["m", "half"], ["s"]),
                    Node("Mul", ["s", "w"], ["t"]),
                ],
                outputs: [Value("t", .tensor(.float32, nil))])
            let inner = Graph(
                name: "inner", nodes: [Node("Sin", ["v"], ["u"])], outputs: [Value("u", .tensor(.float32, nil))])
            let other = Graph(name: "other", nodes: [Node("Exp", ["x"], ["o"])], outputs: [Value("o", .tensor(.float32, nil))])
            let otherwise = Graph(
                name: "else",
                nodes: [
                    Node("Mul", ["x", "x"], ["v"]),
                    Node("If", ["c"], ["w2"], [Attribute("then_branch", .graph(other)), Attribute("else_branch", .graph(inner))]),
                    Node("Add", ["w2", "two"], ["e"]),
                ],
                outputs: [Value("e", .tensor(.float32, nil))],
                initializers: [StoredTensor("two", .float32, [], [2] as [Float])])
            var model = model(
                [
                    Node("Exp", ["x"], ["m"]),
                    Node("If", ["c"], ["z"], [Attribute("then_branch", .graph(then)), Attribute("else_branch", .graph(otherwise))]),
                    Node("Mul", ["z", "x"], ["y"]),
                ], inputs: [("x", [2, 3]), ("w", [3])])
            model.graph.initializers.append(StoredTensor("c", .bool, [], [taken ? 1 : 0] as [UInt8]))
            // `w` has no part in the branch that is not taken: its gradient is then zero, and differences say so.
            try check(model, by: ["x", "w"])
        }
    }

    /// The engine has no kernel for SwiGLU itself: it is differentiated as it stands, then run as what it is defined to be.
    @Test func swiGLUIsAGateTimesAValue() throws {
        let plain = [
            Node("Mul", ["a", "alpha"], ["s"]), Node("Sigmoid", ["s"], ["g"]), Node("Mul", ["a", "g"], ["h"]),
            Node("Mul", ["h", "b"], ["y"]),
        ]
        func gradients(_ nodes: [Node]) throws -> [[Double]] {
            var model = model(nodes, inputs: [("a", [2, 3]), ("b", [2, 3])], opset: 24)
            model.graph.initializers.append(StoredTensor("alpha", .float32, [], [1.5] as [Float]))
            model.graph.inputs.append(Value("seed", .tensor(.float32, [2, 3])))
            model.graph.values.append(Value("y", .tensor(.float32, [2, 3])))
            let made = try ReverseMode.append(to: &model, seeds: ["y": "seed"], for: ["a", "b"])
            if nodes.count == 1 { model.graph.nodes.replaceSubrange(0..<1, with: plain) }
            model.graph.outputs = try ["a", "b"].map { Value(try #require(made[$0]), .tensor(.float32, [2, 3])) }
            let inputs = (1...3).map { Tensor(.float32, [2, 3], GradientCheck.random(6, seed: $0).map { Float($0) }) }
            return try Session(model: model.serialized()).run(inputs).compactMap { $0.tensor?.doubles }
        }
        let found = try gradients([Node("SwiGLU", ["a", "b"], ["y"], [float("alpha", 1.5)])])
        for (left, right) in zip(found, try gradients(plain)) { for (a, b) in zip(left, right) { #expect(abs(a - b) < 1e-6) } }
    }

    @Test func nothingIsLeftInTheGraphThatNoGradientNeeds() throws {
        var model = model([Node("Mul", ["x", "w"], ["y"])], inputs: [("x", [2, 3]), ("w", [2, 3])])
        model.graph.inputs.append(Value("seed", .tensor(.float32, [2, 3])))
        let gradients = try ReverseMode.append(to: &model, seeds: ["y": "seed"], for: ["w"])
        try #require(model.graph.nodes.map(\.operatorType) == ["Mul", "Mul"])
        #expect(model.graph.nodes[1].inputs == ["seed", "x"])
        #expect(gradients["w"] == model.graph.nodes[1].outputs[0])
        #expect(model.graph.initializers.isEmpty)
    }

    @Test func integersAndComparisonsEndTheWalkSilently() throws {
        let nodes = [
            Node("Shape", ["x"], ["s"]), Node("Cast", ["s"], ["f"], [Attribute("to", .int(1))]), Node("ReduceSum", ["f"], ["n"]),
            Node("Floor", ["x"], ["fl"]), Node("Mul", ["x", "n"], ["m"]), Node("Add", ["m", "fl"], ["y"]),
        ]
        try check(model(nodes, inputs: [("x", [2, 3])]), by: ["x"])
    }

    @Test func whatCannotBeDifferentiatedIsNamedWithItsPath() throws {
        let body = Graph(
            name: "body", nodes: [Node("Mul", ["s", "w"], ["s2"]), Node("Identity", ["c"], ["c2"])],
            inputs: [Value("i", .tensor(.int64, [])), Value("c", .tensor(.bool, [])), Value("s", .tensor(.float32, [3]))],
            outputs: [Value("c2", .tensor(.bool, [])), Value("s2", .tensor(.float32, [3]))])
        var model = model(
            [
                Node("Mul", ["w", "w"], ["v"]), Node("Loop", ["n", "", "v"], ["l"], name: "repeat", [Attribute("body", .graph(body))]),
                Node("Sin", ["l"], ["k"]), Node("ReduceSum", ["k"], ["y"]),
            ], inputs: [("w", [3])])
        model.graph.initializers.append(StoredTensor("n", .int64, [], [2] as [Int64]))
        let found = #expect(throws: AutodiffError.self) { try ReverseMode.append(to: &model, loss: "y", for: ["w"]) }
        guard case .noRule(let node, let type, let path, let reason)? = found else {
            Issue.record("\(String(describing: found))")
            return
        }
        #expect(node == "node Loop 'repeat' -> 'l'")
        #expect(type == "Loop")
        #expect(path == ["y", "k", "l", "v", "w"])
        #expect(reason.contains("only known when it does"))

        let survey = try ReverseMode.survey(model, from: ["y"], for: ["w"])
        #expect(survey.entries.map(\.operatorType) == ["Loop", "Mul", "ReduceSum", "Sin"])
        #expect(survey.refusals.count == 1)
    }

    @Test func customAndFusedOperatorsAreRefusedWithAReason() throws {
        for (domain, part) in [("com.microsoft", "before that optimization"), ("com.example", "com.example")] {
            var model = model([Node("Fused", ["x"], ["y"], domain: domain)], inputs: [("x", [])])
            model.operatorSets.append(OperatorSet(domain: domain, version: 1))
            let error = #expect(throws: AutodiffError.self) { try ReverseMode.append(to: &model, loss: "y", for: ["x"]) }
            #expect("\(String(describing: error))".contains(part))
        }
    }

    @Test func badRequestsAreRefused() throws {
        var model = model([Node("Sin", ["x"], ["y"]), Node("Shape", ["x"], ["s"])], inputs: [("x", [2]), ("z", [])])
        #expect(throws: AutodiffError.unknownValue("nope")) { try ReverseMode.append(to: &model, loss: "y", for: ["nope"]) }
        #expect(throws: AutodiffError.unknownValue("nope")) { try ReverseMode.append(to: &model, loss: "nope", for: ["x"]) }
        #expect(throws: AutodiffError.self) { try ReverseMode.append(to: &model, loss: "y", for: ["x"]) }  // two numbers
        model.graph.inputs.append(Value("seed", .tensor(.float32, [2])))
        #expect(
            throws: AutodiffError.nothingTrainable(
                reason: "no gradient leads back to 'z': there is no way, or only through operators without one, as ArgMax, Round and "
                    + "comparisons are")
        ) {
            try ReverseMode.append(to: &model, seeds: ["y": "seed"], for: ["z"])
        }
        #expect(throws: AutodiffError.self) { try ReverseMode.append(to: &model, seeds: ["y": "seed"], for: ["s"]) }
        model.operatorSets = [OperatorSet(domain: "", version: 17)]
        #expect(throws: AutodiffError.self) { try ReverseMode.append(to: &model, seeds: ["y": "seed"], for: ["x"]) }
    }

    /// Keys that are kept transposed: what the operator's expansion turns about again is still the operator's own input.
    @Test func aTransposeBeforeAnExpandedOperatorGetsItsGradient() throws {
        func tensor(_ shape: Shape, _ seed: UInt64) -> Tensor {
            Tensor(.float32, shape, GradientCheck.random(shape.elementCount ?? 0, seed: seed).map { Float($0) })
        }
        let inputs: [(name: String, tensor: Tensor)] = [
            ("q", tensor([1, 2, 3, 4], 1)), ("k", tensor([1, 2, 4, 5], 2)), ("v", tensor([1, 2, 5, 4], 3)),
        ]
        let graph = Graph(
            name: "g",
            nodes: [
                Node("Transpose", ["k"], ["turned"], [Attribute("perm", .ints([0, 1, 3, 2]))]),
                Node("Attention", ["q", "turned", "v"], ["y"]),
            ],
            inputs: inputs.map { Value($0.name, .tensor(.float32, $0.tensor.shape)) }, outputs: [Value("y", .tensor(.float32, nil))])
        try GradientCheck(
            model: Model(operatorSets: [OperatorSet(domain: "", version: 23)], graph: graph), inputs: inputs, wanted: ["q", "k", "v"],
            outputs: ["y"]
        ).run()
    }

    /// A linear layer as exporters write it, with weights that are turned: their gradient is a product in the order in which they are stored.
    @Test(arguments: ["MatMul", "Gemm"], [[5, 3], [2, 5, 3]])
    func theGradientOfTurnedWeightsIsNotTurned(_ product: String, rows: [Int]) throws {
        if product == "Gemm", rows.count > 2 { return }
        func tensor(_ shape: Shape, _ seed: UInt64) -> Tensor {
            Tensor(.float32, shape, GradientCheck.random(shape.elementCount ?? 0, seed: seed).map { Float($0) })
        }
        let inputs: [(name: String, tensor: Tensor)] = [("x", tensor(Shape(rows), 1)), ("w", tensor([4, 3], 2))]
        let graph = Graph(
            name: "g",
            nodes: [Node("Transpose", ["w"], ["turned"], [Attribute("perm", .ints([1, 0]))]), Node(product, ["x", "turned"], ["y"])],
            inputs: inputs.map { Value($0.name, .tensor(.float32, $0.tensor.shape)) }, outputs: [Value("y", .tensor(.float32, nil))])
        let model = Model(irVersion: 10, operatorSets: [OperatorSet(domain: "", version: 21)], graph: graph)
        try GradientCheck(model: model, inputs: inputs, wanted: ["x", "w"], outputs: ["y"]).run()
        var differentiated = model
        differentiated.graph.inputs.append(Value("seed", .tensor(.float32, Shape(rows.dropLast() + [4]))))
        _ = try ReverseMode.append(to: &differentiated, seeds: ["y": "seed"], for: ["x", "w"])
        let turns = differentiated.graph.nodes.filter { $0.operatorType == "Transpose" }.map(\.outputs)
        #expect(turns == [["turned"]])
    }

    /// An LSTM inside of an If, of which no shape is stated: as in silero's voice detectors.
    @Test(arguments: [true, false])
    func aRecurrentLayerInsideOfAnIfHasGradientsWithoutShapes(flag: Bool) throws {
        func tensor(_ shape: Shape, _ seed: UInt64) -> Tensor {
            Tensor(.float32, shape, GradientCheck.random(shape.elementCount ?? 0, seed: seed).map { Float($0) * 0.5 })
        }
        let inputs = [
            ("x", tensor([3, 2, 2], 1)), ("w", tensor([1, 12, 2], 2)), ("r", tensor([1, 12, 3], 3)), ("h", tensor([1, 2, 3], 4)),
        ]
        func branch(_ name: String, _ direction: String) -> Graph {
            Graph(
                name: name,
                nodes: [
                    Node(
                        "LSTM", ["x", "w", "r", "", "", "h", "h"], ["s" + name],
                        [Attribute("hidden_size", .int(3)), Attribute("direction", .string(direction))]),
                    Node("Tanh", ["s" + name], ["o" + name]),
                ], outputs: [Value("o" + name, .tensor(.float32, nil))])
        }
        var model = Model(
            irVersion: 8, operatorSets: [OperatorSet(domain: "", version: 21)],
            graph: Graph(
                name: "unshaped",
                nodes: [
                    Node(
                        "If", ["flag"], ["y"],
                        [
                            Attribute("then_branch", .graph(branch("a", "forward"))),
                            Attribute("else_branch", .graph(branch("b", "reverse"))),
                        ]
                    )
                ],
                inputs: inputs.map { Value($0.0, .tensor(.float32, nil)) }, outputs: [Value("y", .tensor(.float32, nil))]))
        model.graph.initializers.append(StoredTensor("flag", .bool, [], [flag ? 1 : 0] as [UInt8]))
        let check = GradientCheck(
            model: model, inputs: inputs.map { (name: $0.0, tensor: $0.1) }, wanted: ["x", "w", "r", "h"], outputs: ["y"])
        #expect(throws: Never.self) { try check.run() }
    }
}
