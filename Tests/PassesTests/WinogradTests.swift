import Engine
import ONNX
import Tensors
import Testing

import struct Foundation.Data

@testable import Passes

@Suite struct WinogradTests {
    struct Axis: Sendable, CustomTestStringConvertible {
        let kernel: Int
        var stride = 1
        let extent: Int
        var before = 1
        var after = 1
        var testDescription: String { "\(kernel) by \(stride) over \(before)+\(extent)+\(after)" }
    }

    private static let axes = [
        Axis(kernel: 3, extent: 8), Axis(kernel: 3, extent: 7), Axis(kernel: 3, extent: 5, before: 0, after: 0),
        Axis(kernel: 3, extent: 6, before: 2, after: 0),
        Axis(kernel: 3, stride: 2, extent: 8), Axis(kernel: 3, stride: 2, extent: 9, before: 0, after: 1),
        Axis(kernel: 2, extent: 7, before: 0),
        Axis(kernel: 1, extent: 6, before: 0, after: 0), Axis(kernel: 1, stride: 2, extent: 7, before: 0, after: 0),
        Axis(kernel: 4, stride: 3, extent: 11),
        Axis(kernel: 3, stride: 5, extent: 13), Axis(kernel: 3, extent: 3, before: 3, after: 3),
    ]

