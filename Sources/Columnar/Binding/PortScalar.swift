internal import Tensors

/// A Swift type that a numeric model input's elements are stored in, and how values of other types become it.
protocol PortScalar: BitwiseCopyable {
    associatedtype Bits: SIMDScalar & FixedWidthInteger & BitwiseCopyable
    /// Converts `count` values; returns the first index whose value this type cannot hold, or `nil`.
    static func convert<Source: BinaryInteger>(_ source: UnsafePointer<Source>, _ count: Int, to target: UnsafeMutablePointer<Self>) -> Int?
    static func convert<Source: BinaryFloatingPoint>(_ source: UnsafePointer<Source>, _ count: Int, to target: UnsafeMutablePointer<Self>) -> Int?
    /// A number after `scale` and `offset`; `nil` where this type cannot hold it. Integers round to the nearest.
    static func rounding(_ value: Double) -> Self?
    static func scale(_ values: UnsafeMutablePointer<Self>, _ count: Int, by scale: Double, plus offset: Double) -> Int?
    static var isFloat: Bool { get }
    var isNaN: Bool { get }
    var isFinite: Bool { get }
    /// For messages.
    var text: String { get }
}

extension PortScalar where Self: BinaryFloatingPoint & LosslessStringConvertible {
    static var isFloat: Bool { true }
    var text: String { description }

    static func convert<Source: BinaryInteger>(_ source: UnsafePointer<Source>, _ count: Int, to target: UnsafeMutablePointer<Self>) -> Int? {
        var overflowed = false
        for index in 0..<count {
            let value = Self(source[index])
            target[index] = value
            overflowed = overflowed || !value.isFinite
        }
        return overflowed ? (0..<count).first { !target[$0].isFinite } : nil
    }

    static func convert<Source: BinaryFloatingPoint>(_ source: UnsafePointer<Source>, _ count: Int, to target: UnsafeMutablePointer<Self>) -> Int? {
        var odd = false
        for index in 0..<count {
            let value = Self(source[index])
            target[index] = value
            odd = odd || !(value - value == 0)
        }
        return odd ? (0..<count).first { source[$0].isFinite && !target[$0].isFinite } : nil
    }

    static func rounding(_ value: Double) -> Self? {
        let result = Self(value)
        return result.isFinite || !value.isFinite ? result : nil
    }

    static func scale(_ values: UnsafeMutablePointer<Self>, _ count: Int, by scale: Double, plus offset: Double) -> Int? {
        let factor = Self(scale), term = Self(offset)
        for index in 0..<count {
            let value = values[index]
            let result = value * factor + term
            if value.isFinite && !result.isFinite { return index }
            values[index] = result
        }
        return nil
    }
}

extension PortScalar where Self: FixedWidthInteger {
    static var isFloat: Bool { false }
    var isNaN: Bool { false }
    var isFinite: Bool { true }
    var text: String { description }

    static func convert<Source: BinaryInteger>(_ source: UnsafePointer<Source>, _ count: Int, to target: UnsafeMutablePointer<Self>) -> Int? {
        for index in 0..<count {
            guard let value = Self(exactly: source[index]) else { return index }
            target[index] = value
        }
        return nil
    }

    /// NaN becomes 0: whoever calls this has looked for it.
    static func convert<Source: BinaryFloatingPoint>(_ source: UnsafePointer<Source>, _ count: Int, to target: UnsafeMutablePointer<Self>) -> Int? {
        for index in 0..<count {
            let given = source[index]
            if given.isNaN { target[index] = 0; continue }
            guard let value = Self(exactly: given) else { return index }
            target[index] = value
        }
        return nil
    }

    static func rounding(_ value: Double) -> Self? { Self(exactly: value.rounded(.toNearestOrEven)) }

    static func scale(_ values: UnsafeMutablePointer<Self>, _ count: Int, by scale: Double, plus offset: Double) -> Int? {
        for index in 0..<count {
            guard let value = rounding(Double(values[index]) * scale + offset) else { return index }
            values[index] = value
        }
        return nil
    }
}

