import ONNX
import Tensors

extension OperatorTable {
    static let pooling: [OperatorGradient] = [
        .rule("MaxPool", by: maxPool),
        .rule("AveragePool", by: averagePool),
        .rule("LpPool", by: lpPool),
        .rule("GlobalAveragePool") { (c) in [(c.dy / elementsPerResult(c)).expanded(like: c.x)] },
        .rule("GlobalMaxPool") { (c) throws(AutodiffError) in
            let hits = c.x.equals(c.y)
            let spatial = Array(2..<(try c.rank()))
            return [hits.select(c.dy / hits.cast(to: c.x.elementType).sum(spatial), 0)]
        },
        .rule("MaxUnpool") { (c) in
            let flat = c.dy.flattened
            return [flat.apply("Gather", [c.input(1).flattened]).reshaped(like: c.x)]
        },
    ]

    /// Uses the operator's second output, which has the positions of the maxima in the whole flattened input.
    private static func maxPool(_ c: RuleContext) -> [Symbol?] {
        var indices: Symbol
        if c.int("storage_order") == 0 {
            indices = c.output(1, type: .int64, extents: c.y.extents)
        } else {
            // Positions in column-major order cannot be used here.
            indices =
                c.graph.emit(
                    "MaxPool", [c.x], outputs: 2, c.node.attributes.filter { $0.name != "storage_order" },
                    types: [c.graph.type(c.node.outputs[0]), .tensor(.int64, c.y.extents)])[1]
        }
        indices = indices.flattened
        return [added(c.dy.flattened, at: indices, to: c.x)]
    }

    /// Gives every element of a window an equal part of the cotangent: a transposed convolution with ones, with each channel as an image.
    private static func averagePool(_ c: RuleContext) throws(AutodiffError) -> [Symbol?] {
        let geometry = try WindowGeometry(c, kernel: nil, input: c.x.extents)
        return [spread(c.dy / divisor(c, geometry), geometry, c)]
    }

    /// Differentiates `y = (sum |x|^p)^(1/p)` over windows.
    private static func lpPool(_ c: RuleContext) throws(AutodiffError) -> [Symbol?] {
        let geometry = try WindowGeometry(c, kernel: nil, input: c.x.extents)
        let p = Double(c.int("p", 2))
        let outer = c.y.equals(0).select(0, c.dy / c.y.power(p - 1))
        let slope = p == 2 ? c.x : c.x.sign * c.x.abs.power(p - 1)
        return [spread(outer, geometry, c) * slope]
    }

    /// Adds each element of `cotangent`, which has the output's shape, to all elements of its window.
    private static func spread(_ cotangent: Symbol, _ geometry: WindowGeometry, _ c: RuleContext) -> Symbol {
        func images(_ value: Symbol) -> Symbol {
            if let fixed = value.fixedExtents { return value.reshaped([fixed[0] * fixed[1], 1] + fixed.dropFirst(2)) }
            let spatial = value.apply("Shape", [], [Attribute("start", .int(2))], type: .int64)
            let extents = value.extents.map { [Dimension.unknown, .fixed(1)] + $0.dropFirst(2) }
            return value.reshaped(to: c.graph.integers([-1, 1]).concatenated([spatial]), extents: extents)
        }
        let ones = c.graph.filled(1, c.graph.integers([1, 1] + geometry.kernel), type: c.x.elementType)
        let spread = geometry.spread(images(cotangent), by: ones, over: images(c.x), group: 1)
        return spread.reshaped(like: c.x)
    }

    /// Returns the number of elements that the pool divided by: all of the window, except those outside of the input that do not count.
    private static func divisor(_ c: RuleContext, _ geometry: WindowGeometry) -> Symbol {
        let countsPadding = c.int("count_include_pad") == 1
        let beyond = c.int("ceil_mode") == 1
        if !beyond && (countsPadding || geometry.isUnpadded) { return c.graph.scalar(Double(geometry.taps), c.x.elementType) }
        // Ones where an element counts are convolved with ones; zeros follow where a last window may run over.
        let spatial = c.x.apply("Shape", [], [Attribute("start", .int(2))], type: .int64)
        var counted = c.graph.filled(1, c.graph.integers([1, 1]).concatenated([spatial]), type: c.x.elementType)
        let pads = geometry.before + geometry.after
        if countsPadding {
            let value = c.graph.scalar(1, c.x.elementType)
            counted = counted.apply("Pad", [c.graph.integers(pads), value, c.graph.integers(Array(geometry.axes))])
        } else {
            counted = counted.apply("Pad", [c.graph.integers(pads), nil, c.graph.integers(Array(geometry.axes))])
        }
        if beyond {
            let zeros = geometry.kernel.map { _ in 0 }
            let room = geometry.strides.map { $0 - 1 }
            counted = counted.apply("Pad", [c.graph.integers(zeros + room), nil, c.graph.integers(Array(geometry.axes))])
        }
        let ones = c.graph.filled(1, c.graph.integers([1, 1] + geometry.kernel), type: c.x.elementType)
        let counts = counted.apply("Conv", [ones], geometry.attributes(group: 1, padded: false))
        guard beyond else { return counts }
        // A window that would begin after the padded input is left out.
        let axes = c.graph.integers(Array(geometry.axes))
        let taken = c.y.apply("Shape", [], [Attribute("start", .int(2))], type: .int64)
        let zeros = c.graph.integers(geometry.kernel.map { _ in 0 })
        return counts.apply("Slice", [zeros, taken, axes])
    }
}
