import Testing

@testable import Columnar

/// What is no number is found by its bits, many values at a time.
@Suite struct TensorScalarTests {
    private static let numbers: [Float] = [0, -0, 1, -1, .greatestFiniteMagnitude, -.greatestFiniteMagnitude, .leastNonzeroMagnitude]

    private func check<Scalar: TensorScalar>(_ type: Scalar.Type, _ number: (Float) -> Scalar, nan: [Scalar], infinite: [Scalar]) {
        let numbers = Self.numbers.map(number).filter(\.isFinite)
        // 37 values: some are left over after the last whole vector of any width.
        let plain = (0..<37).map { numbers[$0 % numbers.count] }
        #expect(Scalar.firstNaN(plain, plain.count) == nil && Scalar.firstNonFinite(plain, plain.count) == nil)
        for place in [0, 1, 15, 31, 36] {
            for odd in nan {
                var values = plain
                values[place] = odd
                #expect(Scalar.firstNaN(values, values.count) == place, "\(type) \(odd.text)")
                #expect(Scalar.firstNonFinite(values, values.count) == place)
                #expect(Scalar.firstNaN(values, place) == nil)
            }
            for odd in infinite {
                var values = plain
                values[place] = odd
                #expect(Scalar.firstNaN(values, values.count) == nil, "\(type) \(odd.text)")
                #expect(Scalar.firstNonFinite(values, values.count) == place)
                #expect(Scalar.firstInfinite(values, values.count) == place)
            }
        }
    }

    @Test func whatIsNoNumberIsFoundInEveryFloatType() {
        check(
            Float.self, { $0 }, nan: [.nan, -.nan, .signalingNaN, Float(nan: 1, signaling: false)], infinite: [.infinity, -.infinity])
        check(Double.self, { Double($0) }, nan: [.nan, -.nan, .signalingNaN], infinite: [.infinity, -.infinity])
        check(Float16.self, { Float16($0) }, nan: [.nan, -.nan, .signalingNaN], infinite: [.infinity, -.infinity])
        check(
            TensorBFloat16.self, { TensorBFloat16($0) }, nan: [TensorBFloat16(.nan)],
            infinite: [TensorBFloat16(.infinity), TensorBFloat16(-.infinity)])
        check(Int64.self, { Int64(exactly: $0) ?? .max }, nan: [], infinite: [])
        check(UInt8.self, { UInt8(exactly: $0) ?? .max }, nan: [], infinite: [])
    }
}
