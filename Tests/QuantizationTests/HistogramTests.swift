import TestSupport
import Testing

@testable import Quantization

@Suite struct HistogramTests {
    private func numbers(_ count: Int, seed: UInt64, _ transform: (Float) -> Float = { $0 }) -> [Float] {
        var generator = SeededGenerator(seed: seed)
        return (0..<count).map { _ in transform((0..<6).reduce(0) { sum, _ in sum + Float.random(in: -1...1, using: &generator) }) }
    }

    private func histogram(_ lots: [[Float]]) -> Histogram {
        lots.reduce(into: Histogram()) { histogram, lot in lot.withUnsafeBufferPointer { histogram.add($0) } }
    }

    /// The order and the lots in which numbers come are not in the result, so that the same rows give the same model.
    @Test func itDoesNotDependOnTheOrder() {
        let lots = [numbers(500, seed: 1), [1e-6], numbers(300, seed: 2) { $0 * 1000 }, [0, 0], numbers(100, seed: 3) { $0 / 1000 }, [-7]]
        let whole = histogram([lots.flatMap { $0 }])
        #expect(histogram(lots) == whole)
        #expect(histogram(lots.reversed()) == whole)
        #expect(histogram(lots.flatMap { $0 }.map { [$0] }) == whole)
        #expect(whole.counts.reduce(0, +) == 904 && whole.zeros == 2)
        #expect(whole.counts.count > 2048 && whole.counts.count <= 4096)
    }

    @Test func eachNumberIsInItsBin() {
        let values: [Float] = [-3.3, -0.1, 0, 0.1, 1e-30, 5.5, 5.5]
        let histogram = histogram([values])
        for value in values {
            let bin = Int((Double(value) - histogram.center(0)) / (histogram.center(1) - histogram.center(0)) + 0.5)
            #expect(histogram.counts[bin] >= 1 && abs(histogram.center(bin) - Double(value)) <= 9.0 / 2048)
        }
    }

    @Test(arguments: [Float(0), 3e38, .leastNonzeroMagnitude, -1, 2.5]) func oneNumberAloneIsARange(_ number: Float) {
        let histogram = histogram([[number, number]])
        #expect(histogram.low == number && histogram.high == number && histogram.counts == [2])
        #expect(self.histogram([[number], [-3e38, 3e38]]).counts.reduce(0, +) == 3)
    }

    // MARK: Ranges

    @Test func theLargestNumbersAreTheRange() {
        #expect(RangeMethod.minMax.range(of: histogram([[-1, 4], [2]])) == ActivationRange(low: -1, high: 4))
    }

    @Test func aPercentileLeavesAsManyOnBothSides() {
        let thousand = (0..<1000).map { Float($0) }
        let range = RangeMethod.percentile(98).range(of: histogram([thousand]))
        #expect(abs(range.low - 10) <= 1 && abs(range.high - 989) <= 1)
        #expect(RangeMethod.percentile(100).range(of: histogram([thousand])) == ActivationRange(low: 0, high: 999))
        // Half of them are zero, as after a Relu: zero stays in the range.
        let half = [Float](repeating: 0, count: 1000) + thousand
        #expect(abs(RangeMethod.percentile(98).range(of: histogram([half])).low) < 0.5)
    }

    /// The range that is found has an error that no other of a dense grid is much below, where the errors are computed number by number.
    @Test func theSquaredErrorIsTheLeast() {
        let values = numbers(20_000, seed: 5) + [40, -25]
        func error(_ low: Float, _ high: Float) -> Double {
            let step = (high - low) / 255, zero = (-low / step).rounded()
            return values.reduce(0) { sum, value in
                let level = min(max((value / step).rounded() + zero, 0), 255)
                let difference = Double((level - zero) * step - value)
                return sum + difference * difference
            }
        }
        let range = RangeMethod.meanSquaredError.range(of: histogram([values]))
        let found = error(range.low, range.high)
        #expect(range.high < 39 && range.low > -24)
        #expect(found < error(-25, 40))
        for low in stride(from: Float(-25), through: -3, by: 1) {
            for high in stride(from: Float(3), through: 40, by: 1) { #expect(found < error(low, high) * 1.1, "\(low) \(high)") }
        }
    }

    /// A few numbers far away do not make the others coarse; without them, nearly all of the range stays.
    @Test func entropyCutsWhatIsFarAway() {
        let values = numbers(20_000, seed: 6)
        let near = RangeMethod.entropy.range(of: histogram([values])),
            far = RangeMethod.entropy.range(of: histogram([values + [500, -400]]))
        #expect(near.high > 2.5 && near.low < -2.5)
        #expect(far.high < 120 && far.low > -120, "\(far)")
    }
}
