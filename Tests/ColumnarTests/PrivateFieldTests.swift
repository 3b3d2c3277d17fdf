import Foundation
import Names
import Recipes
import Tensors
import TestSupport
import Testing

@testable import Columnar

/// Columns that `privacy` means and does not name: in another spelling, inside of other columns, or told of beside the columns.
@Suite struct PrivateFieldTests {
    private let directory: TemporaryDirectory
    init() throws { directory = try TemporaryDirectory("private-fields") }

    private let privacy = RowPrivacy(
        drop: ["mail", "prénom"], hash: ["id"], key: PrivacyKey(id: "k", bytes: [UInt8](repeating: 7, count: 32)))

    /// Copies a file; returns the copy's path, and the columns that were not there.
    private func copy(_ path: String, _ privacy: RowPrivacy? = nil) throws -> (path: String, absent: [String]) {
        let target = directory("copy." + (PrivateCopy.fileExtension(of: path) ?? ""))
        let source = open(path, O_RDONLY), file = open(target, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        defer { for descriptor in [source, file] { close(descriptor) } }
        let copy = try PrivateCopy(of: path, open: source, dialect: TextDialect(), privacy: privacy ?? self.privacy, types: [:])
        return (target, try copy.write(into: file))
    }

    private func refusal(_ body: () throws -> Void) -> String {
        do {
            try body()
            return "it was taken"
        } catch { return "\(error)" }
    }

    @Test(arguments: ["Mail", "MAIL", " mail", "mail ", "\u{FEFF}mail", "pre\u{301}nom", "Prénom", "ID"])
    func aColumnThatIsSpelledOtherwiseIsRefused(name: String) throws {
        let csv = try directory.write("x,\"\(name)\"\n1,secret\n", to: "a.csv")
        let json = try directory.write("{\"x\":1}\n{\"x\":1,\"\(name)\":\"secret\"}\n", to: "a.jsonl")
        for path in [csv, json] {
            let why = refusal { _ = try copy(path) }
            #expect(why.contains("which may be this one: name it there as the file does"), "\(path): \(why)")
        }
    }

    /// One that is named too, or that only begins alike, is none of these.
    @Test func aColumnThatIsNamedIsNotSpelledOtherwise() throws {
        let path = try directory.write("x,mail,Mail,mailbox\n1,secret,hush,3\n", to: "a.csv")
        let both = RowPrivacy(drop: ["mail", "Mail"])
        #expect(try String(contentsOfFile: copy(path, both).path, encoding: .utf8) == "x,mailbox\n1,3\n")
    }

    /// A byte order mark and quotes belong to no name.
    @Test func theFirstNameBehindAByteOrderMarkIsItself() throws {
        let path = try directory.write(Array("\u{FEFF}\"mail\",x\nsecret,1\n".utf8), to: "a.csv")
        #expect(try String(contentsOfFile: copy(path).path, encoding: .utf8) == "x\n1\n")
        let two = try directory.write("mail,x,mail\nsecret,1,hush\n", to: "b.csv")
        #expect(try String(contentsOfFile: copy(two).path, encoding: .utf8) == "x\n1\n")
        let json = try directory.write(#"{"mail":"secret","x":1,"m\u0061il":"hush"}"# + "\n", to: "a.jsonl")
        #expect(try String(contentsOfFile: copy(json).path, encoding: .utf8) == "{\"x\":1}\n")
    }

    @Test(arguments: [
        #"{"x":1,"user":{"mail":"secret"}}"#, #"{"x":1,"user":[{"a":{"mail" :"secret"}}]}"#, #"{"x":1,"user":{"m\u0061il":"secret"}}"#,
        #"{"x":1,"user":{"Mail":"secret"}}"#, #"{"x":1,"user":{"id":7}}"#,
    ])
    func aFieldInsideOfAColumnIsRefused(line: String) throws {
        let path = try directory.write(#"{"x":1,"user":null}"# + "\n" + line + "\n", to: "a.jsonl")
        let why = refusal { _ = try copy(path) }
        #expect(why.contains("row 2, column \"user\"") && why.contains("inside, which `privacy` names"), "\(why)")
        // In an output, where the column is kept, and in a table whose columns have types.
        let kept = refusal { try output(path, keep: ["user"], privacy) }
        #expect(kept.contains("column \"user\": it has a field") && !kept.contains("secret"), "\(kept)")
        try output(path, keep: [], privacy)
        let arrow = directory("a.arrow")
        try rewrite(path, to: arrow)
        let stored = refusal { _ = try copy(arrow) }
        #expect(stored.contains("column \"user\": it has a field"), "\(stored)")
        let whole = RowPrivacy(drop: privacy.drop + ["user"], hash: privacy.hash, key: privacy.key)
        #expect(try TableReader(path: copy(arrow, whole).path).schema.names == ["x"])
    }

    /// Text and keys that only look like such a field are none.
    @Test func aTextIsNoField() throws {
        let line = #"{"x":1,"user":["mail","{\"mail\":1}",{"a":"mail"}]}"#
        let path = try directory.write(line + "\n", to: "a.jsonl")
        #expect(try String(contentsOfFile: copy(path).path, encoding: .utf8) == line + "\n")
    }

    private func output(_ path: String, keep: [String], _ privacy: RowPrivacy) throws {
        _ = try openInputs(
            path: path, inputs: [ModelInput(name: "x", elementType: .float32, dimensions: [nil])],
            schema: TableSchemaRule(keep: keep, privacy: privacy), batchRows: 4)
    }

    private func rewrite(_ path: String, to other: String, metadata: [(key: String, value: String)] = []) throws {
        let reader = try TableReader(path: path)
        if !reader.isSurveyed { try reader.survey() }
        let batch = try #require(try reader.next())
        let writer = try TableWriter(
            path: other, format: try #require(TableFormat(fileName: other)), schema: TableSchema(fields: batch.columns.map(\.field)),
            metadata: metadata)
        try writer.write(batch)
        _ = try writer.finish()
    }

    // MARK: Beside the columns

    private static func index(_ name: String) -> [(key: String, value: String)] {
        [
            ("pandas", "{\"index_columns\": [{\"kind\": \"range\", \"name\": \"\(name)\", \"start\": 4711, \"stop\": 4713, \"step\": 1}]}"),
            ("PANDAS_ATTRS", "{\"owner\": \"secret\"}"),
        ]
    }

    /// What a tool wrote beside the columns goes, but for an index that has nothing to hide; one that is hashed becomes a column.
    @Test(arguments: ["parquet", "arrow"]) func nothingBesideTheColumnsTellsOfThem(format: String) throws {
        let csv = try directory.write("x\n1\n2\n", to: "a.csv")
        let path = directory("a." + format)
        func copied(_ index: String) throws -> (reader: TableReader, bytes: Data) {
            try rewrite(csv, to: path, metadata: Self.index(index))
            let made = try copy(path).path
            return (try TableReader(path: made), try Data(contentsOf: URL(fileURLWithPath: made)))
        }
        let hashed = try copied("id")
        #expect(hashed.reader.schema.names == ["x", "id"])
        let texts = try #require(try hashed.reader.next()?.columns.last).texts(file: path)
        let hash = try #require(try ColumnHash(of: "id", privacy, types: [:]))
        #expect(texts == [hash.hashed("4711"), hash.hashed("4712")])
        let dropped = try copied("mail")
        #expect(dropped.reader.schema.names == ["x"] && PandasIndex.range(dropped.reader.schema.metadata) == nil)
        let open = try copied("row")
        #expect(PandasIndex.range(open.reader.schema.metadata) == PandasIndex.Range(name: "row", start: 4711, step: 1))
        for (copy, secrets) in [(hashed, ["secret", "4711"]), (dropped, ["secret", "4711"]), (open, ["secret"])] {
            for secret in secrets { #expect(copy.bytes.range(of: Data(secret.utf8)) == nil, "\(secret)") }
        }
    }

    // MARK: Columns that are not there

    @Test func whatAFileDoesNotHaveIsSaid() throws {
        let csv = try directory.write("x,id\n1,2\n", to: "a.csv")
        #expect(try copy(csv).absent == ["mail", "prénom"])
        let json = try directory.write("{\"x\":1}\n{\"x\":1,\"mail\":1}\n", to: "a.jsonl")
        #expect(try copy(json).absent == ["id", "prénom"])
        try rewrite(csv, to: directory("a.parquet"))
        #expect(try copy(directory("a.parquet")).absent == ["mail", "prénom"])
        let folder = try directory.write("x\n1\n", to: "mail=a/id=b/a.csv")
        for (path, wanted) in [(csv, ["mail", "prénom"]), (folder, ["prénom"]), (FrameTests.path("numpy.npz"), ["id", "mail", "prénom"])] {
            let input = path.hasSuffix("npz") ? "i8" : "x"
            let batches = try openInputs(
                path: path, inputs: [ModelInput(name: input, elementType: .float64, dimensions: [nil])],
                schema: TableSchemaRule(privacy: privacy), batchRows: 4)
            #expect(batches.absentColumns == wanted, "\(path)")
        }
    }
}
