import ONNX
import Tensors

/// Differentiates Conv and ConvTranspose, with any number of spatial axes, strides, dilations and groups.
///
/// The gradient by the input is the transposed convolution of the cotangent. The gradient by the weights is a sum over images and
/// positions. For both there are several forms; the layer decides which is fastest (`ConvolutionInputForm`, `ConvolutionWeightForm`).
enum Convolution {
    static let operators: [OperatorGradient] = [
        .rule("Conv", weights: [1, 2], by: convolution),
        .rule("ConvTranspose", weights: [1, 2], by: transposed),
        .expansion("CausalConvWithState", CausalConvolutionExpansion.outputs),
    ]

    private static func convolution(_ c: RuleContext) throws(AutodiffError) -> [Symbol?] {
        let geometry = try WindowGeometry(c, kernel: c.input(1).fixedPositions, input: c.x.extents)
        let group = c.int("group", 1)
        let toInput = c.needs(0) ? inputs(c, geometry, group) : nil
        let toWeights = c.needs(1) ? weights(c, input: c.x, cotangent: c.dy, geometry, group) : nil
        return [toInput, toWeights, c.dy.sum([0] + Array(geometry.axes), keep: false)]
    }

    /// Returns the gradients of ConvTranspose by the rule of Conv, in which the cotangent takes the place of the input, and the input that
    /// of the cotangent.
    private static func transposed(_ c: RuleContext) throws(AutodiffError) -> [Symbol?] {
        var geometry = try WindowGeometry(c, kernel: c.input(1).fixedPositions, input: nil, isTransposed: true)
        let group = c.int("group", 1)
        let outputPadding = c.ints("output_padding") ?? geometry.kernel.map { _ in 0 }
        guard zip(outputPadding, geometry.strides).allSatisfy({ $0 < $1 }) else {
            throw c.refused("its output padding is not below its stride")
        }
        var cotangent = c.dy
        if c.ints("output_shape") != nil || c.string("auto_pad", "NOTSET").hasPrefix("SAME") {
            let extents = c.ints("output_shape")?.suffix(geometry.kernel.count) ?? c.y.fixedExtents?.dropFirst(2)
            var totals: [Int] = []
            if let input = c.x.fixedExtents, let extents {
                totals = extents.enumerated().map { axis, extent in
                    (input[axis + 2] - 1) * geometry.strides[axis] + outputPadding[axis] + geometry.spans[axis] - extent
                }
            }
            if totals.isEmpty || totals.contains(where: { $0 < 0 }) {
                cotangent = restored(c, geometry, outputPadding)
                totals = geometry.kernel.map { _ in 0 }
            }
            let smaller = totals.map { $0 / 2 }, larger = zip(totals, smaller).map { $0 - $1 }
            (geometry.before, geometry.after) = c.string("auto_pad", "NOTSET") == "SAME_UPPER" ? (smaller, larger) : (larger, smaller)
        }
        let toInput = cotangent.apply("Conv", [c.b], geometry.attributes(group: group), extents: c.x.extents)
        let toWeights = c.needs(1) ? weights(c, input: cotangent, cotangent: c.x, geometry, group) : nil
        return [toInput, toWeights, c.dy.sum([0] + Array(geometry.axes), keep: false)]
    }

    /// Returns the cotangent of a transposed convolution with zeros where its output was cut to a given shape, and without the elements
    /// that this shape adds. The extents, and so the padding, are known only when the graph runs.
    private static func restored(_ c: RuleContext, _ geometry: WindowGeometry, _ outputPadding: [Int]) -> Symbol {
        let graph = c.graph
        func spatial(_ value: Symbol) -> Symbol {
            value.apply("Shape", [], [Attribute("start", .int(2))], extents: [.fixed(geometry.kernel.count)], type: .int64)
        }
        let least = zip(zip(outputPadding, geometry.spans), geometry.strides).map { $0.0 + $0.1 - $1 }
        let missing = spatial(c.x) * graph.integers(geometry.strides) + graph.integers(least) - spatial(c.dy)
        let total = missing.apply("Max", [graph.scalar(0, .int64)], extents: missing.extents)
        let half = total / 2
        let before = c.string("auto_pad", "NOTSET") == "SAME_UPPER" ? half : total - half
        return c.dy.apply("Pad", [before.concatenated([missing - before]), nil, graph.integers(Array(geometry.axes))])
    }

