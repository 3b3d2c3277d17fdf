import ONNX
import Tensors

/// Differentiates Resize, which is linear in its input and works axis by axis in every mode, so that it is a product with a matrix along
/// each axis. The operator itself gives that matrix when it resizes an identity matrix, and the gradient is the product with its transpose:
/// no coordinate mode needs a formula. Cropping works in the same way: elements outside are constants, so their rows are zeros. ONNX
/// Runtime does not crop an axis whose scale is 1.
enum Resizing {
    @Sendable static func rule(_ c: RuleContext) throws(AutodiffError) -> [Symbol?] {
        let rank = try c.rank()
        let axes = c.ints("axes").map { $0.map { c.axis($0, rank: rank) } } ?? Array(0..<rank)
        var cotangent = c.dy
        for (position, axis) in axes.enumerated() {
            let (extent, result) = (c.x.extents?[axis].value, c.y.extents?[axis].value)
            let scale = scales(c).map { position < $0.count ? $0[position] : nil } ?? nil
            if extent != nil, extent == result, scale ?? 1 == 1 { continue }
            if scale == 1 { continue }
            cotangent = applied(matrix(c, position, of: axes.count, axis), to: cotangent, axis, rank)
        }
        return [cotangent.stating(c.x.extents)]
    }

    private static func scales(_ c: RuleContext) -> [Double]? {
        guard c.isGiven(2), let tensor = c.constantValue(c.node.inputs[2]) else { return nil }
        return tensor.values(as: Float.self)?.map { Double($0) }
    }

    /// Returns the matrix `[result, extent]` of one axis: an identity matrix, resized along its first axis.
    private static func matrix(_ c: RuleContext, _ position: Int, of count: Int, _ axis: Int) -> Symbol {
        let graph = c.graph
        let extent = c.x.extent(axis)
        let identity = graph.filled(0, extent.concatenated([extent]), type: c.x.elementType).map("EyeLike")
        let place = graph.integers([position])
        let attributes = c.node.attributes.filter { !["axes", "keep_aspect_ratio_policy", "extrapolation_value"].contains($0.name) }
        let region = c.string("coordinate_transformation_mode", "half_pixel") == "tf_crop_and_resize" ? region(c, position, of: count) : nil
        if c.isGiven(2) {
            let scale = c.input(2).apply("Gather", [place], extents: [.fixed(1)])
            let both = scale.concatenated([graph.constant(.float32, [1], [1] as [Float])])
            return identity.apply("Resize", [region, both], attributes)
        }
        // The sizes are those of the output, in which any aspect ratio policy is already applied.
        let sizes = c.y.extent(axis).concatenated([extent])
        return identity.apply("Resize", [region, nil, sizes], attributes)
    }

    /// Returns the region of the matrix that crops as the node crops this axis; nil without cropping.
    private static func region(_ c: RuleContext, _ position: Int, of count: Int) -> Symbol? {
        guard let region = c.optionalInput(1) else { return nil }
        func bound(_ place: Int) -> Symbol { region.apply("Gather", [c.graph.integers([place])], extents: [.fixed(1)]) }
        func whole(_ value: Double) -> Symbol { c.graph.scalar(value, region.elementType).reshaped([1]) }
        return bound(position).concatenated([whole(0), bound(position + count), whole(1)])
    }

    /// Multiplies by the transposed matrix along one axis of `value`.
    private static func applied(_ matrix: Symbol, to value: Symbol, _ axis: Int, _ rank: Int) -> Symbol {
        if axis == rank - 1 { return value.matrixProduct(matrix) }
        let transposed = matrix.transposed([1, 0])
        if axis == rank - 2 { return transposed.matrixProduct(value) }
        let graph = value.graph
        func shape(_ name: String, _ bound: Int) -> Symbol {
            value.apply("Shape", [], [Attribute(name, .int(Int64(bound)))], type: .int64)
        }
        let leading = shape("end", axis), trailing = shape("start", axis + 1)
        let product = transposed.matrixProduct(
            value.reshaped(to: leading.concatenated([value.extent(axis), graph.integers([-1])])))
        let extent = matrix.apply("Shape", [], [Attribute("start", .int(1))], type: .int64)
        return product.reshaped(to: leading.concatenated([extent, trailing]))
    }
}
