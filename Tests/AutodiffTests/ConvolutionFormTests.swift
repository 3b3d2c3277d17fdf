import Autodiff
import Engine
import ONNX
import Tensors
import Testing

@Suite struct ConvolutionFormTests {
    struct Layer: Sendable, CustomTestStringConvertible {
        let input: Shape
        let weights: Shape
        var attributes: [Attribute] = []
        var testDescription: String { "\(input) by \(weights)" }
    }

    private static let layers = [
        Layer(input: [2, 3, 6, 7], weights: [4, 3, 3, 3], attributes: [ints("pads", [1, 0, 1, 2]), ints("strides", [2, 1])]),
        Layer(
            input: [2, 4, 5, 5], weights: [6, 2, 3, 3],
            attributes: [int("group", 2), ints("dilations", [1, 2]), ints("pads", [1, 1, 1, 1])]),
        Layer(input: [2, 3, 6, 6], weights: [3, 1, 3, 3], attributes: [int("group", 3), ints("strides", [2, 2])]),
        Layer(input: [2, 3, 5, 6], weights: [4, 3, 1, 1], attributes: [ints("strides", [2, 1])]),
        Layer(input: [2, 3, 9], weights: [4, 3, 3], attributes: [ints("dilations", [2])]),
        Layer(input: [2, 3, 6, 7], weights: [4, 3, 3, 3], attributes: [ints("pads", [1, 0, 1, 2])]),
        Layer(input: [2, 3, 7, 6], weights: [4, 3, 2, 3], attributes: [ints("dilations", [2, 1])]),
        Layer(input: [2, 3, 5, 5], weights: [2, 3, 3, 2], attributes: [ints("pads", [4, 1, 3, 2])]),
        // Dilated along both axes, by different steps: a form that takes one for the other is wrong here.
        Layer(input: [2, 3, 7, 8], weights: [4, 3, 2, 3], attributes: [ints("dilations", [2, 3]), ints("pads", [1, 2, 0, 1])]),
    ]

    /// Every form is right wherever it fits; where it does not, the rule falls back to one that does.
    @Test(arguments: layers, ConvolutionWeightForm.allCases) func everyFormGivesTheGradient(_ layer: Layer, _ form: ConvolutionWeightForm)
        throws
    {
        let check = Self.check(layer)
        try check.run(options: GradientOptions(convolutionWeightForm: form))
    }

    @Test(arguments: layers, ConvolutionInputForm.allCases) func everyFormGivesTheInputsGradient(
        _ layer: Layer, _ form: ConvolutionInputForm
    ) throws {
        try Self.check(layer).run(options: GradientOptions(convolutionInputForm: form))
    }

    private static func check(_ layer: Layer) -> GradientCheck {
        func tensor(_ shape: Shape, _ seed: UInt64) -> Tensor {
            Tensor(.float32, shape, GradientCheck.random(shape.elementCount ?? 0, seed: seed).map { Float($0) })
        }
        let graph = Graph(
            name: "g", nodes: [Node("Conv", ["x", "w"], ["y"], layer.attributes)],
            inputs: [Value("x", .tensor(.float32, layer.input)), Value("w", .tensor(.float32, layer.weights))],
            outputs: [Value("y", .tensor(.float32, nil))])
        return GradientCheck(
            model: Model(operatorSets: [OperatorSet(domain: "", version: 21)], graph: graph),
            inputs: [("x", tensor(layer.input, 1)), ("w", tensor(layer.weights, 2))], wanted: ["x", "w"], outputs: ["y"])
    }

    @Test func theFormIsChosenByTheLayerAndReported() throws {
        func form(_ input: Shape, _ weights: Shape, _ attributes: [Attribute] = [], _ options: GradientOptions = GradientOptions()) throws
            -> String?
        {
            var model = Self.check(Layer(input: input, weights: weights, attributes: attributes)).model
            model.graph.nodes.append(Node("ReduceSum", ["y"], ["loss"], [int("keepdims", 0)]))
            let forms = try ReverseMode.append(to: &model, loss: "loss", for: ["w"], options: options).forms
            #expect(forms.count == 1)
            #expect(forms.first?.node == "node Conv -> 'y'")
            return forms.first?.form
        }
        #expect(try form([8, 64, 14, 14], [64, 64, 1, 1]) == "weight gradient: product")
        #expect(try form([8, 32, 14, 14], [32, 1, 3, 3], [int("group", 32)]) == "weight gradient: depthwise")
        #expect(try form([8, 3, 32, 32], [8, 3, 7, 7]) == "weight gradient: swapped")
        #expect(try form([8, 256, 14, 14], [8, 256, 3, 3]) == "weight gradient: taps")
        #expect(try form([8, 16, 32, 32], [8, 16, 3, 3]) == "weight gradient: columns")
        #expect(try form([8, 256, 14, 14], [8, 128, 3, 3], [int("group", 2)]) == "weight gradient: columns")
        #expect(try form([8, 64, 32, 32], [64, 64, 3, 3], [ints("pads", [1, 1, 1, 1])]) == "weight gradient: shifted")
        #expect(
            try form([8, 64, 32, 32], [8, 64, 3, 3], [], GradientOptions(convolutionWeightForm: .swapped)) == "weight gradient: swapped")
    }

    @Test func theInputsFormIsChosenByTheLayerAndReported() throws {
        func form(_ input: Shape, _ weights: Shape, _ attributes: [Attribute] = [], _ options: GradientOptions = GradientOptions()) throws
            -> String?
        {
            var model = Self.check(Layer(input: input, weights: weights, attributes: attributes)).model
            model.graph.nodes.append(Node("ReduceSum", ["y"], ["loss"], [int("keepdims", 0)]))
            return try ReverseMode.append(to: &model, loss: "loss", for: ["x"], options: options).forms.first?.form
        }
        let padded = [ints("pads", [1, 1, 1, 1])]
        #expect(try form([8, 64, 32, 32], [64, 64, 3, 3], padded) == "input gradient: rotated")
        #expect(try form([8, 512, 4, 4], [512, 512, 3, 3], padded) == "input gradient: wide")
        #expect(try form([8, 256, 14, 14], [256, 256, 3, 3], padded) == "input gradient: transposed")
        #expect(try form([8, 64, 32, 32], [64, 64, 1, 1]) == "input gradient: transposed")
        #expect(try form([8, 64, 32, 32], [64, 64, 3, 3], padded + [ints("strides", [2, 2])]) == "input gradient: transposed")
        #expect(try form([8, 64, 32, 32], [64, 64, 3, 3], padded, GradientOptions(convolutionInputForm: .wide)) == "input gradient: wide")
        // Padding beyond the kernel's span leaves only the transposed convolution.
        let beyond = GradientOptions(convolutionInputForm: .rotated)
        #expect(try form([8, 64, 32, 32], [64, 64, 3, 3], [ints("pads", [3, 1, 1, 1])], beyond) == "input gradient: transposed")
    }

    /// A model's card names both gradients' forms of a node.
    @Test func bothFormsOfALayerAreNamed() throws {
        var model = Self.check(Layer(input: [8, 64, 32, 32], weights: [64, 64, 3, 3])).model
        model.graph.nodes.append(Node("ReduceSum", ["y"], ["loss"], [int("keepdims", 0)]))
        let forms = try ReverseMode.append(to: &model, loss: "loss", for: ["x", "w"]).formsByNode
        #expect(forms == ["node Conv -> 'y'": "input gradient: rotated, weight gradient: shifted"])
    }
}
