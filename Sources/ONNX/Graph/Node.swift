import ONNXProto
import SwiftProtobuf
import Tensors

/// Represents one application of an operator. Inputs and outputs are value names; an empty name stands for an optional one that is left
/// out.
package struct Node: Sendable, Equatable {
    package var inputs: [String]
    package var outputs: [String]
    @Field package var name: String
    @Field package var operatorType: String
    @Field package var domain: String
    @Field package var overload: String
    package var attributes: [Attribute]
    @Field package var docString: String
    package var metadata = Metadata()
    /// The distribution of the node over devices, which is kept but not read.
    var deviceConfigurations: [Onnx_NodeDeviceConfigurationProto] = []
    var unknownFields = UnknownStorage()

    package init(
        _ operatorType: String, _ inputs: [String], _ outputs: [String], name: String? = nil, domain: String? = nil,
        _ attributes: [Attribute] = []
    ) {
        self.inputs = inputs
        self.outputs = outputs
        self.attributes = attributes
        _name = Field(name)
        _domain = Field(domain)
        self.operatorType = operatorType
    }

    package subscript(attribute name: String) -> AttributeValue? {
        get { attributes.first { $0.name == name }?.value }
        set {
            let position = attributes.firstIndex { $0.name == name }
            switch (position, newValue) {
            case (let position?, let value?):
                attributes[position].value = value
                attributes[position].writesValue = true
            case (let position?, nil): attributes.remove(at: position)
            case (nil, let value?): attributes.append(Attribute(name, value))
            case (nil, nil): break
            }
        }
    }

    package func attribute(_ name: String) -> Attribute? { attributes.first { $0.name == name } }

    /// The operator's type with its domain: `Conv`, or `com.example.Fused` outside the default domain.
    package var qualifiedType: String {
        let domain = canonicalDomain(domain)
        return domain.isEmpty ? operatorType : domain + "." + operatorType
    }

    package var subgraphs: [Graph] { attributes.flatMap(\.graphs) }

    /// The place of an error: the node's type, its name if it has one, and its first output.
    package var place: String {
        let output = outputs.first { !$0.isEmpty }.map { " -> '\($0)'" } ?? ""
        return "node \(qualifiedType)" + (name.isEmpty ? "" : " '\(name)'") + output
    }
}

extension Node {
    /// The numbers that a Constant node holds; nil for texts, for sparse values, and where the call of a function decides the value.
    package var constantTensor: StoredTensor? {
        if let tensor = attribute("value")?.tensor { return tensor }
        if let value = attribute("value_int")?.int { return StoredTensor("", .int64, [], [value]) }
        if let values = attribute("value_ints")?.ints { return StoredTensor("", .int64, [values.count], values) }
        if let value = attribute("value_float")?.float { return StoredTensor("", .float32, [], [value]) }
        if let values = attribute("value_floats")?.floats { return StoredTensor("", .float32, [values.count], values) }
        return nil
    }
}
