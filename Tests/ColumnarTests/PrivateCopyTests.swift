import Foundation
import Names
import Recipes
import Tensors
import TestSupport
import Testing

@testable import Columnar

/// Tables that are written once more without columns: what is left means the same, and what is dropped is nowhere.
@Suite struct PrivateCopyTests {
    let directory: TemporaryDirectory
    init() throws { directory = try TemporaryDirectory("private") }

    private let privacy = RowPrivacy(
        drop: ["secret"], hash: ["id"], key: PrivacyKey(id: "k", bytes: [UInt8](repeating: 7, count: 32)))

    /// Copies a file and returns the copy's path.
    private func copy(
        _ path: String, _ privacy: RowPrivacy? = nil, dialect: TextDialect = TextDialect(), types: NameMap<String> = [:]
    ) throws -> String {
        let target = directory("copy." + (PrivateCopy.fileExtension(of: path) ?? ""))
        let source = open(path, O_RDONLY), file = open(target, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        defer { for descriptor in [source, file] { close(descriptor) } }
        _ = try PrivateCopy(of: path, open: source, dialect: dialect, privacy: privacy ?? self.privacy, types: types).write(into: file)
        return target
    }

    private func text(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

    private func hash(_ text: String) throws -> String { try #require(ColumnHash(of: "id", privacy, types: [:])?.hashed(text)) }

    @Test func cellsOfCSVStayAsTheyAre() throws {
        let path = try directory.write(
            "id,secret,a,\"b,c\"\r\n1.0,hush,01,\"x, \"\"y\"\"\"\r\n,\"hu\nsh\",NA,\"NA\"\r\n\n2,hush,\"\", z \r\n", to: "a.csv")
        #expect(
            try text(copy(path)) == "id,a,\"b,c\"\n\(hash("1")),01,\"x, \"\"y\"\"\"\n,NA,\"NA\"\n\(hash("2")),\"\", z \n")
    }

    /// Each way of writing CSV that a pipeline can describe becomes one, in which nothing has to be described.
    @Test func everyDialectBecomesOne() throws {
        let spark = TextDialect(
            delimiter: UInt8(ascii: ";"), quote: UInt8(ascii: "'"), escape: UInt8(ascii: "\\"), encoding: .latin1,
            header: .absent(names: ["id", "secret", "a"]), nullWords: ["-"], decimal: UInt8(ascii: ","))
        let bytes = Array("7;hush;'Gr".utf8) + [0xFC] + Array("n \\' ;'\n8;hush;1,5\n9;hush;-\n9;hush;'-'\n".utf8)
        let path = try directory.write(bytes, to: "a.csv")
        let made = try copy(path, dialect: spark)
        #expect(
            try text(made)
                == "id,a\n\(hash("7")),Grün ' ;\n\(hash("8")),\"1,5\"\n\(hash("9")),-\n\(hash("9")),\"-\"\n")
        #expect(PrivateCopy.dialect(of: spark) == TextDialect(header: .present, nullWords: ["-"], decimal: UInt8(ascii: ",")))
        let tabs = try directory.write("id\tsecret\ta\n1\thush\tx\n", to: "b.tsv")
        #expect(try text(copy(tabs)) == "id,a\n\(hash("1")),x\n" && PrivateCopy.fileExtension(of: "b.tsv.gz") == "csv")
    }

    @Test func linesOfJSONStayAsTheyAreButForTheKeys() throws {
        let path = try directory.write(
            #"""
            {"id": 1.0, "secret": {"a": [1, "}"]}, "x" : [1, {"y": "\"]"}], "n": 1e3}

              { "sec\u0072et":"hu\"sh", "id":"a\u0062", "s":"}, {" , "b":true}
            {"id":null}
            {"secret":1}
            """#, to: "a.jsonl")
        #expect(
            try text(copy(path))
                == #"{"id":"\#(hash("1"))","x":[1, {"y": "\"]"}],"n":1e3}"# + "\n"
                + #"{"id":"\#(hash("ab"))","s":"}, {","b":true}"# + "\n" + #"{"id":null}"# + "\n{}\n")
    }

    @Test(arguments: ["{\"id\":1", "[1]", "{\"id\":[1]}", "{\"id\" 1}", "{\"id\":1} x", "{\"id\":\"a}"])
    func whatIsNoObjectIsNotCopied(line: String) throws {
        let path = try directory.write("{\"id\":1}\n" + line + "\n", to: "a.jsonl")
        do {
            _ = try copy(path)
            Issue.record("it was copied")
        } catch { #expect("\(error)".contains("row 2"), "\(error)") }
    }

    /// The hash of a key is the one that outputs have, whatever the format and however the tool spells the value.
    @Test func everyFormatKeepsTheSameHashesAndTheSameRest() throws {
        let frame = FrameTests.Frame.shared
        for file in frame.files where TableFormat(fileName: file)?.isArrays == false {
            for column in ["i64", "whole", "text", "code"] where frame.cannot[file]?[column] == nil {
                let hidden = RowPrivacy(drop: ["u8"], hash: [column], key: privacy.key)
                let made = try copy(FrameTests.path(file), hidden)
                let before = try kept(FrameTests.path(file), [column, "i8"], hidden)
                #expect(try kept(made, [column, "i8"], nil) == before, "\(file): \(column)")
                let names = try TableReader(path: made).schema.names
                let whole = try TableReader(path: FrameTests.path(file)).schema.names
                #expect(!names.contains("u8") && names.count == whole.count - 1, "\(file)")
            }
        }
    }

    private func kept(_ path: String, _ keep: [String], _ privacy: RowPrivacy?) throws -> [[String?]] {
        let batches = try openInputs(
            path: path, inputs: [ModelInput(name: "x", elementType: .float64, dimensions: [nil])],
            rules: ["x": InputRule(columns: .list(["i8"]))], schema: TableSchemaRule(keep: keep, privacy: privacy), batchRows: 100)
        let batch = try #require(try batches.next())
        return try batch.kept.columns.map { try $0.texts(file: path) }
    }

    @Test func compressedTextIsUnpacked() throws {
        let plain = try directory.write("id,secret,a\n1,hush,2\n", to: "a.csv")
        let packed = directory("a.csv.gz")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["gzip", "-k", plain]
        try process.run()
        process.waitUntilExit()
        #expect(try text(copy(packed)) == "id,a\n\(hash("1")),2\n")
    }

    @Test func aFileWithNothingLeftIsRefused() throws {
        let path = try directory.write("secret\nhush\n", to: "a.csv")
        #expect(throws: ColumnarError.self) { try copy(path) }
    }

    /// No array is taken out of an archive: one that would have to be is refused by name, and others are copied.
    @Test func archivesAreRefusedOrCopied() throws {
        let path = FrameTests.path("numpy.npz")
        #expect(try copyBytes(path, RowPrivacy(drop: ["secret"])) == Data(contentsOf: URL(fileURLWithPath: path)))
        do {
            _ = try copy(path, RowPrivacy(drop: ["i8"]))
            Issue.record("it was copied")
        } catch { #expect("\(error)".contains("the array \"i8\""), "\(error)") }
    }

    private func copyBytes(_ path: String, _ privacy: RowPrivacy) throws -> Data {
        try Data(contentsOf: URL(fileURLWithPath: copy(path, privacy)))
    }

    @Test func aHeaderAloneStaysOne() throws {
        #expect(try text(copy(directory.write("id,secret,a\n", to: "a.csv"))) == "id,a\n")
    }
}