extension Float: PortScalar { typealias Bits = UInt32 }
extension Double: PortScalar { typealias Bits = UInt64 }
extension Float16: PortScalar { typealias Bits = UInt16 }
extension Int8: PortScalar { typealias Bits = UInt8 }
extension UInt8: PortScalar { typealias Bits = UInt8 }
extension Int16: PortScalar { typealias Bits = UInt16 }
extension UInt16: PortScalar { typealias Bits = UInt16 }
extension Int32: PortScalar { typealias Bits = UInt32 }
extension UInt32: PortScalar { typealias Bits = UInt32 }
extension Int64: PortScalar { typealias Bits = UInt64 }
extension UInt64: PortScalar { typealias Bits = UInt64 }

/// An element of a boolean input: 0 or 1, as ONNX stores it.
struct PortBool: PortScalar {
    typealias Bits = UInt8
    let byte: UInt8
    static var isFloat: Bool { false }
    var isNaN: Bool { false }
    var isFinite: Bool { true }
    var text: String { byte == 0 ? "false" : "true" }

    static func convert<Source: BinaryInteger>(_ source: UnsafePointer<Source>, _ count: Int, to target: UnsafeMutablePointer<PortBool>) -> Int? {
        for index in 0..<count {
            guard source[index] == 0 || source[index] == 1 else { return index }
            target[index] = PortBool(byte: UInt8(source[index]))
        }
        return nil
    }

    static func convert<Source: BinaryFloatingPoint>(_ source: UnsafePointer<Source>, _ count: Int, to target: UnsafeMutablePointer<PortBool>) -> Int? {
        for index in 0..<count {
            guard source[index] == 0 || source[index] == 1 || source[index].isNaN else { return index }
            target[index] = PortBool(byte: source[index] == 1 ? 1 : 0)
        }
        return nil
    }

    static func rounding(_ value: Double) -> PortBool? { value == 0 || value == 1 ? PortBool(byte: UInt8(value)) : nil }
    static func scale(_ values: UnsafeMutablePointer<PortBool>, _ count: Int, by scale: Double, plus offset: Double) -> Int? { 0 }
}

/// An element of a bfloat16 input: the upper half of a float32, rounded to the nearest, ties to even.
struct PortBFloat16: PortScalar {
    typealias Bits = UInt16
    let bits: UInt16

    init(_ value: Float) {
        if value.isNaN {
            bits = 0x7fc0
        } else {
            let wide = value.bitPattern
            bits = UInt16(truncatingIfNeeded: (UInt64(wide) + 0x7fff + UInt64((wide >> 16) & 1)) >> 16)
        }
    }

    var float: Float { Float(bitPattern: UInt32(bits) << 16) }
    static var isFloat: Bool { true }
    var isNaN: Bool { float.isNaN }
    var isFinite: Bool { float.isFinite }
    var text: String { float.description }

    static func convert<Source: BinaryInteger>(_ source: UnsafePointer<Source>, _ count: Int, to target: UnsafeMutablePointer<PortBFloat16>) -> Int? {
        for index in 0..<count { target[index] = PortBFloat16(Float(source[index])) }
        return nil
    }

    static func convert<Source: BinaryFloatingPoint>(_ source: UnsafePointer<Source>, _ count: Int, to target: UnsafeMutablePointer<PortBFloat16>) -> Int? {
        for index in 0..<count {
            let value = PortBFloat16(Float(source[index]))
            if source[index].isFinite && !value.isFinite { return index }
            target[index] = value
        }
        return nil
    }

    static func rounding(_ value: Double) -> PortBFloat16? {
        let result = PortBFloat16(Float(value))
        return result.isFinite || !value.isFinite ? result : nil
    }

    static func scale(_ values: UnsafeMutablePointer<PortBFloat16>, _ count: Int, by scale: Double, plus offset: Double) -> Int? {
        for index in 0..<count {
            let result = PortBFloat16(values[index].float * Float(scale) + Float(offset))
            if values[index].isFinite && !result.isFinite { return index }
            values[index] = result
        }
        return nil
    }
}
