import ONNXProto
import SwiftProtobuf

/// A named value with its type: a graph's input, output, or a note on one in between.
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

    /// Assigning the type it already has changes nothing in the file, whatever else stands there (denotations, unknown fields).
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

/// A type as an attribute holds it, with what `ValueType` does not show (denotations, unknown fields).
package struct StoredType: Sendable, Equatable {
    var proto: Onnx_TypeProto

    package init(_ type: ValueType) { proto = type.proto }
    init(_ proto: Onnx_TypeProto) { self.proto = proto }

    package var type: ValueType? { ValueType(proto) }
}
