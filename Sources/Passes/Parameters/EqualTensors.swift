import ONNX
import Tensors

/// Finds stored tensors that have the same type, shape and bytes.
enum EqualTensors {
    private struct Kind: Hashable {
        let type: ElementType
        let shape: Shape
    }

    private static let headBytes = 256

    /// Returns the names of the copies of each tensor that has any, by the name of the first of them.
    /// - Parameter counts: tells whether a tensor may have copies; others are left out.
    static func copies(
        among tensors: [StoredTensor], externalData directory: ExternalDataDirectory?, where counts: (Tensor) -> Bool
    ) throws(ONNXError) -> [String: [String]] {
        var alike: [Kind: [StoredTensor]] = [:]
        for tensor in tensors {
            guard let type = tensor.elementType else { continue }
            alike[Kind(type: type, shape: tensor.shape), default: []].append(tensor)
        }
        var copies: [String: [String]] = [:]
        for tensors in alike.values where tensors.count > 1 {
            // The first bytes distinguish nearly all of them, so that few are in memory at a time.
            var known: [[UInt8]: [StoredTensor]] = [:]
            for stored in tensors {
                let tensor = try stored.tensor(externalData: directory)
                guard counts(tensor) else { continue }
                let head = withExtendedLifetime(tensor) { Array(tensor.bytes.prefix(headBytes)) }
                var first: StoredTensor?
                for other in known[head] ?? [] where first == nil {
                    if try other.tensor(externalData: directory).holdsSame(as: tensor) { first = other }
                }
                if let first { copies[first.name, default: []].append(stored.name) } else { known[head, default: []].append(stored) }
            }
        }
        return copies
    }
}

extension Tensor {
    /// Tells whether both tensors have the same type, shape and bytes, or texts.
    func holdsSame(as other: Tensor) -> Bool {
        guard elementType == other.elementType, shape == other.shape else { return false }
        return withExtendedLifetime((self, other)) { strings == other.strings && bytes.elementsEqual(other.bytes) }
    }
}
