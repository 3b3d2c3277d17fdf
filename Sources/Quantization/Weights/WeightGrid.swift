import Tensors

/// Holds the scales by which a weight becomes integers, one for each channel or block, symmetric about zero: `integer = round(number /
/// scale)`.
struct WeightGrid {
    enum Layout {
        /// There is one scale for each index along an axis.
        case channels(axis: Int)
        /// There is one scale for each run of `size` numbers along an axis, whose extent is a multiple of it.
        case blocks(axis: Int, size: Int)
    }

    let shape: [Int]
    let layout: Layout
    let levels: ClosedRange<Int>
    private(set) var scales: [Float]

    private let extent: Int
    private let inner: Int

    /// Returns nil where a number is not finite.
    init?(_ numbers: UnsafeBufferPointer<Float>, _ shape: [Int], _ layout: Layout, _ levels: ClosedRange<Int>) {
        self.shape = shape
        self.layout = layout
        self.levels = levels
        let axis =
            switch layout {
            case .channels(let axis), .blocks(let axis, _): axis
            }
        extent = shape[axis]
        inner = shape[(axis + 1)...].reduce(1, *)
        let count =
            switch layout {
            case .channels: extent
            case .blocks(_, let size): shape[..<axis].reduce(1, *) * (extent / size) * inner
            }
        scales = [Float](repeating: 0, count: count)
        var largest = [Float](repeating: 0, count: count)
        for (position, number) in numbers.enumerated() {
            guard number.isFinite else { return nil }
            let scale = scaleIndex(position)
            largest[scale] = max(largest[scale], abs(number))
        }
        scales = Self.usable(largest, divisor: Float(levels.upperBound))
        if levels.count <= 16 { search(numbers, largest) }
    }

    /// The shape of the scales as DequantizeLinear wants it.
    var scaleShape: Shape {
        guard case .blocks(let axis, let size) = layout else { return [extent] }
        var dimensions = shape
        dimensions[axis] = extent / size
        return Shape(dimensions)
    }

    func scaleIndex(_ position: Int) -> Int {
        switch layout {
        case .channels: position / inner % extent
        case .blocks(_, let size): position / inner / size * inner + position % inner
        }
    }

    func integer(_ number: Float, at position: Int) -> Int {
        let scaled = (number / scales[scaleIndex(position)]).rounded(.toNearestOrEven)
        return Int(min(max(scaled, Float(levels.lowerBound)), Float(levels.upperBound)))
    }

    /// Returns what the integer form makes of a number.
    func rounded(_ number: Float, at position: Int) -> Float { Float(integer(number, at: position)) * scales[scaleIndex(position)] }

    /// A scale of zero cannot be divided by: where all numbers are zero it is 1, and it is never subnormal.
    private static func usable(_ largest: [Float], divisor: Float) -> [Float] {
        largest.map { $0 == 0 ? 1 : max($0 / divisor, .leastNormalMagnitude) }
    }

    /// Takes for each block the scale with the least squared error. With 16 levels it counts whether the largest number is met exactly or
    /// cut, while with 255 it does not.
    private mutating func search(_ numbers: UnsafeBufferPointer<Float>, _ largest: [Float]) {
        var best = scales
        var least = [Float](repeating: .infinity, count: scales.count)
        for divisor: Float in [7, 7.5, 8, 8.5, 9, 10, 11] {
            scales = Self.usable(largest, divisor: divisor)
            var errors = [Float](repeating: 0, count: scales.count)
            for (position, number) in numbers.enumerated() {
                let error = rounded(number, at: position) - number
                errors[scaleIndex(position)] += error * error
            }
            for scale in scales.indices where errors[scale] < least[scale] {
                least[scale] = errors[scale]
                best[scale] = scales[scale]
            }
        }
        scales = best
    }
}

/// Decides how many levels int8 weights have.
package enum WeightLevels: Sendable {
    /// Weights are from -127 to 127.
    case full
    /// Weights are from -63 to 63: processors with AVX2 or AVX-512 and without VNNI add two products of uint8 and int8 in 16 bits, which
    /// overflow with larger ones.
    case reduced

    var range: ClosedRange<Int> { self == .full ? -127...127 : -63...63 }
}

extension Tensor {
    /// Calls `body` with the numbers of a float32 tensor, in place.
    func withFloats<Result, Failure: Error>(
        _ body: (UnsafeBufferPointer<Float>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        defer { withExtendedLifetime(self) {} }
        return try body(bytes.bindMemory(to: Float.self))
    }
}
