import Engine
import ONNX
import Recipes
import Tensors
import Testing

@testable import Passes

/// A product and its bias, a layer and its normalization.
@Suite struct FusionTests {
    // MARK: MatMul and Add

    private func product(
        _ x: Tensor = ramp([3, 4]), _ w: Tensor = ramp([4, 5]), bias: Tensor = ramp([5]), swapped: Bool = false, opset: Int64 = 17
    ) -> SmallModel {
        SmallModel(
            opset: opset,
            [Node("MatMul", ["x", "w"], ["p"]), Node("Add", swapped ? ["b", "p"] : ["p", "b"], ["y"])], inputs: [("x", x)],
            initializers: [("w", w), ("b", bias)], outputs: [("y", x.elementType)])
    }

    @Test func aProductAndItsBiasBecomeAGemm() throws {
        for small in [
            product(), product(swapped: true), product(bias: scalar(2)), product(bias: ramp([1, 5])), product(bias: ramp([3, 1])),
            product(bias: ramp([3, 5])), product(opset: 7), product(ramp([1, 4])), product(opset: 21), product(ramp([0, 4])),
        ] {
            let form = try Deployed(small, .fuseGemm)
            #expect(form.operators == ["Gemm"] && form.changes[.fuseGemm] == 1)
            let shape = Shape(small.model.graph.inputs[0].type?.dimensions?.compactMap(\.value) ?? [])
            #expect(try form.difference([("x", ramp(shape))]) == nil)
        }
        // A product of nothing is 0, so that the bias remains.
        let empty = try Deployed(product(ramp([3, 0]), ramp([0, 5])), .fuseGemm)
        #expect(try empty.difference([("x", ramp([3, 0]))]) == nil)
        let double = Tensor(.float64, [1, 2], [1, 2] as [Double])
        let wide = try Deployed(
            product(double, Tensor(.float64, [2, 1], [3, 4] as [Double]), bias: Tensor(.float64, [1], [5] as [Double])), .fuseGemm)
        #expect(wide.operators == ["Gemm"])
        #expect(try wide.difference([("x", double)]) == nil)
        // A bias need not be a constant.
        #expect(try Deployed(product().overriding("b").overriding("w"), .fuseGemm).operators == ["Gemm"])
    }

    @Test func whatAGemmCannotDoStays() throws {
        for small in [
            product(ramp([2, 3, 4])), product(ramp([4])), product(bias: ramp([2, 3, 5])), product(ramp([1, 4]), bias: ramp([3, 5])),
            product(opset: 6), product(ramp([3, 4]), ramp([4, 1]), bias: ramp([5])), product().alsoGiving("p"),
            product().alsoReadingInBranch("p"),
        ] {
            var small = small
            if small.model.operatorSetVersion() == 6 { small.model.graph.nodes[1][attribute: "broadcast"] = .int(1) }
            #expect(try Deployed(small, .fuseGemm).isUnchanged)
        }
        var half = product()
        half.model.graph.inputs[0].type = .tensor(.float16, [.fixed(3), .fixed(4)])
        for position in 0..<2 {
            let tensor = try half.model.graph.initializers[position].tensor()
            half.model.graph.initializers[position].replace(with: tensor.narrowed(to: .float16))
        }
        half.model.graph.outputs[0].type = .tensor(.float16, nil)
        #expect(try Deployed(half, .fuseGemm).isUnchanged)
        let twice = SmallModel(
            opset: 17, [Node("MatMul", ["x", "w"], ["p"]), Node("Add", ["p", "p"], ["y"])], inputs: [("x", ramp([3, 4]))],
            initializers: [("w", ramp([4, 5]))])
        #expect(try Deployed(twice, .fuseGemm).isUnchanged)
        // An open axis may be 1, and then the bias broadens the product.
        var open = product(bias: ramp([3, 5]))
        open.model.graph.inputs[0].type = .tensor(.float32, [.symbolic("N"), .fixed(4)])
        #expect(try Deployed(open, .fuseGemm).isUnchanged)
    }

    @Test func aSumOfTwoProductsBecomesOneGemm() throws {
        let small = SmallModel(
            opset: 17, [Node("MatMul", ["x", "w"], ["p"]), Node("MatMul", ["x", "v"], ["q"]), Node("Add", ["p", "q"], ["y"])],
            inputs: [("x", ramp([3, 4]))], initializers: [("w", ramp([4, 5])), ("v", ramp([4, 5]))])
        let form = try Deployed(small, .fuseGemm)
        #expect(form.operators == ["MatMul", "Gemm"])
        #expect(try form.difference([("x", ramp([3, 4]))]) == nil)
    }

    // MARK: BatchNormalization

    private func normalized(
        _ layer: Node, _ x: Tensor, _ weights: [(String, Tensor)], channels: Int, opset: Int64 = 17, _ attributes: [Attribute] = [],
        type: ElementType = .float32, variance: Float = 0.5
    ) -> SmallModel {
        func statistic(_ tensor: Tensor) -> Tensor { Tensor(type, tensor.shape, rounding: tensor.numbers!)! }
        let positive = Tensor(.float32, [channels], (0..<channels).map { variance + Float($0) })
        return SmallModel(
            opset: opset,
            [
                layer,
                Node(
                    "BatchNormalization", ["c", "scale", "shift", "mean", "var"], ["y"],
                    attributes + [Attribute("epsilon", .float(0.01))]),
            ], inputs: [("x", x)],
            initializers: weights + [
                ("scale", statistic(ramp([channels]))), ("shift", statistic(ramp([channels]))), ("mean", statistic(ramp([channels]))),
                ("var", statistic(positive)),
            ], outputs: [("y", type)])
    }

