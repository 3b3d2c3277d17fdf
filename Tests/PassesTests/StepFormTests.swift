import ConformanceSupport
import Engine
import ONNX
import Tensors
import Testing

@testable import Passes

@Suite struct StepFormTests {
    private static let root = Tensor(.float32, [], [Float(2).squareRoot()])
    private static let inverse = Tensor(.float32, [], [Float(0.5).squareRoot()])
    private static let half = Tensor(.float32, [], [0.5] as [Float])
    private static let one = Tensor(.float32, [], [1] as [Float])

    struct Spelling: Sendable, CustomTestStringConvertible {
        let testDescription: String
        /// Behind `e = erf(z)`, `s = e + 1`.
        let ending: [Node]
        var scaling = Node("Div", ["x", "root"], ["z"])
    }

    private static let spellings = [
        Spelling(testDescription: "(x s) half", ending: [Node("Mul", ["x", "s"], ["p"]), Node("Mul", ["p", "half"], ["y"])]),
        Spelling(testDescription: "(x half) s", ending: [Node("Mul", ["x", "half"], ["p"]), Node("Mul", ["p", "s"], ["y"])]),
        Spelling(testDescription: "x (half s)", ending: [Node("Mul", ["half", "s"], ["p"]), Node("Mul", ["x", "p"], ["y"])]),
        Spelling(
            testDescription: "by the inverse root", ending: [Node("Mul", ["s", "x"], ["p"]), Node("Mul", ["half", "p"], ["y"])],
            scaling: Node("Mul", ["inverse", "x"], ["z"])),
    ]

    private func gelu(_ spelling: Spelling, opset: Int64 = 21, half: Tensor = half, root: Tensor = root) -> Model {
        let nodes = [spelling.scaling, Node("Erf", ["z"], ["e"]), Node("Add", ["e", "one"], ["s"])] + spelling.ending
        return SmallModel(
            opset: opset, nodes, inputs: [("x", ramp([2, 9]))],
            initializers: [("root", root), ("inverse", Self.inverse), ("half", half), ("one", Self.one)]
        ).model
    }

    @Test(arguments: spellings) func everySpellingOfGeluBecomesOneNode(_ spelling: Spelling) throws {
        let model = gelu(spelling)
        var form = model
        try StepForm.passes.run(&form)
        #expect(form.graph.nodes.map(\.operatorType) == ["Gelu"])
        let x = ("x", ramp([2, 9]))
        #expect(ValueComparison.difference(try run(form, [x])[0], try run(model, [x])[0]) == nil)
    }

    @Test func whatOnlyLooksLikeGeluStays() throws {
        let spelling = Self.spellings[0]
        let others = [
            gelu(spelling, opset: 17), gelu(spelling, half: Tensor(.float32, [], [0.4] as [Float])),
            gelu(spelling, root: Tensor(.float32, [], [1.5] as [Float])),
            gelu(spelling, half: Tensor(.float32, [1, 1, 1], [0.5] as [Float])),
        ]
        for model in others {
            var form = model
            try StepForm.passes.run(&form)
            #expect(form.graph.nodes == model.graph.nodes)
        }
        var read = gelu(spelling)
        read.graph.outputs.append(Value("e", .tensor(.float32, nil)))
        var form = read
        try StepForm.passes.run(&form)
        #expect(form.graph.nodes == read.graph.nodes)
    }

    private func normalized(
        bias: Bool, _ weights: Shape = [4, 3, 3, 3], mode: Int64 = 0, outputs: [(String, ElementType)] = [("y", .float32)]
    ) -> Model {
        let positive = Tensor(.float32, [4], [0.5, 1, 2, 3] as [Float])
        return SmallModel(
            opset: 21,
            [
                Node("Conv", ["x", "w"] + (bias ? ["b"] : []), ["c"], [Attribute("pads", .ints([1, 1, 1, 1]))]),
                Node(
                    "BatchNormalization", ["c", "scale", "shift", "mean", "var"], ["y"],
                    [Attribute("epsilon", .float(0.01)), Attribute("training_mode", .int(mode))]),
            ],
            inputs: [("x", ramp([2, 3, 5, 6]))],
            initializers: [
                ("w", ramp(weights)), ("b", ramp([4])), ("scale", ramp([4])), ("shift", ramp([4])), ("mean", ramp([4])), ("var", positive),
            ], outputs: outputs
        ).model
    }

    @Test(arguments: [false, true]) func aNormalizationGoesIntoItsConvolution(bias: Bool) throws {
        let model = normalized(bias: bias)
        var form = model
        try StepForm.passes.run(&form)
        let types = form.graph.nodes.map(\.operatorType)
        #expect(types.contains("Conv") && !types.contains("BatchNormalization"))
        // All are still what they were, to be trained.
        for name in ["w", "scale", "shift", "mean", "var"] + (bias ? ["b"] : []) {
            #expect(form.graph.initializer(name) == model.graph.initializer(name))
        }
        let x = ("x", ramp([2, 3, 5, 6]))
        #expect(ValueComparison.difference(try run(form, [x])[0], try run(model, [x])[0]) == nil)
    }

    @Test func aNormalizationStaysWhereOthersReadTheConvolutionOrItTrains() throws {
        for model in [normalized(bias: false, mode: 1), normalized(bias: false, outputs: [("y", .float32), ("c", .float32)])] {
            var form = model
            try StepForm.passes.run(&form)
            #expect(form.graph.nodes == model.graph.nodes)
        }
    }
}
