internal import CArrow
internal import Tensors

/// A Swift type that stores the elements of a numeric model input, with the conversions of other types to it.
///
/// All functions that run over many values are requirements, although one body serves every type: each conformance then has its own
/// compiled copy, where a generic class would run code that looks up every operation.
protocol TensorScalar: BitwiseCopyable {
    associatedtype Bits: SIMDScalar & FixedWidthInteger & BitwiseCopyable
    /// Converts `count` values; returns the first index whose value this type cannot hold, or `nil`.
    static func convert<Source: BinaryInteger>(_ source: UnsafePointer<Source>, _ count: Int, to target: UnsafeMutablePointer<Self>) -> Int?
    static func convert<Source: BinaryFloatingPoint>(
        _ source: UnsafePointer<Source>, _ count: Int, to target: UnsafeMutablePointer<Self>
    ) -> Int?
    /// Returns a number after `scale` and `offset`; `nil` where this type cannot hold it. Integers round to the nearest.
    static func rounding(_ value: Double) -> Self?
    static func scale(_ values: UnsafeMutablePointer<Self>, _ count: Int, by scale: Double, plus offset: Double) -> Int?
    /// Loads rows of a column of any plain type; those of `native` format are copied. Returns the first index, from the range's start,
    /// whose value this type cannot hold, or `nil`.
    static func load(_ column: Column, _ rows: Range<Int>, native: String?, to target: UnsafeMutablePointer<Self>) -> Int?
    static func firstNaN(_ values: UnsafePointer<Self>, _ count: Int) -> Int?
    static func firstNonFinite(_ values: UnsafePointer<Self>, _ count: Int) -> Int?
    static func firstInfinite(_ values: UnsafePointer<Self>, _ count: Int) -> Int?
    static func interleave(_ columns: UnsafeBufferPointer<UnsafePointer<Self>>, rows: Int, into target: UnsafeMutablePointer<Self>)
    /// The bits of positive infinity; nil for a type without it. Those of NaN, without the sign, are greater, and those of numbers less.
    static var infinityBits: Bits? { get }
    var isNaN: Bool { get }
    var isFinite: Bool { get }
    /// The value as text in messages.
    var text: String { get }
}

extension TensorScalar {
    static var isFloat: Bool { infinityBits != nil }

    static func load(_ column: Column, _ rows: Range<Int>, native: String?, to target: UnsafeMutablePointer<Self>) -> Int? {
        let count = rows.count, first = rows.lowerBound
        if column.field.format == native {
            target.update(from: column.values(as: Self.self) + first, count: count)
            return nil
        }
        switch column.field.format {
        case "f": return convert(column.values(as: Float.self) + first, count, to: target)
        case "g": return convert(column.values(as: Double.self) + first, count, to: target)
        case "e": return convert(column.values(as: Float16.self) + first, count, to: target)
        case "c": return convert(column.values(as: Int8.self) + first, count, to: target)
        case "C": return convert(column.values(as: UInt8.self) + first, count, to: target)
        case "s": return convert(column.values(as: Int16.self) + first, count, to: target)
        case "S": return convert(column.values(as: UInt16.self) + first, count, to: target)
        case "i": return convert(column.values(as: Int32.self) + first, count, to: target)
        case "I": return convert(column.values(as: UInt32.self) + first, count, to: target)
        case "L": return convert(column.values(as: UInt64.self) + first, count, to: target)
        case "b":
            let bits = column.values(as: UInt8.self) - Int(column.array.offset)
            var bytes = [UInt8](repeating: 0, count: count)
            for row in 0..<count {
                let bit = Int(column.array.offset) + first + row
                bytes[row] = (bits[bit >> 3] >> UInt8(bit & 7)) & 1
            }
            return bytes.withUnsafeBufferPointer {
                convert($0.baseAddress ?? UnsafePointer(emptyMemory.assumingMemoryBound(to: UInt8.self)), count, to: target)
            }
        default: return convert(column.values(as: Int64.self) + first, count, to: target)
        }
    }

    static func firstNaN(_ values: UnsafePointer<Self>, _ count: Int) -> Int? {
        guard let infinity = infinityBits, anyMagnitude(values, count, above: infinity) else { return nil }
        return (0..<count).first { values[$0].isNaN }
    }

    static func firstNonFinite(_ values: UnsafePointer<Self>, _ count: Int) -> Int? {
        guard let infinity = infinityBits, anyMagnitude(values, count, above: infinity - 1) else { return nil }
        return (0..<count).first { !values[$0].isFinite }
    }

    /// Returns whether any value, read as bits without its sign, is above the limit. Such a value, and no other, carries into the sign's
    /// place by the addition. The compiler makes vector instructions of this loop, which has neither branches nor comparisons.
    private static func anyMagnitude(_ values: UnsafePointer<Self>, _ count: Int, above limit: Bits) -> Bool {
        values.withMemoryRebound(to: Bits.self, capacity: count) { bits in
            let magnitude = Bits.max >> 1
            var sums: Bits = 0
            for index in 0..<count { sums |= (bits[index] & magnitude) &+ (magnitude - limit) }
            return sums > magnitude
        }
    }

    static func firstInfinite(_ values: UnsafePointer<Self>, _ count: Int) -> Int? {
        firstNonFinite(values, count).flatMap { first in (first..<count).first { !values[$0].isFinite && !values[$0].isNaN } }
    }

    static func interleave(_ columns: UnsafeBufferPointer<UnsafePointer<Self>>, rows: Int, into target: UnsafeMutablePointer<Self>) {
        columns.withMemoryRebound(to: UnsafePointer<Bits>.self) { bits in
            target.withMemoryRebound(to: Bits.self, capacity: rows * columns.count) { gather(bits, rows: rows, into: $0) }
        }
    }
}

