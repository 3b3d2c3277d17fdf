import Columnar
import Engine
import Names
import Tensors
import Training

/// Holds the values of one output over some rows as plain numbers, so that they can be written down and compared.
enum OutputElements {
    /// The values are floating-point numbers. `width` is how many of them are the scores of one row; nil where an output has no rows of
    /// scores, such as one of a sequence.
    case numbers([Float], width: Int?)
    /// The values are integers or texts, as their own values or hashes.
    case codes([UInt64])

    init(_ value: OutputValue) {
        switch value {
        case .tensor(let tensor): self.init(tensor)
        case .labelled(_, let values): self.init(values)
        case .lists(let lists):
            self.init(lists.elements)
            if case .numbers(let numbers, _) = self { self = .numbers(numbers, width: nil) }
        }
    }

    init(_ tensor: Tensor) {
        if let strings = tensor.strings {
            self = .codes(strings.map(Self.hash))
        } else if [.float32, .float64, .float16, .bfloat16].contains(tensor.elementType) {
            let dimensions = tensor.shape.dimensions
            self = .numbers(tensor.floats, width: dimensions.count == 2 ? dimensions[1] : dimensions.count < 2 ? 1 : nil)
        } else {
            self = .codes((0..<tensor.elementCount).map { Self.code(tensor, $0) })
        }
    }

    var count: Int {
        switch self {
        case .numbers(let numbers, _): numbers.count
        case .codes(let codes): codes.count
        }
    }

    private static func code(_ tensor: Tensor, _ index: Int) -> UInt64 {
        let size = (tensor.elementType.bitWidth ?? 8) / 8
        guard size > 0 else { return UInt64(tensor.bytes[index / 2]) }
        var code: UInt64 = 0
        for byte in 0..<size { code |= UInt64(tensor.bytes[index * size + byte]) << UInt64(8 * byte) }
        return code
    }

    /// Returns the FNV-1a hash of a text.
    private static func hash(_ text: String) -> UInt64 {
        text.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }
}
