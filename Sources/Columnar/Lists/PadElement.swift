internal import Recipes
internal import Tensors

/// Holds one element of an input, as a batch has it in a place where a row has none.
enum PadElement {
    case bytes([UInt8])
    case text(String)

    /// Makes the element that stands for `pad`, scaled like the input's values; `nil` where the input cannot hold it.
    init?(_ pad: Pad, _ rule: InputRule, _ type: ElementType) {
        switch pad {
        case .text(let text):
            guard type == .string else { return nil }
            self = .text(text)
        case .integer(let value):
            if type == .string { self = .text(String(value)); return }
            if rule.scale == nil, rule.offset == nil, type == .int64 { self = .bytes(Self.bytes(value)); return }
            self.init(.number(Double(value)), rule, type)
        case .number(let value):
            if type == .string { self = .text(value.description); return }
            let isScaled = rule.scale != nil || rule.offset != nil
            guard isScaled || type.isFloatingPoint || value == value.rounded() else { return nil }
            guard let bytes = Self.bytes(isScaled ? value * (rule.scale ?? 1) + (rule.offset ?? 0) : value, type) else { return nil }
            self = .bytes(bytes)
        }
    }

    /// Makes a whole number that every numeric type holds, for a mask.
    init?(_ value: Int, _ type: ElementType) {
        guard let bytes = Self.bytes(Double(value), type) else { return nil }
        self = .bytes(bytes)
    }

    private static func bytes(_ value: some BitwiseCopyable) -> [UInt8] { withUnsafeBytes(of: value) { Array($0) } }

    private static func bytes(_ value: Double, _ type: ElementType) -> [UInt8]? {
        switch type {
        case .float32: Float.rounding(value).map { bytes($0) }
        case .float64: Double.rounding(value).map { bytes($0) }
        case .float16: Float16.rounding(value).map { bytes($0) }
        case .bfloat16: TensorBFloat16.rounding(value).map { bytes($0) }
        case .int8: Int8.rounding(value).map { bytes($0) }
        case .uint8: UInt8.rounding(value).map { bytes($0) }
        case .int16: Int16.rounding(value).map { bytes($0) }
        case .uint16: UInt16.rounding(value).map { bytes($0) }
        case .int32: Int32.rounding(value).map { bytes($0) }
        case .uint32: UInt32.rounding(value).map { bytes($0) }
        case .int64: Int64.rounding(value).map { bytes($0) }
        case .uint64: UInt64.rounding(value).map { bytes($0) }
        case .bool: TensorBool.rounding(value).map { bytes($0) }
        default: nil
        }
    }
}

extension TensorBuffer {
    /// Repeats an element over the first `count` places.
    func fill(_ element: [UInt8], count: Int) {
        if element.allSatisfy({ $0 == 0 }) {
            address.initializeMemory(as: UInt8.self, repeating: 0, count: count * element.count)
            return
        }
        for place in 0..<count {
            for (offset, byte) in element.enumerated() {
                address.storeBytes(of: byte, toByteOffset: place * element.count + offset, as: UInt8.self)
            }
        }
    }
}
