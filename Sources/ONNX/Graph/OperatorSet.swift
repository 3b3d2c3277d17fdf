import SwiftProtobuf

/// One `opset_import` entry: which version of a domain's operators is meant.
package struct OperatorSet: Sendable, Equatable {
    @Field package var domain: String
    @Field package var version: Int64
    var unknownFields = UnknownStorage()

    package init(domain: String, version: Int64) {
        self.domain = domain
        self.version = version
    }

    init(domain: String?, version: Int64?, unknownFields: UnknownStorage) {
        _domain = Field(domain)
        _version = Field(version)
        self.unknownFields = unknownFields
    }
}

/// The default domain has two spellings; this is the short one.
package func canonicalDomain(_ domain: String) -> String { domain == "ai.onnx" ? "" : domain }