    private static func inputs(_ c: RuleContext, _ geometry: WindowGeometry, _ group: Int) -> Symbol {
        let form =
            c.options.convolutionInputForm.flatMap { $0.fits(geometry, group, c.x) ? $0 : nil } ?? .chosen(geometry, group, c.x, c.dy)
        c.note("input gradient: \(form.rawValue)")
        return switch form {
        case .transposed: geometry.spread(c.dy, by: c.b, over: c.x, group: group)
        case .rotated: ConvolutionInputForm.rotated(c.dy, by: c.b, over: c.x, geometry)
        case .wide: ConvolutionInputForm.wide(c.dy, by: c.b, over: c.x, geometry)
        }
    }

    /// Returns the gradient by the weights `[M, C / group, ...]` of a convolution of `input` `[N, C, ...]`, given the cotangent of its
    /// output.
    private static func weights(
        _ c: RuleContext, input: Symbol, cotangent: Symbol, _ geometry: WindowGeometry, _ group: Int
    ) -> Symbol {
        let form =
            c.options.convolutionWeightForm.flatMap { $0.fits(geometry, group, input, cotangent) ? $0 : nil }
            ?? .chosen(geometry, group, input, cotangent)
        c.note("weight gradient: \(form.rawValue)")
        let layer = Layer(input: input, cotangent: cotangent, weights: c.b, geometry: geometry, group: group)
        return switch form {
        case .product: layer.product
        case .depthwise: layer.depthwise
        case .swapped: layer.swapped
        case .columns: layer.columns
        case .taps: layer.taps
        case .wide: layer.wide
        case .shifted: layer.shifted
        }
    }
}

/// Names a way to compute the gradient by the weights of a convolution.
package enum ConvolutionWeightForm: String, Sendable, CaseIterable {
    /// The gradient is a product of matrices for each image, and their sum. It needs a kernel of one element and no padding.
    case product
    /// The gradient is one convolution with a group for every channel of every image, whose kernel is the cotangent. It needs as many
    /// groups as channels.
    case depthwise
    /// The gradient is a convolution of the input with the cotangent as kernel and images as channels. Strides and dilations are exchanged.
    case swapped
    /// The parts of the input that each element of the kernel is multiplied with are joined, for one product of matrices for each image. It
    /// needs memory for as many copies of the input as the kernel has elements.
    case columns
    /// The gradient is a product over all images and positions for each element of the kernel, with channels last. It needs one group.
    case taps
    /// The gradient has the form `taps`, with its products joined to one. It needs as much memory as `columns`, and one group.
    case wide
    /// The cotangent is shifted by each row of the kernel and the input by each column, for one product for each image and column. It needs
    /// two spatial axes of known extents, strides of one, and one group.
    case shifted

    func fits(_ geometry: WindowGeometry, _ group: Int, _ input: Symbol, _ cotangent: Symbol) -> Bool {
        switch self {
        case .product: group == 1 && geometry.taps == 1 && geometry.isUnpadded
        case .depthwise:
            input.extents?[0].value != nil && input.extents?[1].value == group && cotangent.extents?[1].value == group
        case .swapped, .columns: true
        case .taps, .wide: group == 1
        case .shifted:
            group == 1 && geometry.kernel.count == 2 && geometry.hasUnitStrides && input.fixedPositions != nil
                && cotangent.fixedPositions != nil
        }
    }

    /// Returns the fastest form, by measurements on the layers of a ResNet-18 (ONNX Runtime 1.32, two threads): products where they fit;
    /// `swapped` for few channels and a large kernel, since columns would be many and taps thin. From 32 channels on, it returns `shifted`
    /// if an image has twice as many positions as there are channels, so that the sum over images is small in comparison (15.7 ms against
    /// 24.4 ms of `taps` with 64 channels of 32 x 32, but 59 ms against 12.6 ms with 512 of 4 x 4), and else `taps`. For the rest, it
    /// returns `columns`.
    static func chosen(_ geometry: WindowGeometry, _ group: Int, _ input: Symbol, _ cotangent: Symbol) -> ConvolutionWeightForm {
        if product.fits(geometry, group, input, cotangent) { return .product }
        if depthwise.fits(geometry, group, input, cotangent) { return .depthwise }
        let channels = input.extents?[1].value.map { $0 / group } ?? 32
        if channels <= 4, geometry.taps >= 25 { return .swapped }
        guard group == 1, channels >= 32 else { return .columns }
        let widest = max(channels, cotangent.extents?[1].value ?? channels)
        let isLarge = (input.fixedPositions?.reduce(1, *) ?? 0) >= 2 * widest
        return isLarge && shifted.fits(geometry, group, input, cotangent) ? .shifted : .taps
    }
}

/// Computes the parts of a weight gradient.
private struct Layer {
    /// The input `[N, C, ...]`. The next two are the cotangent `[N, M, ...]` and the weights `[M, C / group, ...]`.
    let input: Symbol
    let cotangent: Symbol
    let weights: Symbol
    let geometry: WindowGeometry
    let group: Int

