internal import Tensors

/// Returns a value of a type that tables do not have as the float32 that equals it. ONNX's descriptions of its float8, float4 and
/// float8e8m0 types define the layouts.
func widened(_ type: ElementType, bits: UInt16) -> Float {
    switch type {
    case .bfloat16: Float(bitPattern: UInt32(bits) << 16)
    case .float16: Float(Float16(bitPattern: bits))
    case .float8e4m3fn: narrow(UInt8(bits), exponentBits: 4, bias: 7, isUnsignedZero: false, hasInfinity: false)
    case .float8e4m3fnuz: narrow(UInt8(bits), exponentBits: 4, bias: 8, isUnsignedZero: true, hasInfinity: false)
    case .float8e5m2: narrow(UInt8(bits), exponentBits: 5, bias: 15, isUnsignedZero: false, hasInfinity: true)
    case .float8e5m2fnuz: narrow(UInt8(bits), exponentBits: 5, bias: 16, isUnsignedZero: true, hasInfinity: false)
    case .float8e8m0: bits == 255 ? .nan : Float(sign: .plus, exponent: Int(bits) - 127, significand: 1)
    case .float4e2m1: [0, 0.5, 1, 1.5, 2, 3, 4, 6][Int(bits & 7)] * (bits & 8 == 0 ? 1 : -1)
    default: .nan
    }
}

private func narrow(_ byte: UInt8, exponentBits: Int, bias: Int, isUnsignedZero: Bool, hasInfinity: Bool) -> Float {
    let mantissaBits = 7 - exponentBits
    let sign: Float = byte & 0x80 == 0 ? 1 : -1
    let exponent = Int(byte & 0x7f) >> mantissaBits
    let mantissa = Int(byte) & ((1 << mantissaBits) - 1)
    if isUnsignedZero {
        if byte == 0x80 { return .nan }
    } else if hasInfinity, exponent == (1 << exponentBits) - 1 {
        return mantissa == 0 ? sign * .infinity : .nan
    } else if byte & 0x7f == 0x7f {
        return .nan
    }
    let fraction = Float(mantissa) / Float(1 << mantissaBits)
    if exponent == 0 { return sign * fraction * Float(sign: .plus, exponent: 1 - bias, significand: 1) }
    return sign * (1 + fraction) * Float(sign: .plus, exponent: exponent - bias, significand: 1)
}

extension Tensor {
    /// The same values in a type of at least a byte that tables and NumPy have; for all other types, the tensor itself.
    var plain: Tensor {
        guard let bits = elementType.bitWidth else { return self }
        let count = elementCount
        switch elementType {
        case .bfloat16, .float8e4m3fn, .float8e4m3fnuz, .float8e5m2, .float8e5m2fnuz, .float8e8m0, .float4e2m1:
            return Tensor(.float32, shape, (0..<count).map { widened(elementType, bits: element($0, bits: bits)) })
        case .int4, .int2:
            return Tensor(
                .int8, shape,
                (0..<count).map { index in
                    let value = Int(element(index, bits: bits))
                    return Int8(value >= 1 << (bits - 1) ? value - (1 << bits) : value)
                })
        case .uint4, .uint2: return Tensor(.uint8, shape, (0..<count).map { UInt8(element($0, bits: bits)) })
        default: return self
        }
    }

    /// Returns the bits of one element; elements of less than a byte have the low bits first.
    private func element(_ index: Int, bits: Int) -> UInt16 {
        if bits == 16 { return bytes.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self) }
        let bit = index * bits
        return UInt16(bytes[bit / 8] >> UInt8(bit % 8)) & UInt16((1 << bits) - 1)
    }
}
