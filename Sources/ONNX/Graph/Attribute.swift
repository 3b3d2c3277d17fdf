package import Foundation
import ONNXProto
import SwiftProtobuf

/// Holds a named constant of a node.
package struct Attribute: Sendable, Equatable {
    @Field package var name: String
    package var value: AttributeValue
    @Field package var docString: String
    /// Tells whether the file states the type of the value; the oldest models do not.
    var writesType = true
    /// Tells whether a scalar's own field is in the file; some writers leave a zero out.
    var writesValue = true
    var unknownFields = UnknownStorage()

    package init(_ name: String, _ value: AttributeValue) {
        self.value = value
        self.name = name
    }

    init(name: String?, value: AttributeValue, docString: String?) {
        _name = Field(name)
        self.value = value
        _docString = Field(docString)
    }
}

package enum AttributeValue: Sendable {
    case float(Float)
    case int(Int64)
    case string(Data)
    case tensor(StoredTensor)
    indirect case graph(Graph)
    case sparseTensor(SparseTensor)
    case type(StoredType)
    case floats([Float])
    case ints([Int64])
    case strings([Data])
    case tensors([StoredTensor])
    case graphs([Graph])
    case sparseTensors([SparseTensor])
    case types([StoredType])
    /// The value is that of the call's attribute of this name; only inside a function.
    case reference(String, AttributeKind?)
    /// The content is contradictory or unknown, and is kept unchanged; `Model.safetyCheck` refuses it.
    case unrecognized(UnrecognizedAttribute)

    package static func string(_ text: String) -> AttributeValue { .string(Data(text.utf8)) }
    package static func strings(_ texts: [String]) -> AttributeValue { .strings(texts.map { Data($0.utf8) }) }
}

/// Names the kinds of attributes. Raw values are `AttributeProto.type` field values.
package enum AttributeKind: Int32, Sendable, Hashable {
    case float = 1, int, string, tensor, graph, floats, ints, strings, tensors, graphs, sparseTensor, sparseTensors, type, types
}

package struct UnrecognizedAttribute: Sendable, Equatable {
    let proto: Onnx_AttributeProto
    package let reason: String
}

// The properties are not inlined: Swift 6.3.1's optimizer stops with an ownership error where `int` is inlined twice into one function.
extension Attribute {
    @inline(never) package var int: Int64? {
        guard case .int(let value) = value else { return nil }
        return value
    }
    @inline(never) package var ints: [Int64]? {
        guard case .ints(let values) = value else { return nil }
        return values
    }
    @inline(never) package var float: Float? {
        guard case .float(let value) = value else { return nil }
        return value
    }
    @inline(never) package var floats: [Float]? {
        guard case .floats(let values) = value else { return nil }
        return values
    }
    /// The value as text; `nil` for other kinds, and where the bytes are not UTF-8.
    @inline(never) package var string: String? {
        guard case .string(let bytes) = value else { return nil }
        return String(validating: bytes, as: UTF8.self)
    }
    @inline(never) package var strings: [String]? {
        guard case .strings(let values) = value else { return nil }
        let texts = values.compactMap { String(validating: $0, as: UTF8.self) }
        return texts.count == values.count ? texts : nil
    }
    @inline(never) package var tensor: StoredTensor? {
        guard case .tensor(let tensor) = value else { return nil }
        return tensor
    }
    @inline(never) package var graphs: [Graph] {
        switch value {
        case .graph(let graph): [graph]
        case .graphs(let graphs): graphs
        default: []
        }
    }
}

extension AttributeValue {
    package var kind: AttributeKind? {
        switch self {
        case .float: .float
        case .int: .int
        case .string: .string
        case .tensor: .tensor
        case .graph: .graph
        case .sparseTensor: .sparseTensor
        case .type: .type
        case .floats: .floats
        case .ints: .ints
        case .strings: .strings
        case .tensors: .tensors
        case .graphs: .graphs
        case .sparseTensors: .sparseTensors
        case .types: .types
        case .reference(_, let kind): kind
        case .unrecognized: nil
        }
    }
}

/// Compares floats by their bits, so that a NaN equals itself and a written model equals the one that was read.
extension AttributeValue: Equatable {
    package static func == (left: AttributeValue, right: AttributeValue) -> Bool {
        switch (left, right) {
        case (.float(let a), .float(let b)): a.bitPattern == b.bitPattern
        case (.floats(let a), .floats(let b)): a.elementsEqual(b) { $0.bitPattern == $1.bitPattern }
        case (.int(let a), .int(let b)): a == b
        case (.ints(let a), .ints(let b)): a == b
        case (.string(let a), .string(let b)): a == b
        case (.strings(let a), .strings(let b)): a == b
        case (.tensor(let a), .tensor(let b)): a == b
        case (.tensors(let a), .tensors(let b)): a == b
        case (.graph(let a), .graph(let b)): a == b
        case (.graphs(let a), .graphs(let b)): a == b
        case (.sparseTensor(let a), .sparseTensor(let b)): a == b
        case (.sparseTensors(let a), .sparseTensors(let b)): a == b
        case (.type(let a), .type(let b)): a == b
        case (.types(let a), .types(let b)): a == b
        case (.reference(let a, let aKind), .reference(let b, let bKind)): a == b && aKind == bKind
        case (.unrecognized(let a), .unrecognized(let b)): a.proto.hasSameBytes(as: b.proto)
        default: false
        }
    }
}
