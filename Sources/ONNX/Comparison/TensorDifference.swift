import Foundation
import Names
import Tensors

/// Says how far the elements of a stored tensor are from those of another one with the same type and shape.
package struct TensorDifference: Sendable, Encodable, Equatable {
    /// The number of elements with other bytes.
    package var changed = 0
    package var elements = 0
    /// The largest absolute difference; nil where the elements are no numbers that can be subtracted, such as texts.
    package var largest: Double?
    /// The L2 norm of the difference by that of the first tensor; nil as above, and where the first one is all zeros.
    package var relative: Double?
    /// The number of elements that are not finite in one of the two and something else in the other.
    package var nonFinite = 0

    private enum CodingKeys: String, CodingKey {
        case changed, elements, largest, relative
        case nonFinite = "non_finite"
    }
}

extension TensorDifference {
    /// Returns nil where all bytes are the same.
    init?(
        _ a: StoredTensor, _ directoryOfA: ExternalDataDirectory?, _ b: StoredTensor, _ directoryOfB: ExternalDataDirectory?
    ) throws(ONNXError) {
        if let mine = a.rawData, let others = b.rawData, mine == others { return nil }
        self.init(try a.tensor(externalData: directoryOfA), try b.tensor(externalData: directoryOfB))
    }

    /// Returns nil where all bytes are the same. Both tensors must have one type and one shape.
    init?(_ a: Tensor, _ b: Tensor) {
        elements = a.elementCount
        if let mine = a.strings, let others = b.strings {
            changed = zip(mine, others).count { !$0.isName($1) }
            if changed == 0 { return nil }
            return
        }
        let isSame = withExtendedLifetime((a, b)) { a.bytes.elementsEqual(b.bytes) }
        if isSame { return nil }
        switch a.elementType {
        case .float32: compare(a, b, Float.self) { Double($0) }
        case .float64: compare(a, b, Double.self) { $0 }
        case .float16: compare(a, b, Float16.self) { Double($0) }
        case .bfloat16: compare(a, b, UInt16.self) { Double(Float(bitPattern: UInt32($0) << 16)) }
        case .int8: compare(a, b, Int8.self) { Double($0) }
        case .uint8, .bool: compare(a, b, UInt8.self) { Double($0) }
        case .int16: compare(a, b, Int16.self) { Double($0) }
        case .uint16: compare(a, b, UInt16.self) { Double($0) }
        case .int32: compare(a, b, Int32.self) { Double($0) }
        case .uint32: compare(a, b, UInt32.self) { Double($0) }
        case .int64: compare(a, b, Int64.self) { Double($0) }
        case .uint64: compare(a, b, UInt64.self) { Double($0) }
        case .int4: compareHalves(a, b) { Double(Int8(bitPattern: $0 << 4) >> 4) }
        case .uint4: compareHalves(a, b) { Double($0) }
        case .string, .complex64, .complex128, .float8e4m3fn, .float8e4m3fnuz, .float8e5m2, .float8e5m2fnuz, .float8e8m0, .float4e2m1,
            .uint2, .int2:
            changed = withExtendedLifetime((a, b)) { Self.differing(a.bytes, b.bytes, a.elementType.bitWidth ?? 8) }
        }
    }

    private mutating func compare<Scalar: BitwiseCopyable & Equatable>(
        _ a: Tensor, _ b: Tensor, _ type: Scalar.Type, _ number: (Scalar) -> Double
    ) {
        var sums = Sums()
        withExtendedLifetime((a, b)) {
            for (mine, other) in zip(a.bytes.bindMemory(to: type), b.bytes.bindMemory(to: type)) { sums.add(number(mine), number(other)) }
            changed = Self.differing(a.bytes, b.bytes, MemoryLayout<Scalar>.size * 8)
        }
        take(sums)
    }

    private mutating func compareHalves(_ a: Tensor, _ b: Tensor, _ number: (UInt8) -> Double) {
        var sums = Sums()
        withExtendedLifetime((a, b)) {
            for index in 0..<elements {
                let shift = UInt8(4 * (index % 2))
                let (mine, other) = (a.bytes[index / 2] >> shift & 15, b.bytes[index / 2] >> shift & 15)
                if mine != other { changed += 1 }
                sums.add(number(mine), number(other))
            }
        }
        take(sums)
    }

    private mutating func take(_ sums: Sums) {
        largest = sums.largest.isFinite ? sums.largest : nil
        let ratio = (sums.difference / sums.square).squareRoot()
        relative = ratio.isFinite ? ratio : nil
        nonFinite = sums.nonFinite
    }

    /// Returns the number of elements whose bytes differ; elements of less than a byte are counted by their bytes.
    private static func differing(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer, _ bits: Int) -> Int {
        let size = max(bits / 8, 1)
        return stride(from: 0, to: a.count, by: size).count { start in (start..<start + size).contains { a[$0] != b[$0] } }
    }

    private struct Sums {
        var largest = 0.0, square = 0.0, difference = 0.0, nonFinite = 0

        mutating func add(_ a: Double, _ b: Double) {
            guard a.isFinite, b.isFinite else {
                if a != b, !(a.isNaN && b.isNaN) { nonFinite += 1 }
                return
            }
            largest = max(largest, abs(a - b))
            square += a * a
            difference += (a - b) * (a - b)
        }
    }
}
