import SwiftProtobuf

/// Holds one `opset_import` entry, which says which version of a domain's operators is meant.
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

/// Returns the short spelling of a domain: the default domain has two spellings.
package func canonicalDomain(_ domain: String) -> String { domain == "ai.onnx" ? "" : domain }

extension [OperatorSet] {
    /// Returns the version that nodes of `domain` are bound to: the highest one imported, where a domain is imported more than once.
    package func version(of domain: String) -> Int64? {
        let wanted = canonicalDomain(domain)
        return lazy.filter { canonicalDomain($0.domain) == wanted }.map(\.version).max()
    }

    /// The entries merged to one for each domain, with the highest version, in the order in which the domains first appear.
    package var merged: [OperatorSet] {
        var seen: Set<String> = []
        return filter { seen.insert(canonicalDomain($0.domain)).inserted }.map { entry in
            var entry = entry
            if let version = version(of: entry.domain), version != entry.version { entry.version = version }
            return entry
        }
    }
}

extension Model {
    /// Tells whether a domain is imported more than once, by the model or by one of its functions.
    package var importsTwice: Bool {
        operatorSets.merged.count < operatorSets.count || functions.contains { $0.operatorSets.merged.count < $0.operatorSets.count }
    }

    /// Imports each domain once, with the highest of its versions. ONNX Runtime takes the last entry, ONNX the highest: with one entry they
    /// agree.
    package mutating func mergeImports() {
        guard importsTwice else { return }
        operatorSets = operatorSets.merged
        for index in functions.indices { functions[index].operatorSets = functions[index].operatorSets.merged }
    }
}
