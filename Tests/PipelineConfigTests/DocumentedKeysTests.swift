import Foundation
import PipelineConfig
import Signatures
import TestSupport
import Testing

/// Compares `pipelines/README.md` with the readers: each key that one of them has is in its tables and no other, the defaults there are
/// defaults, and its examples are right. `ConfigurationKeys` asks the readers which keys there are.
@Suite struct DocumentedKeysTests {
    // MARK: Keys

    @Test(arguments: ConfigurationKeys.allCases)
    func everyKeyIsDocumentedAndNoOther(_ kind: ConfigurationKeys) throws {
        let rows = try DocumentedKeys.read().rows(of: kind)
        let known = try kind.keys()
        #expect(known.count > 10)
        for key in known where !key.isSection {
            let own = rows.filter { $0.key.takes(key.path) }
            #expect(!own.isEmpty, "\(key.path) is not in the tables")
            for word in key.words { #expect(own.contains { $0.text.contains("`\(word)`") }, "\(key.path): `\(word)` is not told of") }
        }
        for row in rows { #expect(known.contains { row.key.takes($0.path) }, "there is no key \(row.key.path)") }
    }

    /// A default that stands in a table as a value makes no difference when it is written.
    @Test func defaultsAreDefaults() throws {
        let known = try ConfigurationKeys.pipeline.keys()
        var count = 0
        for row in try DocumentedKeys.read().rows(of: .pipeline) {
            guard let value = row.defaultValue, !value.contains("NAME") else { continue }
            for key in known where row.key.takes(key.path) {
                count += 1
                let without = ConfigurationKeys.pipeline.document(key.path, nil)
                let with = ConfigurationKeys.pipeline.document(key.path, value)
                do {
                    let (one, other) = (try read(without), try read(with))
                    #expect(one == other, "\(key.path): \(value)")
                } catch { Issue.record("\(key.path): \(value): \(error)\n\(with)") }
            }
        }
        #expect(count > 50)
    }

    // MARK: Examples

    @Test func examplesAreRightAndShowEveryKey() throws {
        let page = try DocumentedKeys.read()
        let settings = try #require(page.examples.first { $0.kind == "millrace.yaml" })
        let folder = try TemporaryDirectory("documented-keys")
        try folder.write(settings.text, to: "millrace.yaml")
        let key = try folder.write(SigningKey().text, to: "keys/landing")
        try #require(chmod(key, 0o600) == 0)
        try folder.write(String(repeating: "0f", count: 32), to: "keys/digits.key")
        #expect(chmod(folder("keys/digits.key"), 0o600) == 0)
        for other in page.examples where other.kind == "millrace.yaml" && other.line != settings.line {
            let folder = try TemporaryDirectory("documented-settings")
            try folder.write(other.text, to: "millrace.yaml")
            #expect(RootFile.load(root: folder.path).problems == [], "the example in line \(other.line)")
        }
        var shown: Set<String> = []
        for (number, example) in page.examples.enumerated() where example.kind != "millrace.yaml" {
            try folder.write(example.wholePipeline(after: page.examples[0].text), to: "pipelines/\(number).yaml")
            let report = LintReport.lint([folder("pipelines/\(number).yaml")], root: folder.path)
            #expect(report.isClean, "the example in line \(example.line): \(report)")
            for pipeline in report.pipelines { shown.formUnion(Self.keys(in: pipeline)) }
        }
        let known = try ConfigurationKeys.pipeline.keys().filter { !$0.isSection }
        for row in page.rows(of: .pipeline) where known.contains(where: { row.key.takes($0.path) }) {
            #expect(shown.contains { row.key.takes($0) || row.key.path == $0 + ".NAME" }, "no example shows \(row.key.path)")
        }
        for key in try ConfigurationKeys.settings.keys() where !key.isSection {
            let word = key.path.split(separator: ".").last!
            #expect(settings.text.contains("\(word):"), "the example of millrace.yaml does not show \(key.path)")
        }
    }

    /// The keys that the file of a pipeline has, by the places that were noted of them.
    private static func keys(in pipeline: Pipeline) -> [String] {
        let places = Mirror(reflecting: pipeline.positions).children.compactMap { $0.value as? [String: Position] }.first ?? [:]
        return places.keys.map { $0.replacing(#/\[\d+\]/#, with: "[]") }
    }
}