extension TensorScalar where Self: BinaryFloatingPoint & LosslessStringConvertible {
    var text: String { description }

    static func convert<Source: BinaryInteger>(_ source: UnsafePointer<Source>, _ count: Int, to target: UnsafeMutablePointer<Self>) -> Int?
    {
        var overflowed = false
        for index in 0..<count {
            let value = Self(source[index])
            target[index] = value
            overflowed = overflowed || !value.isFinite
        }
        return overflowed ? (0..<count).first { !target[$0].isFinite } : nil
    }

    static func convert<Source: BinaryFloatingPoint>(
        _ source: UnsafePointer<Source>, _ count: Int, to target: UnsafeMutablePointer<Self>
    ) -> Int? {
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

extension TensorScalar where Self: FixedWidthInteger {
    static var infinityBits: Bits? { nil }
    var isNaN: Bool { false }
    var isFinite: Bool { true }
    var text: String { description }

    static func convert<Source: BinaryInteger>(_ source: UnsafePointer<Source>, _ count: Int, to target: UnsafeMutablePointer<Self>) -> Int?
    {
        for index in 0..<count {
            guard let value = Self(exactly: source[index]) else { return index }
            target[index] = value
        }
        return nil
    }

    /// Converts values, and returns the first index whose value is no integer of this type, or `nil`. NaN becomes 0; the caller has looked
    /// for it.
    static func convert<Source: BinaryFloatingPoint>(
        _ source: UnsafePointer<Source>, _ count: Int, to target: UnsafeMutablePointer<Self>
    ) -> Int? {
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

extension Float: TensorScalar { static var infinityBits: UInt32? { Float.infinity.bitPattern } }
extension Double: TensorScalar { static var infinityBits: UInt64? { Double.infinity.bitPattern } }
extension Float16: TensorScalar { static var infinityBits: UInt16? { Float16.infinity.bitPattern } }
extension Int8: TensorScalar { typealias Bits = UInt8 }
extension UInt8: TensorScalar { typealias Bits = UInt8 }
extension Int16: TensorScalar { typealias Bits = UInt16 }
extension UInt16: TensorScalar { typealias Bits = UInt16 }
extension Int32: TensorScalar { typealias Bits = UInt32 }
extension UInt32: TensorScalar { typealias Bits = UInt32 }
extension Int64: TensorScalar { typealias Bits = UInt64 }
extension UInt64: TensorScalar { typealias Bits = UInt64 }

/// Stores an element of a boolean input: 0 or 1, as ONNX stores it.
struct TensorBool: TensorScalar {
    typealias Bits = UInt8
    let byte: UInt8
    static var infinityBits: Bits? { nil }
    var isNaN: Bool { false }
    var isFinite: Bool { true }
    var text: String { byte == 0 ? "false" : "true" }

    static func convert<Source: BinaryInteger>(
        _ source: UnsafePointer<Source>, _ count: Int, to target: UnsafeMutablePointer<TensorBool>
    ) -> Int? {
        for index in 0..<count {
            guard source[index] == 0 || source[index] == 1 else { return index }
            target[index] = TensorBool(byte: UInt8(source[index]))
        }
        return nil
    }

    static func convert<Source: BinaryFloatingPoint>(
        _ source: UnsafePointer<Source>, _ count: Int, to target: UnsafeMutablePointer<TensorBool>
    ) -> Int? {
        for index in 0..<count {
            guard source[index] == 0 || source[index] == 1 || source[index].isNaN else { return index }
            target[index] = TensorBool(byte: source[index] == 1 ? 1 : 0)
        }
        return nil
    }

    static func rounding(_ value: Double) -> TensorBool? { value == 0 || value == 1 ? TensorBool(byte: UInt8(value)) : nil }
    static func scale(_ values: UnsafeMutablePointer<TensorBool>, _ count: Int, by scale: Double, plus offset: Double) -> Int? { 0 }
}

/// Stores an element of a bfloat16 input: the upper half of a float32, rounded to the nearest, ties to even.
struct TensorBFloat16: TensorScalar {
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
    static var infinityBits: Bits? { 0x7f80 }
    var isNaN: Bool { float.isNaN }
    var isFinite: Bool { float.isFinite }
    var text: String { float.description }

    static func convert<Source: BinaryInteger>(
        _ source: UnsafePointer<Source>, _ count: Int, to target: UnsafeMutablePointer<TensorBFloat16>
    ) -> Int? {
        for index in 0..<count { target[index] = TensorBFloat16(Float(source[index])) }
        return nil
    }

    static func convert<Source: BinaryFloatingPoint>(
        _ source: UnsafePointer<Source>, _ count: Int, to target: UnsafeMutablePointer<TensorBFloat16>
    ) -> Int? {
        for index in 0..<count {
            let value = TensorBFloat16(Float(source[index]))
            if source[index].isFinite && !value.isFinite { return index }
            target[index] = value
        }
        return nil
    }

    static func rounding(_ value: Double) -> TensorBFloat16? {
        let result = TensorBFloat16(Float(value))
        return result.isFinite || !value.isFinite ? result : nil
    }

    static func scale(_ values: UnsafeMutablePointer<TensorBFloat16>, _ count: Int, by scale: Double, plus offset: Double) -> Int? {
        for index in 0..<count {
            let result = TensorBFloat16(values[index].float * Float(scale) + Float(offset))
            if values[index].isFinite && !result.isFinite { return index }
            values[index] = result
        }
        return nil
    }
}
