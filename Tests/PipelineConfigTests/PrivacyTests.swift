import Foundation
import PipelineConfig
import Recipes
import TestSupport
import Testing

/// `privacy`: what it may say, the key, and the revision.
@Suite struct PrivacyTests {
    private let folder: TemporaryDirectory
    init() throws { folder = try TemporaryDirectory("privacy") }

    private static let trained = """
        name: t
        spool: { models: m, labelled: l, data: d }
        schema: { key: [id], label: "y_*", weight: w, inputs: { x: [a, b] } }
        stages: [deserialize, optimize: { gradient: { loss: mean_squared_error } }, forward]
        land: { models: v, outputs: o }

        """

    private func pipeline(_ lines: String, makesKeys: Bool = true) throws -> Pipeline {
        try folder.write(base + lines + "\n", to: "p.yaml")
        return try PipelineFile.load(path: folder("p.yaml"), root: folder.path, makesKeys: makesKeys)
    }

    @Test func withoutItNothingIsTold() throws {
        let plain = try pipeline("schema: { keep: [id] }")
        #expect(plain.privacy == Privacy() && plain.privacy.showsValues == false && plain.schema.privacy == nil)
        #expect(try pipeline("schema: { keep: [id] }\nprivacy: {}").revision == plain.revision)
        #expect(try pipeline("schema: { keep: [id] }\nprivacy: { show_values: true }").revision == plain.revision)
        #expect(!folder.files().contains { $0.hasSuffix("privacy.key") })
    }

    @Test func theRootsKeyIsMadeOnceAndForItsUserAlone() throws {
        let lines = "schema: { keep: [id] }\nprivacy: { drop: [mail], hash: [id] }"
        // Who only reads makes nothing, and knows no key.
        #expect(try pipeline(lines, makesKeys: false).schema.privacy?.key == nil && !folder.files().contains(".millrace/privacy.key"))
        #expect(try pipeline(lines, makesKeys: false).privacy.lacksKey && !pipeline("schema: { keep: [id] }").privacy.lacksKey)
        let first = try pipeline(lines)
        #expect(!first.privacy.lacksKey)
        let key = try #require(first.schema.privacy?.key)
        #expect(try pipeline(lines, makesKeys: false) == first && folder.files().filter { $0.contains("privacy.key") }.count == 1)
        var status = stat()
        #expect(stat(folder(".millrace/privacy.key"), &status) == 0 && status.st_mode & 0o777 == 0o600)
        let text = String(decoding: try folder.read(".millrace/privacy.key"), as: UTF8.self)
        #expect(text == key.bytes.map { String(format: "%02x", $0) }.joined() + "\n")
        // Neither the key nor a part of it is printed, whoever prints what.
        for printed in ["\(key)", String(reflecting: key), "\(first.schema)", String(reflecting: first.privacy)] {
            #expect(!printed.contains(text.prefix(8)) && !printed.contains("\(key.bytes[0]), \(key.bytes[1])"), "\(printed)")
        }
        var dumped = ""
        dump(first.privacy, to: &dumped)
        #expect(!dumped.contains("bytes") && !dumped.contains(text.prefix(8)) && dumped.contains(key.id))
    }

    /// The name of a key says nothing of it: it is the beginning of another hash of it.
    @Test func theNameOfAKeyIsAHashOfIt() throws {
        try folder.write(String(repeating: "0B", count: 32) + "\n", to: "k")
        chmod(folder("k"), 0o640)
        let named = try pipeline("schema: { keep: [id] }\nprivacy: { hash: [id], key: k }")
        // printf 'millrace privacy key\n' and 32 bytes 0x0b, through sha256sum.
        #expect(named.schema.privacy?.key?.id == Self.idOf0b)
        #expect(!folder.files().contains(".millrace/privacy.key"))
    }

    private static let idOf0b = "4baf263b2f5bf6d2"