    private var graph: GradientGraph { input.graph }
    private var axes: [Int] { Array(geometry.axes) }
    private var padded: Symbol { input.padded(axes: axes, before: geometry.before, after: geometry.after) }

    /// Joins the spatial axes to one: `[N, C, P]` of `[N, C, ...]`.
    private func positions(_ value: Symbol) -> Symbol { value.reshaped([0, 0, -1]) }

    var product: Symbol {
        var taken = input
        if !geometry.hasUnitStrides {
            taken = taken.sliced(axes, from: axes.map { _ in 0 }, to: axes.map { _ in Int(Int32.max) }, steps: geometry.strides)
        }
        return positions(cotangent).matrixProduct(positions(taken).matrixTransposed(rank: 3)).sum([0], keep: false).reshaped(like: weights)
    }

    /// The gradient as `[1, N C, ...]` convolved by `[N C, 1, ...]`.
    var depthwise: Symbol {
        let images = (input.extents?[0].value ?? 1) * group
        let shape = [1, images] + axes.map { _ in 0 }
        let kernel = [images, 1] + axes.map { _ in 0 }
        let whole = swappedConvolution(grouped(input, shape), grouped(cotangent, kernel), group: images)
        return cut(whole).reshaped(to: graph.integers([-1, group, 1] + geometry.kernel)).sum([0], keep: false).reshaped(like: weights)
    }

    /// Reshapes a value. `shape` has the first two extents, and zeros for the value's own spatial extents.
    private func grouped(_ value: Symbol, _ shape: [Int]) -> Symbol {
        let spatial = value.apply("Shape", [], [Attribute("start", .int(2))], type: .int64)
        if let fixed = value.fixedExtents { return value.reshaped(Array(shape.prefix(2)) + fixed.dropFirst(2)) }
        return value.reshaped(to: graph.integers(Array(shape.prefix(2))).concatenated([spatial]))
    }

    /// Appends a convolution with strides and dilations exchanged: the kernel, a cotangent, has gaps where windows moved by more than one.
    private func swappedConvolution(_ input: Symbol, _ kernel: Symbol, group: Int) -> Symbol {
        input.apply(
            "Conv", [kernel],
            [
                Attribute("strides", .ints(geometry.dilations.map(Int64.init))),
                Attribute("dilations", .ints(geometry.strides.map(Int64.init))),
                Attribute("group", .int(Int64(group))), Attribute("pads", .ints((geometry.before + geometry.after).map(Int64.init))),
            ])
    }

    /// Removes positions that the kernel does not have. There are some if the input continues after the last window.
    private func cut(_ whole: Symbol) -> Symbol {
        geometry.hasUnitStrides && geometry.dilations.allSatisfy { $0 == 1 }
            ? whole : whole.sliced(axes, from: axes.map { _ in 0 }, to: geometry.kernel, steps: axes.map { _ in 1 })
    }

    var swapped: Symbol {
        var images = input
        let others = Array(axes)
        if group == 1 {
            images = input.transposed([1, 0] + others)
        } else {
            // It goes from [N, g, C / g, ...] to [C / g, g N, ...].
            let spatial = input.apply("Shape", [], [Attribute("start", .int(2))], type: .int64)
            let split = input.reshaped(to: graph.integers([0, group, -1]).concatenated([spatial]))
            images = split.transposed([2, 1, 0] + others.map { $0 + 1 })
                .reshaped(to: weights.extent(1).concatenated([graph.integers([-1]), spatial]))
        }
        let whole = swappedConvolution(images, cotangent.transposed([1, 0] + others), group: group)
        return cut(whole).transposed([1, 0] + others).stating(weights.extents)
    }

    var columns: Symbol {
        let windows = geometry.windows(of: padded, axes: axes)
        let stacked: Symbol
        let rows: Symbol
        if group == 1 {
            stacked = positions(windows[0].concatenated(Array(windows.dropFirst()), axis: 1))
            rows = positions(cotangent)
        } else {
            let split = windows.map { $0.reshaped(to: weightsPerGroup) }
            stacked = split[0].concatenated(Array(split.dropFirst()), axis: 2)
            rows = cotangent.reshaped(to: graph.integers([0, group, -1]).concatenated([positionCount]))
        }
        let rank = group == 1 ? 3 : 4
        // The shape is [M, taps, C / g].
        let sum = rows.matrixProduct(stacked.matrixTransposed(rank: rank)).sum([0], keep: false)
        return inWeightOrder(sum.reshaped(to: weights.extent(0).concatenated([graph.integers([geometry.taps, -1])])))
    }

