import ONNX
import Tensors

/// Names a way to compute the gradient by the input of a convolution.
package enum ConvolutionInputForm: String, Sendable, CaseIterable {
    /// The gradient is the transposed convolution of the cotangent.
    case transposed
    /// The gradient is a convolution of the cotangent with the reversed kernel, with input and output channels exchanged. It needs strides
    /// of one, and one group.
    case rotated
    /// The gradient is one product over all images and positions, with channels last, of the joined parts of the cotangent that each
    /// element of the kernel is multiplied with. It needs memory for as many copies as the kernel has elements, known extents, and what
    /// `rotated` needs.
    case wide

    func fits(_ geometry: WindowGeometry, _ group: Int, _ input: Symbol) -> Bool {
        // Beyond the kernel's span, padding of the input would have to be cut from the cotangent.
        let isPlain =
            group == 1 && geometry.hasUnitStrides
            && zip(geometry.spans, zip(geometry.before, geometry.after)).allSatisfy { max($1.0, $1.1) < $0 }
        return switch self {
        case .transposed: true
        case .rotated: isPlain
        case .wide: isPlain && input.fixedPositions != nil
        }
    }

    /// Returns the faster form, by measurements on the layers of a ResNet-18 (ONNX Runtime 1.32, two threads). `transposed` reads all
    /// weights again for each image, so small images of many channels get `wide` (11.3 ms against 21.5 ms with 512 channels of 4 x 4), and
    /// large images of few channels `rotated` (12.3 ms against 15.2 ms with 64 channels of 32 x 32), where reversing the kernel takes no
    /// time.
    static func chosen(_ geometry: WindowGeometry, _ group: Int, _ input: Symbol, _ cotangent: Symbol) -> ConvolutionInputForm {
        guard geometry.taps > 1, let positions = input.fixedPositions?.reduce(1, *), let channels = cotangent.extents?[1].value,
            wide.fits(geometry, group, input)
        else { return .transposed }
        if positions >= 2 * channels { return .rotated }
        return positions <= 64 && channels >= 128 ? .wide : .transposed
    }

    static func rotated(_ cotangent: Symbol, by weights: Symbol, over target: Symbol, _ geometry: WindowGeometry) -> Symbol {
        let axes = Array(geometry.axes)
        let turned = weights.sliced(
            axes, from: axes.map { _ in -1 }, to: axes.map { _ in Int(Int32.min) }, steps: axes.map { _ in -1 }
        ).transposed([1, 0] + axes)
        var mirrored = geometry
        (mirrored.before, mirrored.after) = overhang(geometry)
        return cotangent.apply("Conv", [turned], mirrored.attributes(group: 1), extents: target.extents)
    }

    static func wide(_ cotangent: Symbol, by weights: Symbol, over target: Symbol, _ geometry: WindowGeometry) -> Symbol {
        let axes = Array(geometry.axes), graph = cotangent.graph
        let spatial = axes.map { $0 - 1 }
        let (before, after) = overhang(geometry)
        let channelsLast = cotangent.transposed([0] + axes + [1]).padded(axes: spatial, before: before, after: after)
        let windows = Array(geometry.windows(of: channelsLast, axes: spatial).reversed())
        let width = weights.extent(0) * graph.integers([geometry.taps])
        let side = windows[0].concatenated(Array(windows.dropFirst()), axis: axes.count + 1)
            .reshaped(to: graph.integers([-1]).concatenated([width]))
        // It goes from [M, C, taps] to [taps M, C].
        let columns = weights.reshaped([0, 0, -1]).transposed([2, 0, 1]).reshaped(to: width.concatenated([weights.extent(1)]))
        let shape = graph.integers([-1] + (target.fixedPositions ?? [])).concatenated([weights.extent(1)])
        return side.gemm(columns).reshaped(to: shape).transposed([0, axes.count + 1] + spatial).stating(target.extents)
    }

    /// Returns the padding of the cotangent with which a window covers each position of the input once.
    private static func overhang(_ geometry: WindowGeometry) -> (before: [Int], after: [Int]) {
        (zip(geometry.spans, geometry.before).map { $0 - 1 - $1 }, zip(geometry.spans, geometry.after).map { $0 - 1 - $1 })
    }
}
