package import Tensors

/// Holds the value of a model's input or output.
package indirect enum EngineValue: Sendable {
    case tensor(Tensor)
    case sequence([EngineValue])
    /// The value is a map. Keys and values are one-dimensional and of the same length.
    case map(keys: Tensor, values: Tensor)
    /// The value is an optional that holds nothing.
    case none

    package var tensor: Tensor? {
        guard case .tensor(let tensor) = self else { return nil }
        return tensor
    }

    var kindName: String {
        switch self {
        case .tensor(let tensor): "\(tensor.elementType.name)\(tensor.shape)"
        case .sequence(let elements): "a sequence of \(elements.count)"
        case .map: "a map"
        case .none: "nothing"
        }
    }
}
