package import Engine
import Tensors

/// ONNX's own tolerance for node tests: `|got - expected| <= 1e-7 + 1e-3 |expected|` for floating point, NaN equal to NaN;
/// everything else bit by bit, but that the many NaNs of float8e5m2 are one.
package enum ValueComparison {
    /// What differs, in a few words; `nil` where nothing does.
    package static func difference(_ got: EngineValue, _ expected: EngineValue) -> String? {
        switch (got, expected) {
        case (.tensor(let got), .tensor(let expected)): return difference(got, expected)
        case (.sequence(let got), .sequence(let expected)):
            guard got.count == expected.count else { return "\(got.count) elements for \(expected.count)" }
            return zip(got, expected).lazy.compactMap { difference($0, $1) }.first
        case (.map(let keys, let values), .map(let expectedKeys, let expectedValues)):
            return difference(keys, expectedKeys) ?? difference(values, expectedValues)
        case (.none, .none): return nil
        default: return "another kind of value"
        }
    }

    package static func identical(_ a: EngineValue, _ b: EngineValue) -> Bool {
        switch (a, b) {
        case (.tensor(let a), .tensor(let b)): return identical(a, b)
        case (.sequence(let a), .sequence(let b)): return a.count == b.count && zip(a, b).allSatisfy { identical($0, $1) }
        case (.map(let ak, let av), .map(let bk, let bv)): return identical(ak, bk) && identical(av, bv)
        case (.none, .none): return true
        default: return false
        }
    }

    private static func identical(_ a: Tensor, _ b: Tensor) -> Bool {
        a.elementType == b.elementType && a.shape == b.shape
            && (a.strings.map { $0 == b.strings } ?? a.bytes.elementsEqual(b.bytes))
    }

    private static func difference(_ got: Tensor, _ expected: Tensor) -> String? {
        guard got.elementType == expected.elementType else { return "\(got.elementType.name) for \(expected.elementType.name)" }
        guard got.shape == expected.shape else { return "shape \(got.shape) for \(expected.shape)" }
        if let numbers = numbers(got), let wanted = numbers.isEmpty ? [] : self.numbers(expected) {
            for index in numbers.indices where !close(numbers[index], wanted[index]) {
                return "\(numbers[index]) for \(wanted[index]) at \(index)"
            }
            return nil
        }
        if got.elementType == .float8e5m2 {
            let notNumber: (UInt8) -> Bool = { $0 & 0x7F > 0x7C }
            let same = zip(got.bytes, expected.bytes).allSatisfy { $0 == $1 || notNumber($0) && notNumber($1) }
            return same ? nil : "values differ"
        }
        return identical(got, expected) ? nil : "values differ"
    }

    private static func close(_ got: Double, _ expected: Double) -> Bool {
        if got == expected || got.isNaN && expected.isNaN { return true }
        return abs(got - expected) <= 1e-7 + 1e-3 * abs(expected)
    }

    private static func numbers(_ tensor: Tensor) -> [Double]? {
        switch tensor.elementType {
        case .float32: tensor.values(as: Float.self)?.map(Double.init)
        case .float64: tensor.values(as: Double.self)
        case .bfloat16: tensor.values(as: UInt16.self)?.map { Double(Float(bitPattern: UInt32($0) << 16)) }
        case .float16: tensor.values(as: UInt16.self)?.map(half)
        default: nil
        }
    }

    private static func half(_ bits: UInt16) -> Double {
        let sign: Double = bits >> 15 == 0 ? 1 : -1
        let exponent = Int(bits >> 10 & 0x1F), fraction = Double(bits & 0x3FF)
        if exponent == 31 { return fraction == 0 ? sign * .infinity : .nan }
        if exponent == 0 { return sign * fraction * 0x1p-24 }
        return sign * (1 + fraction / 1024) * Double(sign: .plus, exponent: exponent - 15, significand: 1)
    }
}
