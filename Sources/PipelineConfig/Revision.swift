internal import Crypto
internal import Foundation
import Recipes

/// Holds the digest of all settings of a pipeline that decide bytes. Two files with one revision give the same outputs for the same
/// arrivals and model.
package struct Revision: Sendable, Hashable, Codable, CustomStringConvertible {
    /// The SHA-256 in lower-case hexadecimal.
    package let full: String

    package init(full: String) { self.full = full }

    /// The first characters, which are enough for people to tell revisions of one pipeline apart.
    package var short: String { String(full.prefix(12)) }
    package var description: String { short }

    package init(from decoder: any Decoder) throws { full = try decoder.singleValueContainer().decode(String.self) }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(full)
    }
}

extension Revision {
    fileprivate init(of form: String) {
        self.init(full: SHA256.hash(data: Data(form.utf8)).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined())
    }
}

extension Pipeline {
    /// The digest of `schema`, `stages`, `privacy`, and the `land` keys that change bytes.
    package var revision: Revision { Revision(of: canonicalForm(version: CanonicalForm.version)) }

    /// The revision that this file had while the form was version 1, under which a ledger may know it. A file with keys that version 1 did
    /// not have gets a digest that is in no ledger.
    package var formerRevision: Revision { Revision(of: canonicalForm(version: 1)) }

    /// Returns one line for each fact that is not the default, with mappings that have no order sorted by key. A key that a later version
    /// adds changes no revision as long as it has its default.
    func canonicalForm(version: Int) -> String {
        var form = CanonicalForm(version: version)
        for key in RowSchema.Key.allCases { form.add(key, of: schema) }
        for stage in stages { form.add(stage) }
        if let outputs = land.outputs {
            if outputs.format != .parquet { form.add("land.outputs.format", [outputs.format.rawValue]) }
            form.add("land.outputs.partition_by", outputs.partitionBy.map(\.rawValue))
        }
        form.add(privacy)
        return form.text
    }
}

/// Makes lines of a key and its values, each value with its length before it, so that no two forms share a text.
struct CanonicalForm {
    /// The version is raised when an unchanged file gets another meaning. In version 2, missing values, numbers, headers and labels have
    /// one meaning in every format. The lines are those of version 1.
    static let version = 2

    private(set) var text: String

    init(version: Int) { text = "millrace revision \(version)\n" }

    mutating func add(_ key: String, _ values: [String]) {
        if values.isEmpty { return }
        text += key + values.map { " \($0.utf8.count):\($0)" }.joined() + "\n"
    }

    mutating func add(_ stage: Stage) {
        switch stage {
        case .deserialize: add("stage", ["deserialize"])
        case .optimize(let optimize): add(optimize)
        case .deploy(let deployment): add(deployment)
        case .forward(let forward):
            add("stage", ["forward"])
            if case .rows(let rows) = forward.batchSize { add("forward.batch_size", [String(rows)]) }
            add("forward.threads", forward.threads.map { [String($0)] } ?? [])
            for mapping in forward.outputs ?? [] {
                add("forward.outputs", [mapping.output])
                add("forward.outputs.columns", mapping.columns.map { [$0] } ?? [])
                add("forward.outputs.class", mapping.classColumn.map { [$0] } ?? [])
                add("forward.outputs.argmax", mapping.argmaxColumn.map { [$0] } ?? [])
                if let axis = mapping.batchAxis, axis != 0 { add("forward.outputs.batch_axis", [String(axis)]) }
            }
        }
    }
}