    /// In float64, where nothing but the algorithm counts.
    @Test(arguments: axes, [1, 2, 4]) func aMinimalFilterIsTheCorrelation(_ axis: Axis, tile: Int) throws {
        let filter = try #require(
            MinimalFilter(kernel: axis.kernel, stride: axis.stride, extent: axis.extent, before: axis.before, after: axis.after, tile: tile)
        )
        let x = (0..<axis.extent).map { Double(($0 * 7) % 5) - 1.5 }, w = (0..<axis.kernel).map { Double(($0 * 3) % 7) - 2.25 }
        let padded = [Double](repeating: 0, count: axis.before) + x + [Double](repeating: 0, count: axis.after)
        let outputs = (padded.count - axis.kernel) / axis.stride + 1
        #expect(filter.outputs == outputs && filter.tiles == (outputs + tile - 1) / tile)
        for output in 0..<outputs {
            let expected = w.indices.reduce(0) { $0 + w[$1] * padded[output * axis.stride + $1] }
            var sum = 0.0
            for (product, tile) in (0..<filter.products).flatMap({ product in (0..<filter.tiles).map { (product, $0) } }) {
                let row = product * filter.tiles + tile
                let input = x.indices.reduce(0) { $0 + filter.input[row * axis.extent + $1] * x[$1] }
                let weight = w.indices.reduce(0) { $0 + filter.kernel[product * axis.kernel + $1] * w[$1] }
                sum += filter.output[row * outputs + output] * input * weight
            }
            #expect(abs(sum - expected) < 1e-11)
        }
    }

    @Test func thereAreAsFewProductsAsTheTheoryHas() throws {
        func products(_ kernel: Int, _ stride: Int, tile: Int) -> Int? {
            MinimalFilter(kernel: kernel, stride: stride, extent: 16, before: 1, after: 1, tile: tile)?.products
        }
        #expect(products(3, 1, tile: 2) == 4)
        #expect(products(3, 1, tile: 4) == 6)
        #expect(products(3, 2, tile: 4) == 5 + 4)
        #expect(products(5, 1, tile: 2) == 6)
        // More points would cost digits.
        #expect(products(5, 1, tile: 4) == nil)
        #expect(MinimalFilter(kernel: 5, stride: 1, extent: 2, before: 1, after: 1, tile: 2) == nil)
    }

    struct Layer: Sendable, CustomTestStringConvertible {
        let input: Shape
        let weights: Shape
        var attributes: [Attribute] = []
        var testDescription: String { "\(input) by \(weights)" }

        func model(bias: Bool, input given: [Dimension]? = nil) -> Model {
            var model = SmallModel(
                opset: 21, [Node("Conv", ["x", "w"] + (bias ? ["b"] : []), ["y"], name: "layer", attributes)], inputs: [("x", ramp(input))],
                initializers: [("w", ramp(weights)), ("b", ramp([weights.dimensions[0]]))]
            ).model
            if let given { model.graph.inputs[0].type = .tensor(.float32, given) }
            return model
        }
    }

    private static let layers = [
        Layer(input: [3, 5, 8, 8], weights: [4, 5, 3, 3], attributes: [attribute("pads", [1, 1, 1, 1])]),
        Layer(input: [2, 5, 7, 6], weights: [4, 5, 3, 3], attributes: [attribute("pads", [0, 1, 2, 0])]),
        Layer(input: [2, 3, 9, 8], weights: [4, 3, 3, 3], attributes: [attribute("pads", [1, 1, 1, 1]), attribute("strides", [2, 2])]),
        Layer(input: [2, 3, 9, 8], weights: [4, 3, 1, 3], attributes: [attribute("strides", [2, 1])]),
        Layer(input: [2, 5, 11], weights: [4, 5, 3], attributes: [attribute("pads", [1, 1])]),
        Layer(input: [2, 3, 4, 5, 6], weights: [4, 3, 2, 3, 3], attributes: [attribute("pads", [0, 1, 1, 1, 1, 1])]),
    ]

    private static func attribute(_ name: String, _ values: [Int64]) -> Attribute { Attribute(name, .ints(values)) }

    private func form(_ model: Model, tile: Int, joint: Bool) throws -> Model {
        var form = model
        let pass = WinogradConvolution { layer in
            layer.filters(tile: tile).map { WinogradPlan(filters: $0, isJoint: joint, layer: layer) }
        }
        try ([pass] as PassList).run(&form)
        return form
    }

    @Test(arguments: layers, [(2, true), (2, false), (4, true), (4, false)]) func aConvolutionInProductsIsTheSame(
        _ layer: Layer, _ plan: (Int, Bool)
    ) throws {
        for bias in [false, true] {
            // How many images come is not known to the graph.
            let model = layer.model(bias: bias, input: [.symbolic("n")] + layer.input.dimensions.dropFirst().map(Dimension.fixed))
            let form = try form(model, tile: plan.0, joint: plan.1)
            let types = form.graph.nodes.map(\.operatorType)
            #expect(!types.contains("Conv") && types.filter { $0 == "MatMul" }.count == 1)
            #expect(try form.inferTypes()["y"] == model.inferTypes()["y"])
            let x = ("x", ramp(layer.input))
            guard case .tensor(let got) = try run(form, [x])[0], case .tensor(let expected) = try run(model, [x])[0],
                let values = got.values(as: Float.self), let wanted = expected.values(as: Float.self)
            else {
                Issue.record("no tensor")
                return
            }
            #expect(got.shape == expected.shape)
            let error = Self.length(zip(values, wanted).map { $0 - $1 }), length = Self.length(wanted)
            #expect(error < 3e-6 * length, "\(error / length)")
        }
    }

    private static func length(_ values: [Float]) -> Float { values.reduce(0) { $0 + $1 * $1 }.squareRoot() }

    @Test func itIsDoneWhereItIsLessWork() throws {
        func form(_ input: Shape, _ weights: Shape, _ attributes: [Attribute] = [], type: [Dimension]? = nil) throws -> [String: String] {
            let open = [.symbolic("n")] + input.dimensions.dropFirst().map(Dimension.fixed)
            var model = Layer(input: input, weights: weights, attributes: attributes).model(bias: false, input: type ?? open)
            try StepForm.passes.run(&model)
            return StepForm.forms(in: model.graph)
        }
        let padded = Self.attribute("pads", [1, 1, 1, 1])
        let place = "node Conv 'layer' -> 'y'"
        #expect(try form([1, 64, 16, 16], [64, 64, 3, 3], [padded]) == [place: "winograd F(4, 4, 3, 3)"])
        #expect(try form([1, 512, 4, 4], [512, 512, 3, 3], [padded]) == [place: "winograd F(2, 2, 3, 3)"])
        #expect(
            try form([1, 64, 32, 32], [128, 64, 3, 3], [padded, Self.attribute("strides", [2, 2])]) == [place: "winograd F(4, 4, 3, 3)"])
        #expect(try form([1, 3, 32, 32], [64, 3, 3, 3], [padded]).isEmpty)
        #expect(try form([1, 64, 16, 16], [64, 64, 1, 1]).isEmpty)
        #expect(try form([1, 64, 224, 224], [64, 64, 3, 3], [padded]).isEmpty)
        #expect(try form([1, 64, 16, 16], [64, 32, 3, 3], [padded, Attribute("group", .int(2))]).isEmpty)
        #expect(try form([1, 64, 16, 16], [64, 64, 3, 3], [Self.attribute("dilations", [2, 2])]).isEmpty)
        #expect(try form([1, 64, 16, 16], [64, 64, 3, 3], [Attribute("auto_pad", .string(Data("SAME_UPPER".utf8)))]).isEmpty)
        #expect(try form([1, 64, 16, 16], [64, 64, 3, 3], [padded], type: [.fixed(1), .fixed(64), .symbolic("h"), .fixed(16)]).isEmpty)
        // Transforms of weights are not worth it for one image; and a long axis is told to be none without its matrices being made.
        #expect(try form([1, 512, 4, 4], [512, 512, 3, 3], [padded], type: [1, 512, 4, 4].map(Dimension.fixed)).isEmpty)
        #expect(try form([1, 64, 16], [64, 64, 3], type: [.symbolic("n"), .fixed(64), .fixed(1 << 24)]).isEmpty)
    }
}
