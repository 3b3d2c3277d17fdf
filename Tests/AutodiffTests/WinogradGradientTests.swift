import Autodiff
import ConformanceSupport
import Engine
import ONNX
import Passes
import Tensors
import Testing

/// Convolutions that a step computes as products (`WinogradConvolution`): gradients follow from the products.
@Suite struct WinogradGradientTests {
    struct Layer: Sendable, CustomTestStringConvertible {
        let input: [Int]
        let weights: Shape
        var stride: Int64 = 1
        let form: String
        var testDescription: String { "\(input) by \(weights) \(stride)" }

        /// `[N, C, H, W]`, of which N is not known.
        func model(_ values: Tensor) -> Model {
            let pad: Int64 = weights.dimensions[2] == 3 ? 1 : 0
            let node = Node(
                "Conv", ["x", "w", "b"], ["y"], name: "layer",
                [Attribute("pads", .ints([pad, pad, pad, pad])), Attribute("strides", .ints([stride, stride]))])
            let graph = Graph(
                name: "g",
                nodes: [
                    node, Node("Mul", ["y", "y"], ["square"]), Node("ReduceSum", ["square"], ["loss"], [Attribute("keepdims", .int(0))]),
                ],
                inputs: [Value("x", .tensor(.float32, [.symbolic("n")] + input.dropFirst().map(Tensors.Dimension.fixed)))],
                outputs: [Value("loss", .tensor(.float32, []))],
                initializers: [StoredTensor("w", values), StoredTensor("b", random([weights.dimensions[0]], 3))])
            return Model(irVersion: 8, operatorSets: [OperatorSet(domain: "", version: 21)], graph: graph)
        }
    }

    private static let layers = [
        Layer(input: [3, 64, 8, 8], weights: [64, 64, 3, 3], form: "winograd F(4, 4, 3, 3)"),
        Layer(input: [2, 512, 4, 4], weights: [256, 512, 3, 3], form: "winograd F(2, 2, 3, 3)"),
        Layer(input: [2, 64, 15, 16], weights: [96, 64, 3, 3], stride: 2, form: "winograd F(4, 4, 3, 3)"),
        Layer(input: [2, 64, 16, 16], weights: [128, 64, 1, 1], stride: 2, form: "products of selected places"),
    ]

    private static func gradients(_ model: Model, _ x: Tensor) throws -> (values: [String: [Double]], types: Set<String>) {
        var model = model
        let names = try ReverseMode.append(to: &model, loss: "loss", for: ["x", "w", "b"]).names
        let wanted = names.sorted { $0.key < $1.key }
        model.graph.outputs = wanted.map { Value($0.value, nil) }
        let results = try Session(model: model.serialized()).run([("x", .tensor(x))])
        let values = zip(wanted, results).map { ($0.key, $1.tensor?.doubles ?? []) }
        return (Dictionary(uniqueKeysWithValues: values), Set(model.graph.nodes.map(\.operatorType)))
    }

    @Test(arguments: layers) func gradientsAreThoseOfTheConvolution(_ layer: Layer) throws {
        let model = layer.model(random(layer.weights, 1)), x = random(Shape(layer.input), 2)
        var form = model
        try StepForm.passes.run(&form)
        #expect(StepForm.forms(in: form.graph) == ["node Conv 'layer' -> 'y'": layer.form])
        let (expected, _) = try Self.gradients(model, x), (found, types) = try Self.gradients(form, x)
        #expect(types.isDisjoint(with: ["Conv", "ConvTranspose"]))
        #expect(found.keys.sorted() == ["b", "w", "x"])
        for (name, values) in found {
            let wanted = try #require(expected[name])
            let distance = length(zip(values, wanted).map { $0 - $1 })
            #expect(values.count == wanted.count && distance < 2e-5 * length(wanted), "\(name): \(distance / length(wanted))")
        }
    }

    /// All three products of a layer, and no matrix is turned about in between but where ONNX Runtime does that within a product.
    @Test func aLayerTakesThreeProducts() throws {
        var model = Self.layers[0].model(random(Self.layers[0].weights, 1))
        try StepForm.passes.run(&model)
        _ = try ReverseMode.append(to: &model, loss: "loss", for: ["x", "w"])
        let nodes = model.graph.nodes
        #expect(nodes.count { $0.operatorType == "MatMul" } == 3)
        for node in nodes where node.operatorType == "Transpose" {
            #expect(nodes.contains { $0.operatorType == "MatMul" && $0.inputs.contains(node.outputs[0]) })
            #expect(nodes.count { $0.inputs.contains(node.outputs[0]) } == 1)
        }
    }
}

private func random(_ shape: Shape, _ seed: UInt64) -> Tensor {
    Tensor(.float32, shape, GradientCheck.random(shape.elementCount ?? 0, seed: seed).map { Float($0) })
}

private func length(_ values: [Double]) -> Double { values.reduce(0) { $0 + $1 * $1 }.squareRoot() }
