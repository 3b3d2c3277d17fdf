import ConformanceSupport
import Engine
import ONNX
import Tensors
import Testing

@testable import Passes

/// Where parameters live in a model as it came, what the training form makes of them, and the way back.
@Suite struct ParameterHomesTests {
    private let x = ("x", ramp([2, 3]))

    private func constant(_ name: String, _ tensor: Tensor) -> Node {
        Node("Constant", [], [name], name: "make_" + name, [Attribute("value", .tensor(StoredTensor("stored", tensor)))])
    }

    /// Weights in every form that a Constant node has them: `y = (x w + b) c`.
    private var constants: Model {
        SmallModel(
            opset: 21,
            [
                constant("w", ramp([3, 4])), Node("Constant", [], ["b"], [Attribute("value_floats", .floats([1, -2, 3, 0.5]))]),
                Node("Constant", [], ["c"], [Attribute("value_float", .float(0.25))]), constant("shape", ints([2, 4])),
                Node("MatMul", ["x", "w"], ["t"]), Node("Add", ["t", "b"], ["u"]), Node("Mul", ["u", "c"], ["v"]),
                Node("Reshape", ["v", "shape"], ["y"]),
            ], inputs: [x]
        ).model
    }

    @Test func constantNodesBecomeInitializersUnderTheirOutputsNames() throws {
        let form = try TrainingForm.of(constants)
        #expect(form.graph.initializers.map(\.name) == ["w", "b", "c"])
        #expect(form.graph.initializers.map(\.shape) == [[3, 4], [4], []])
        try #require(form.graph.nodes.map(\.operatorType) == ["Constant", "MatMul", "Add", "Mul", "Reshape"])
        #expect(ValueComparison.identical(try run(form, [x])[0], try run(constants, [x])[0]))
        #expect(try TrainingForm.of(form) == form)
    }

    @Test func valuesGoBackIntoTheSameNodesAndNothingElseChanges() throws {
        var changed = constants
        let values = ["w": ramp([3, 4]), "b": Tensor(.float32, [4], [9, 8, 7, 6] as [Float]), "c": Tensor(.float32, [], [5] as [Float])]
        try ParameterHomes.write(values, into: &changed)
        var expected = constants
        expected.graph.nodes[1][attribute: "value_floats"] = .floats([9, 8, 7, 6])
        expected.graph.nodes[2][attribute: "value_float"] = .float(5)
        #expect(changed == expected)
        #expect(try changed.serialized() == expected.serialized())
        let form = try TrainingForm.of(changed)
        #expect(try form.graph.initializer("b")?.tensor().values(as: Float.self) == [9, 8, 7, 6])
    }

    @Test func whatIsNoParameterAndWhatDoesNotFitIsRefused() throws {
        var model = constants
        let unknown = #expect(throws: PassError.self) { try ParameterHomes.write(["nothing": ramp([1])], into: &model) }
        #expect(unknown?.place == "'nothing'")
        let wrong = #expect(throws: PassError.self) { try ParameterHomes.write(["w": ramp([4, 3])], into: &model) }
        #expect(wrong?.reason == "it has the shape [3, 4], its new value [4, 3]")
        #expect(model == constants)
    }

    /// A single number that bounds is no parameter, in a Constant node or not; one that is multiplied by is.
    @Test func aNumberThatSaysHowAnOperatorWorksIsNone() throws {
        let bounds = [
            constant("low", Tensor(.float32, [], [-1] as [Float])), Node("Constant", [], ["high"], [Attribute("value_float", .float(2))]),
        ]
        let model = SmallModel(opset: 21, bounds + [Node("Clip", ["x", "low", "high"], ["y"])], inputs: [x]).model
        #expect(ParameterHomes(model).homes.isEmpty)
        #expect(try TrainingForm.of(model).graph.initializers.isEmpty)
        let scaled = SmallModel(opset: 21, bounds + [Node("Clip", ["x", "low"], ["c"]), Node("Mul", ["c", "high"], ["y"])], inputs: [x])
            .model
        #expect(ParameterHomes(scaled).homes.map(\.name) == ["high"])
    }

    @Test func sixteenBitConstantsAreWidenedAndNarrowedBack() throws {
        let bits: [UInt16] = (0..<12).map { UInt16(0x3C00 + 37 * $0) }
        let model = SmallModel(
            opset: 21,
            [
                constant("w", Tensor(.float16, [3, 4], bits)), Node("Cast", ["w"], ["c"], [Attribute("to", .int(1))]),
                Node("MatMul", ["x", "c"], ["y"]),
            ],
            inputs: [x]
        ).model
        let wide = try #require(try TrainingForm.of(model).graph.initializer("w")).tensor()
        #expect(wide.elementType == .float32)
        var changed = model
        try ParameterHomes.write(["w": wide], into: &changed)
        #expect(changed == model)
    }

