package import Tensors

/// Describes the static type of a value. A `nil` element type is one that the file leaves out or that this build does not know; `nil`
/// dimensions mean an unknown rank, and an empty list means a scalar.
package indirect enum ValueType: Sendable, Hashable {
    case tensor(ElementType?, [Dimension]?)
    case sparseTensor(ElementType?, [Dimension]?)
    case sequence(ValueType?)
    case optional(ValueType?)
    case map(key: ElementType?, value: ValueType?)
    case opaque(domain: String, name: String)

    package var elementType: ElementType? {
        switch self {
        case .tensor(let type, _), .sparseTensor(let type, _): type
        default: nil
        }
    }

    package var dimensions: [Dimension]? {
        switch self {
        case .tensor(_, let dimensions), .sparseTensor(_, let dimensions): dimensions
        default: nil
        }
    }

    package static func tensor(_ elementType: ElementType, _ shape: Shape) -> ValueType {
        .tensor(elementType, shape.dimensions.map(Dimension.fixed))
    }
}

extension ValueType: CustomStringConvertible {
    package var description: String {
        func dense(_ type: ElementType?, _ dimensions: [Dimension]?) -> String {
            let extent = dimensions.map { "[" + $0.map(\.description).joined(separator: ", ") + "]" } ?? "[...]"
            return (type?.name ?? "unknown") + extent
        }
        func nested(_ type: ValueType?) -> String { type?.description ?? "unknown" }
        return switch self {
        case .tensor(let type, let dimensions): dense(type, dimensions)
        case .sparseTensor(let type, let dimensions): "sparse(\(dense(type, dimensions)))"
        case .sequence(let element): "sequence(\(nested(element)))"
        case .optional(let element): "optional(\(nested(element)))"
        case .map(let key, let value): "map(\(key?.name ?? "unknown"), \(nested(value)))"
        case .opaque(let domain, let name): "opaque(\(domain).\(name))"
        }
    }
}
