import Foundation
import Names
import Recipes
import Tensors
import TestSupport
import Testing

@testable import Columnar

/// Text in other encodings, compressed, or as a JSON document is read, or refused with what to do.
@Suite struct TextEncodingTests {
    let directory: TemporaryDirectory
    init() throws { directory = try TemporaryDirectory("encoding") }

    // MARK: Encodings

    @Test(
        .enabled(if: Oracle.isAvailable, Oracle.reason),
        arguments: [
            ("latin-1", TextDialect.Encoding.latin1, "Zürich ÿ"), ("cp1252", .windows1252, "€ “quoted” Œ"),
            ("utf-16-le", .utf16, "Zürich 東京 😀"),
            ("utf-16-be", .utf16, "Zürich 東京 😀"), ("utf-16", .utf16, "Zürich 😀"), ("utf-16", .utf8, "marked 😀"),
            ("utf-8-sig", .latin1, "Zürich 😀"),
            ("utf-8", .utf8, "Zürich 😀"),
        ])
    func whatPythonEncodes(name: String, encoding: TextDialect.Encoding, text: String) throws {
        let script = """
            import sys, gzip
            b = ('id,t\\n' + ''.join(f'{i},"{sys.argv[2]}"\\n' for i in range(8000))).encode(sys.argv[3])
            open(sys.argv[1], 'wb').write(b)
            gzip.open(sys.argv[1] + '.gz', 'wb').write(b)
            """
        let path = directory("a.csv")
        _ = try Oracle.run(script, [path, text, name])
        var options = ReadOptions()
        options.dialect.encoding = encoding
        for path in [path, path + ".gz"] {
            let lines = try jsonLines(path, options: options).split(separator: "\n")
            #expect(
                lines.count == 8_000
                    && lines.enumerated().allSatisfy { $1 == "{\"id\":\($0),\"t\":\"\(text.replacing("\"", with: "\\\""))\"}" },
                "\(lines.first ?? "")")
        }
    }

    @Test func whatIsNoneOfThem() throws {
        let path = try directory.write([0xFF, 0xFE, 0x61, 0, 0x0A, 0, 0x00, 0xD8, 0x61, 0, 0x0A, 0], to: "a.csv")
        #expect(message { _ = try jsonLines(path) }.contains("surrogate"))
        let cut = try directory.write([0xFF, 0xFE, 0x61, 0, 0x0A, 0, 0x31], to: "b.csv")
        #expect(message { _ = try jsonLines(cut) }.contains("breaks off"))
        let latin = try directory.write(Array("a\nZ".utf8) + [0xFC, 0x0A], to: "c.csv")
        #expect(message { _ = try jsonLines(latin) }.contains("schema.dialect.encoding"))
        let header = try directory.write([0xE4, 0x2C, 0x62, 0x0A, 0x31, 0x2C, 0x32, 0x0A], to: "d.csv")
        #expect(message { _ = try jsonLines(header) }.contains("schema.dialect.encoding"))
    }

    /// PowerShell's `>` writes UTF-16.
    @Test func jsonLinesWithAMark() throws {
        let path = try directory.write([0xFF, 0xFE] + "{\"a\":1}\r\n".utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }, to: "a.jsonl")
        #expect(try jsonLines(path) == "{\"a\":1}\n")
    }

    // MARK: Compression

    @Test func gzipAsGzipReadsIt() throws {
        let member = [UInt8](try Data(contentsOf: URL(fileURLWithPath: fixture("pandas.csv.gz"))))
        let rows = try jsonLines(fixture("pandas.csv")).split(separator: "\n").map(String.init)
        for (name, bytes) in [
            ("padded", member + [UInt8](repeating: 0, count: 512)), ("tape", member + [UInt8](repeating: 0, count: 200_000)),
            ("one", member + [0]),
        ] {
            let path = try directory.write(bytes, to: "\(name).csv.gz")
            #expect(try jsonLines(path).split(separator: "\n").map(String.init) == rows, "\(name)")
        }
        let two = [UInt8](try Data(contentsOf: URL(fileURLWithPath: fixture("two-members.csv.gz")))) + [0, 0, 0]
        #expect(try jsonLines(try directory.write(two, to: "two.csv.gz")).split(separator: "\n").count == rows.count)
        let odd = try directory.write(member + Array("odd".utf8), to: "odd.csv.gz")
        #expect(message { _ = try jsonLines(odd) }.contains("other data follows the gzip data at byte \(member.count)"))
        let behind = try directory.write(member + [0, 0] + member, to: "behind.csv.gz")
        #expect(message { _ = try jsonLines(behind) }.contains("other data follows"))
    }

    @Test func aLongWindowOfZstdIsRefusedWithTheRemedy() throws {
        // The header of a frame of --long=31 (RFC 8878, 3.1.1.1.2): exponent 21, no mantissa.
        let frame: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 21 << 3, 0x21, 0, 0] + Array("a\n1\n".utf8)
        let path = try directory.write(frame, to: "a.csv.zst")
        let said = message { _ = try jsonLines(path) }
        #expect(said.contains("window of more than 128 MiB") && said.contains("--long=27"), "\(said)")
        let fits: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 17 << 3, 0x21, 0, 0] + Array("a\n1\n".utf8)
        #expect(try jsonLines(try directory.write(fits, to: "b.csv.zst")) == "{\"a\":1}\n")
    }

    // MARK: JSON documents

    @Test(.enabled(if: Oracle.isAvailable, Oracle.reason))
    func documentsOfPandasAreRefusedWithTheRemedy() throws {
        let script = """
            import sys, pandas as pd
            f = pd.DataFrame({"a": [1, 2], "b": [3, 4]})
            for o in ["columns", "records", "split", "table", "values"]: f.to_json(f"{sys.argv[1]}/{o}.json", orient=o)
            f.to_json(sys.argv[1] + "/lines.json", orient="records", lines=True)
            """
        _ = try Oracle.run(script, [directory.path])
        for name in ["columns", "records", "split", "table", "values"] {
            let said = message { _ = try TableReader(path: directory(name + ".json")) }
            #expect(said.contains("write one object a line") && said.contains("lines=True"), "\(name): \(said)")
        }
        #expect(try jsonLines(directory("lines.json")) == "{\"a\":1,\"b\":3}\n{\"a\":2,\"b\":4}\n")
        // One row with nested values is a row.
        #expect(
            try jsonLines(try directory.write("{\"p\":{\"u\":1},\"q\":{\"u\":2}}\n", to: "n.json")) == "{\"p\":{\"u\":1},\"q\":{\"u\":2}}\n"
        )
    }
}