    /// The number of positions of the windows, an `int64` list `[1]`.
    private var positionCount: Symbol {
        cotangent.apply("Shape", [], [Attribute("start", .int(2))], type: .int64).apply("ReduceProd", extents: [.fixed(1)])
    }

    private var weightsPerGroup: Symbol { graph.integers([0, group]).concatenated([weights.extent(1), positionCount]) }

    /// Reorders `[M, taps, C]` to `[M, C, ...]`.
    private func inWeightOrder(_ value: Symbol) -> Symbol { value.transposed([0, 2, 1]).reshaped(like: weights) }

    var taps: Symbol {
        let shape = graph.integers([-1]).concatenated([weights.extent(1)])
        let products = windowsChannelsLast.map { cotangentRows.gemm($0.reshaped(to: shape)).unsqueezed([2]) }
        return products[0].concatenated(Array(products.dropFirst()), axis: 2).reshaped(like: weights)
    }

    var wide: Symbol {
        let windows = windowsChannelsLast
        let side = windows[0].concatenated(Array(windows.dropFirst()), axis: axes.count + 1)
        let width = graph.integers([-1]).concatenated([weights.extent(1) * graph.integers([geometry.taps])])
        let product = cotangentRows.gemm(side.reshaped(to: width))
        return inWeightOrder(product.reshaped(to: weights.extent(0).concatenated([graph.integers([geometry.taps, -1])])))
    }

    var shifted: Symbol {
        let rows = input.fixedPositions ?? [], columns = cotangent.fixedPositions ?? []
        let (height, width) = (rows[0], columns[1])
        // The shape is [N, M * rows of the kernel, P]. Slices and Concat are twice as fast in ONNX Runtime as Pad.
        let rowsOfKernel = (0..<geometry.kernel[0]).flatMap { row in
            movedRows(cotangent, by: row * geometry.dilations[0] - geometry.before[0], to: height)
        }
        let stacked = rowsOfKernel[0].concatenated(Array(rowsOfKernel.dropFirst()), axis: 2).reshaped(
            to: graph.integers([0, -1, height * width]))
        let shape = graph.integers([-1, geometry.kernel[0]]).concatenated([weights.extent(1), graph.integers([1])])
        let products = (0..<geometry.kernel[1]).map { column in
            // A negative pad cuts off.
            let offset = geometry.before[1] - column * geometry.dilations[1]
            let shifted = input.padded(axes: [3], before: [offset], after: [width - rows[1] - offset]).reshaped([0, 0, height * width])
            return stacked.matrixProduct(shifted.matrixTransposed(rank: 3)).sum([0], keep: false).reshaped(to: shape)
        }
        // The shape is [M, rows, C, columns].
        return products[0].concatenated(Array(products.dropFirst()), axis: 3).transposed([0, 2, 1, 3]).stating(weights.extents)
    }

    /// Returns the parts, in order, of a value whose rows are moved down by `offset` into `height` rows; zeros fill the others.
    private func movedRows(_ value: Symbol, by offset: Int, to height: Int) -> [Symbol] {
        let own = value.fixedPositions ?? []
        func zeros(_ count: Int) -> [Symbol] {
            let shape = value.extent(0).concatenated([value.extent(1), graph.integers([count, own[1]])])
            return count > 0 ? [graph.filled(0, shape, type: value.elementType)] : []
        }
        let lead = max(offset, 0), start = max(-offset, 0)
        let count = min(own[0] - start, height - lead)
        guard count > 0 else { return zeros(height) }
        let part = count == own[0] ? value : value.sliced([2], from: [start], to: [start + count], steps: [1])
        return zeros(lead) + [part] + zeros(height - lead - count)
    }

    /// The part of the input `[N, ..., C]` for each element of the kernel.
    private var windowsChannelsLast: [Symbol] {
        let spatial = axes.map { $0 - 1 }
        let channelsLast = input.transposed([0] + axes + [1]).padded(axes: spatial, before: geometry.before, after: geometry.after)
        return geometry.windows(of: channelsLast, axes: spatial)
    }

    /// The cotangent as `[M, N P]`.
    private var cotangentRows: Symbol {
        cotangent.transposed([1, 0] + axes).reshaped(to: weights.extent(0).concatenated([graph.integers([-1])]))
    }
}

extension Symbol {
    /// The extents after the first two, if they are fixed.
    var fixedPositions: [Int]? {
        guard let extents, extents.count > 2, extents.dropFirst(2).allSatisfy({ $0.value != nil }) else { return nil }
        return extents.dropFirst(2).compactMap(\.value)
    }
}