    @Test func eachChangeIsARevision() throws {
        let keep = "schema: { keep: [id, mail] }\n"
        var seen: [Revision: String] = [:]
        for lines in [
            "", "privacy: { drop: [id] }", "privacy: { drop: [mail] }", "privacy: { drop: [id, mail] }", "privacy: { hash: [id] }",
            "privacy: { hash: [mail] }", "privacy: { hash: [id], drop: [mail] }",
        ] {
            #expect(seen.updateValue(lines, forKey: try pipeline(keep + lines).revision) == nil, "\(lines)")
        }
        #expect(
            try pipeline(keep + "privacy: { drop: [id, mail] }").revision == pipeline(keep + "privacy: { drop: [mail, id] }").revision)
        let before = try pipeline(keep + "privacy: { hash: [id] }")
        try folder.write(String(repeating: "a1", count: 32), to: ".millrace/privacy.key")
        chmod(folder(".millrace/privacy.key"), 0o600)
        let after = try pipeline(keep + "privacy: { hash: [id] }")
        #expect(after.revision != before.revision && after != before)
        // What was opened under another key, or without `privacy`, is not finished under it.
        let body = before.revisionBody.text
        #expect(before.under(revision: before.revision.full, body: body) != nil)
        #expect(after.under(revision: before.revision.full, body: body) == nil)
        #expect(try after.under(revision: pipeline(keep).revision.full, body: body) == nil)
        #expect(!body.contains("a1a1"))
    }

    @Test(arguments: [
        ("privacy: { drop: [a], hash: [a] }\nschema: { keep: [a] }", "privacy.hash: \"a\" is left out by `drop` too; remove one of them"),
        (
            "privacy: { hash: [a] }",
            "privacy.hash: \"a\" is not kept, so that its hash would stand nowhere; add it to schema.keep, or remove it"
        ),
        (
            "privacy: { drop: [a], show_values: true }",
            "privacy.show_values: an error may quote a whole row, with the columns that `drop` and `hash` name in it; "
                + "write false, or name no columns"
        ),
        ("privacy: { key: k }", "privacy.key: there is a key, and nothing is hashed; name the columns in `hash`, or remove it"),
        ("privacy: { show_values: maybe }", "privacy.show_values: `maybe` is neither true nor false; write true or false, without quotes"),
        ("privacy: { dorp: [a] }", "privacy.dorp: there is no such key; did you mean `drop`?"),
    ])
    func isRefused(lines: String, why: String) throws {
        #expect(problems(base + lines).map { String($0.drop { $0 != " " }.dropFirst()) } == [why])
    }

    @Test(arguments: [("k", "holds no key"), ("open", "everybody may read"), ("absent", "there is no file")])
    func aFileThatHoldsNoKeyIsRefused(name: String, why: String) throws {
        try folder.write("0123", to: "k")
        chmod(folder("k"), 0o600)
        try folder.write(String(repeating: "0b", count: 32), to: "open")
        chmod(folder("open"), 0o644)
        do {
            _ = try pipeline("schema: { keep: [id] }\nprivacy: { hash: [id], key: \(name) }")
            Issue.record("it was taken")
        } catch let error as PipelineError {
            let problem = error.problems.first
            #expect(error.problems.count == 1 && problem?.key == "privacy.key" && problem?.fault.contains(why) == true, "\(error)")
        }
    }

    /// A key that stands in the pipeline in place of its path is in no message.
    @Test(arguments: [String(repeating: "0b", count: 32), "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U="])
    func aKeyInPlaceOfItsPathIsNotQuoted(key: String) throws {
        let found = problems(base + "schema: { keep: [id] }\nprivacy: { hash: [id], key: \"\(key)\" }\n")
        #expect(found.count == 1 && found[0].contains("the key itself stands here") && !found[0].contains(key.prefix(8)), "\(found)")
    }

    /// One column has one name: what only looks like a name of `privacy` would be written as it is.
    @Test(arguments: [
        ("schema: { keep: [Mail] }", "drop: [mail]", "privacy.drop"), ("schema: { keep: [id, \" id\"] }", "hash: [id]", "privacy.hash"),
        ("schema: { key: [ID], keep: [] }", "drop: [id]", "privacy.drop"),
        ("schema: { inputs: { x: [Income] } }", "drop: [income]", "privacy.drop"),
    ])
    func aNameThatIsAlmostOneOfThemIsRefused(schema: String, lists: String, key: String) {
        let found = problems(base + schema + "\nprivacy: { \(lists) }\n")
        #expect(found.count == 1 && found[0].contains(key) && found[0].contains("one column has one name"), "\(found)")
    }

    @Test func bothSpellingsMayBeNamed() {
        #expect(problems(base + "schema: { keep: [Mail, mail] }\nprivacy: { drop: [mail, Mail] }\n") == [])
    }

    /// Labelled rows are kept without these columns, so that none of them may be one that training needs.
    @Test(arguments: [
        ("drop: [y_1]", "\"y_1\" is a label"), ("hash: [y_2]", "\"y_2\" is a label"), ("drop: [w]", "\"w\" is the weight"),
        ("drop: [a]", "\"a\" is a feature (schema.inputs.x)"), ("hash: [b]", "\"b\" is a feature (schema.inputs.x)"),
        ("drop: [id]", "\"id\" is in schema.key"),
    ])
    func whatTrainingNeedsStays(lists: String, why: String) throws {
        let found = problems(Self.trained + "privacy: { \(lists) }")
        #expect(found.count == 1 && found.first?.contains(why) == true, "\(found)")
    }

    @Test func whatTrainingDoesNotNeedMayGo() throws {
        #expect(problems(Self.trained + "privacy: { drop: [mail, y], hash: [id, phone] }") == [])
    }
}