    private func convolution(
        bias: Bool = true, group: Int64 = 1, opset: Int64 = 17, _ attributes: [Attribute] = [], variance: Float = 0.5
    ) -> SmallModel {
        normalized(
            Node("Conv", ["x", "w"] + (bias ? ["b"] : []), ["c"], [.ints("pads", 1, 1, 1, 1), .int("group", group)]), ramp([2, 2, 5, 6]),
            [("w", ramp([4, 2 / Int(group), 3, 3])), ("b", ramp([4]))], channels: 4, opset: opset, attributes, variance: variance)
    }

    @Test func aNormalizationGoesIntoItsConvolution() throws {
        for small in [
            convolution(), convolution(bias: false), convolution(group: 2), convolution(opset: 7), convolution(opset: 9),
            convolution(opset: 7, [.int("spatial", 1)]), convolution([.int("training_mode", 0)]),
        ] {
            let form = try Deployed(small, .fuseBatchNorm, .removeUnusedInitializers)
            #expect(form.operators == ["Conv"] && form.after.graph.initializers.count == 2)
            #expect(try form.difference([("x", ramp([2, 2, 5, 6]))]) == nil)
        }
    }

    @Test func aNormalizationGoesIntoItsGemm() throws {
        let layers: [(Node, Tensor, Tensor?)] = [
            (Node("Gemm", ["x", "w", "b"], ["c"]), ramp([5, 4]), ramp([4])),
            (Node("Gemm", ["x", "w", "b"], ["c"], [.int("transB", 1), Attribute("beta", .float(0.5))]), ramp([4, 5]), ramp([1, 4])),
            (
                Node("Gemm", ["x", "w", "b"], ["c"], [Attribute("alpha", .float(2)), Attribute("beta", .float(3))]), ramp([5, 4]), scalar(2)
            ),
            (Node("Gemm", ["x", "w"], ["c"]), ramp([5, 4]), nil),
        ]
        for (layer, weights, bias) in layers {
            let small = normalized(
                layer, ramp([3, 5]), [("w", weights)] + (bias.map { [("b", $0)] } ?? []), channels: 4)
            let form = try Deployed(small, .fuseBatchNorm)
            #expect(form.operators == ["Gemm"])
            #expect(try form.difference([("x", ramp([3, 5]))]) == nil)
        }
        let rows = normalized(
            Node("Gemm", ["x", "w", "b"], ["c"]), ramp([3, 5]), [("w", ramp([5, 4])), ("b", ramp([3, 4]))], channels: 4)
        #expect(try Deployed(rows, .fuseBatchNorm).isUnchanged)
    }

    @Test func doubleStaysDouble() throws {
        func double(_ shape: Shape) -> Tensor { Tensor(.float64, shape, rounding: ramp(shape).numbers!)! }
        let small = normalized(
            Node("Gemm", ["x", "w"], ["c"]), double([3, 5]), [("w", double([5, 4]))], channels: 4, type: .float64)
        let form = try Deployed(small, .fuseBatchNorm)
        #expect(form.operators == ["Gemm"])
        let before = try run(form.before, [("x", double([3, 5]))])[0], after = try run(form.after, [("x", double([3, 5]))])[0]
        let wanted = try #require(before.tensor?.numbers), got = try #require(after.tensor?.numbers)
        for (got, wanted) in zip(got, wanted) { #expect(abs(got - wanted) <= 1e-12 * max(abs(wanted), 1)) }
    }

    @Test func aNormalizationThatOthersNeedOrThatTrainsStays() throws {
        for small in [
            convolution([.int("training_mode", 1)]), convolution().alsoGiving("c"), convolution().alsoReadingInBranch("c"),
            convolution().overriding("w"), convolution().overriding("b"), convolution().overriding("mean"),
            // The root of a negative number is none.
            convolution(variance: -5),
        ] {
            #expect(try Deployed(small, .fuseBatchNorm).isUnchanged)
        }
        let places = normalized(
            Node("Conv", ["x", "w"], ["c"]), ramp([1, 2, 1, 1]), [("w", ramp([4, 2, 1, 1]))], channels: 4, opset: 7, [.int("spatial", 0)])
        #expect(try Deployed(places, .fuseBatchNorm).isUnchanged)
        let half = Tensor(.float32, [1], [1] as [Float]).narrowed(to: .float16)
        let narrow = normalized(
            Node("Conv", ["x", "w"], ["c"]), Tensor(.float16, [1, 1, 1, 1], half.values(as: UInt16.self)!),
            [("w", Tensor(.float16, [1, 1, 1, 1], half.values(as: UInt16.self)!))], channels: 1, type: .float16)
        #expect(try Deployed(narrow, .fuseBatchNorm).isUnchanged)
    }

    @Test func weightsThatTwoLayersShareStayForTheOther() throws {
        var small = convolution()
        small.model.graph.nodes.append(Node("Conv", ["x", "w", "b"], ["z"]))
        small = small.alsoGiving("z")
        let form = try Deployed(small, .fuseBatchNorm)
        #expect(form.operators == ["Conv", "Conv"])
        #expect(form.after.graph.initializer("w") == form.before.graph.initializer("w"))
        #expect(try form.difference([("x", ramp([2, 2, 5, 6]))]) == nil)
    }
}