    /// Both branches have a Constant and an initializer, under the same names; one of them gives a constant out as it is.
    private var branches: Model {
        func branch(_ name: String, _ scale: Float, _ output: String) -> Graph {
            Graph(
                name: name,
                nodes: [
                    constant("w", Tensor(.float32, [3, 3], (0..<9).map { scale * Float($0) })), Node("MatMul", ["x", "w"], ["t_" + name]),
                    Node("Add", ["t_" + name, "b"], ["r_" + name]),
                ], outputs: [Value("r_" + name, .tensor(.float32, nil)), Value(output, .tensor(.float32, nil))],
                initializers: [StoredTensor("b", .float32, [3], [scale, 2 * scale, 3 * scale])])
        }
        return SmallModel(
            opset: 21,
            [
                Node(
                    "If", ["flag"], ["y", "z"], name: "choice",
                    [
                        Attribute("then_branch", .graph(branch("first", 0.1, "w"))),
                        Attribute("else_branch", .graph(branch("second", -0.3, "b"))),
                    ])
            ], inputs: [x, ("flag", Tensor(.bool, [], [true]))], outputs: [("y", .float32), ("z", .float32)]
        ).model
    }

    @Test(arguments: [true, false]) func branchesOfAnIfGiveTheirWeightsToTheOutermostGraph(_ flag: Bool) throws {
        let form = try TrainingForm.of(branches)
        let names = form.graph.initializers.map(\.name)
        #expect(names == ["choice/then_branch/b", "choice/then_branch/w", "choice/else_branch/b", "choice/else_branch/w"])
        #expect(
            form.graph.nodes[0].subgraphs.allSatisfy { $0.initializers.isEmpty && !$0.nodes.contains { $0.operatorType == "Constant" } })
        let feeds = [x, ("flag", Tensor(.bool, [], [flag]))]
        let made = try run(form, feeds), wanted = try run(branches, feeds)
        #expect(ValueComparison.identical(made[0], wanted[0]) && ValueComparison.identical(made[1], wanted[1]))
        var changed = branches
        let new = Tensor(.float32, [3, 3], (0..<9).map { Float($0 * $0) })
        try ParameterHomes.write(["choice/else_branch/w": new], into: &changed)
        #expect(changed.graph.nodes[0].subgraphs[0] == branches.graph.nodes[0].subgraphs[0])
        let stored = try #require(changed.graph.nodes[0].subgraphs[1].nodes[0].attribute("value")?.tensor)
        #expect(stored.name == "stored")
        #expect(try stored.tensor().values(as: Float.self) == new.values(as: Float.self))
        #expect(changed.graph.nodes[0].subgraphs[1].initializers == branches.graph.nodes[0].subgraphs[1].initializers)
    }

    @Test func aSparseConstantAndOneInALoopAreRefusedByName() throws {
        let sparse = SparseTensor(
            values: StoredTensor("", .float32, [2], [1, 2] as [Float]), indices: StoredTensor("", .int64, [2], [0, 3] as [Int64]),
            shape: [3])
        let body = Graph(
            name: "body",
            nodes: [constant("inner", ramp([3])), Node("Add", ["state", "inner"], ["next"]), Node("Identity", ["go"], ["goes"])],
            inputs: [
                Value("i", .tensor(.int64, [] as Shape)), Value("go", .tensor(.bool, [] as Shape)), Value("state", .tensor(.float32, nil)),
            ],
            outputs: [Value("goes", .tensor(.bool, [] as Shape)), Value("next", .tensor(.float32, nil))])
        let model = SmallModel(
            opset: 21,
            [
                Node("Constant", [], ["s"], [Attribute("sparse_value", .sparseTensor(sparse))]), Node("Add", ["x", "s"], ["t"]),
                Node("Loop", ["", "flag", "t"], ["y"], [Attribute("body", .graph(body))]),
            ], inputs: [x, ("flag", Tensor(.bool, [], [true]))]
        ).model
        let homes = ParameterHomes(model)
        #expect(homes.homes.isEmpty)
        try #require(homes.refused.map(\.name) == ["s", "inner"])
        #expect(homes.refused[0].reason.contains("sparse_value") && homes.refused[1].reason.contains("Loop"))
    }
}
