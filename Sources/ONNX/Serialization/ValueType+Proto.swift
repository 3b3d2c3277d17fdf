import ONNXProto
import SwiftProtobuf
import Tensors

extension ValueType {
    /// Reads a type; returns `nil` where no case is set.
    init?(_ proto: Onnx_TypeProto) {
        func nested(_ present: Bool, _ proto: @autoclosure () -> Onnx_TypeProto) -> ValueType? {
            present ? ValueType(proto()) : nil
        }
        switch proto.value {
        case .tensorType(let tensor):
            self = .tensor(ElementType(rawValue: tensor.elemType), tensor.hasShape ? ONNX.dimensions(of: tensor.shape) : nil)
        case .sparseTensorType(let tensor):
            self = .sparseTensor(ElementType(rawValue: tensor.elemType), tensor.hasShape ? ONNX.dimensions(of: tensor.shape) : nil)
        case .sequenceType(let sequence): self = .sequence(nested(sequence.hasElemType, sequence.elemType))
        case .optionalType(let optional): self = .optional(nested(optional.hasElemType, optional.elemType))
        case .mapType(let map):
            self = .map(key: ElementType(rawValue: map.keyType), value: nested(map.hasValueType, map.valueType))
        case .opaqueType(let opaque): self = .opaque(domain: opaque.domain, name: opaque.name)
        case nil: return nil
        }
    }

    var proto: Onnx_TypeProto {
        .with {
            switch self {
            case .tensor(let type, let dimensions):
                $0.tensorType = .with {
                    if let type { $0.elemType = type.rawValue }
                    if let dimensions { $0.shape = shapeProto(dimensions) }
                }
            case .sparseTensor(let type, let dimensions):
                $0.sparseTensorType = .with {
                    if let type { $0.elemType = type.rawValue }
                    if let dimensions { $0.shape = shapeProto(dimensions) }
                }
            case .sequence(let element):
                $0.sequenceType = .with { if let element { $0.elemType = element.proto } }
            case .optional(let element):
                $0.optionalType = .with { if let element { $0.elemType = element.proto } }
            case .map(let key, let value):
                $0.mapType = .with {
                    if let key { $0.keyType = key.rawValue }
                    if let value { $0.valueType = value.proto }
                }
            case .opaque(let domain, let name):
                $0.opaqueType = .with {
                    if !domain.isEmpty { $0.domain = domain }
                    if !name.isEmpty { $0.name = name }
                }
            }
        }
    }
}

/// Returns the dimensions of a shape. A negative extent is read as unknown, because some exporters write it for an unknown one.
func dimensions(of shape: Onnx_TensorShapeProto) -> [Dimension] {
    shape.dim.map {
        switch $0.value {
        case .dimValue(let value): value < 0 ? .unknown : .fixed(Int(value))
        case .dimParam(let name): name.isEmpty ? .unknown : .symbolic(name)
        case nil: .unknown
        }
    }
}

private func shapeProto(_ dimensions: [Dimension]) -> Onnx_TensorShapeProto {
    .with {
        $0.dim = dimensions.map { dimension in
            .with {
                switch dimension {
                case .fixed(let value): $0.dimValue = Int64(value)
                case .symbolic(let name): $0.dimParam = name
                case .unknown: break
                }
            }
        }
    }
}
