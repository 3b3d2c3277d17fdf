package import Tensors

/// Describes an input or an output of a model, as the runtime reports it.
package struct ValueInfo: Sendable, Hashable {
    package indirect enum Kind: Sendable, Hashable {
        /// The value is a tensor. `elementType` is a `TensorProto.DataType` number, which `ElementType(rawValue:)` may or may not know.
        case tensor(elementType: Int32, dimensions: [Dimension])
        case sparse(elementType: Int32, dimensions: [Dimension])
        case sequence(Kind)
        case map(key: Int32, value: Kind)
        case optional(Kind)
        case opaque
    }

    package let name: String
    package let kind: Kind

    package init(name: String, kind: Kind) {
        self.name = name
        self.kind = kind
    }

    /// The element type; `nil` for values that are no tensor, and for an element type that the format has and this program does not know.
    package var elementType: ElementType? {
        guard case .tensor(let type, _) = kind else { return nil }
        return ElementType(rawValue: type)
    }

    /// The dimensions; `nil` for values that are no tensor.
    package var dimensions: [Dimension]? {
        guard case .tensor(_, let dimensions) = kind else { return nil }
        return dimensions
    }
}

extension ValueInfo.Kind: CustomStringConvertible {
    /// The type as ONNX's text form writes it: `float[N, 4]`, `seq(map(int64, float))`.
    package var description: String {
        func tensor(_ type: Int32, _ dimensions: [Dimension]) -> String {
            typeName(type) + "[" + dimensions.map(\.description).joined(separator: ", ") + "]"
        }
        func typeName(_ type: Int32) -> String { ElementType(rawValue: type)?.name ?? "type \(type)" }
        return switch self {
        case .tensor(let type, let dimensions): tensor(type, dimensions)
        case .sparse(let type, let dimensions): "sparse(\(tensor(type, dimensions)))"
        case .sequence(let element): "seq(\(element))"
        case .map(let key, let value): "map(\(typeName(key)), \(value))"
        case .optional(let element): "optional(\(element))"
        case .opaque: "opaque"
        }
    }
}
