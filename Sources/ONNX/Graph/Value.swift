import ONNXProto
import SwiftProtobuf

/// Holds a named value with its type: a graph's input, its output, or a value in between.
package struct Value: Sendable, Equatable {
    var proto: Onnx_ValueInfoProto

    package init(_ name: String, _ type: ValueType?) {
        proto = .with { $0.name = name }
        self.type = type
    }

    init(_ proto: Onnx_ValueInfoProto) { self.proto = proto }

    package var name: String {
        get { proto.name }
        set { proto.name = newValue }
    }

    /// The type. Assigning the type that it already has changes nothing in the file, whatever else is there (denotations, unknown fields).
    package var type: ValueType? {
        get { proto.hasType ? ValueType(proto.type) : nil }
        set {
            guard newValue != type else { return }
            if let newValue { proto.type = newValue.proto } else { proto.clearType() }
        }
    }

    package var docString: String {
        get { proto.docString }
        set { proto.docString = newValue }
    }

    package var metadata: Metadata {
        get { Metadata(proto.metadataProps) }
        set { proto.metadataProps = newValue.entries }
    }
}

/// Holds a type as an attribute has it, with what `ValueType` does not show (denotations, unknown fields).
package struct StoredType: Sendable, Equatable {
    var proto: Onnx_TypeProto

    package init(_ type: ValueType) { proto = type.proto }
    init(_ proto: Onnx_TypeProto) { self.proto = proto }

    package var type: ValueType? { ValueType(proto) }
}
