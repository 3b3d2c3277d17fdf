import Foundation
import Names
import Tensors
import TestSupport
import Testing

@testable import Columnar

func readAll(_ path: String, options: ReadOptions = ReadOptions()) throws -> Int {
    let reader = try TableReader(path: path, options: options)
    var rows = 0
    while let batch = try reader.next() {
        rows += batch.rowCount
        // Every cell is looked at.
        for column in batch.columns where column.field.type != .other(column.field.format) {
            let cell = try CellText(column, isJSON: true, file: path)
            for row in 0..<batch.rowCount {
                var text: [UInt8] = []
                cell.append(row, to: &text)
            }
        }
    }
    return rows
}

@Suite struct ReaderTests {
    let directory: TemporaryDirectory
    init() throws { directory = try TemporaryDirectory("columnar") }

    static let rows = [
        #"{"id":"a1","x":1.5,"n":1,"flag":true,"city":"Zürich"}"#, #"{"id":"01234","x":-2.25,"n":-2,"flag":false,"city":""}"#,
        #"{"id":"c,3","x":null,"n":3,"flag":true,"city":"東京"}"#, #"{"id":"d\"4","x":0.001,"n":9007199254740993,"flag":true,"city":"NA"}"#,
        #"{"id":"e\n5","x":3.0,"n":5,"flag":false,"city":"plain"}"#,
    ]

    /// pandas writes an empty text as nothing, which is missing.
    static let rowsOfPandas = rows.map { $0.replacing("\"city\":\"\"", with: "\"city\":null") }

    static func rows(_ name: String) -> [String] {
        let isOfPandas = name.contains(".csv") && !name.hasPrefix("pyarrow") && !name.hasPrefix("duckdb")
        return isOfPandas ? rowsOfPandas : rows
    }

    @Test(arguments: [
        "pandas.csv", "crlf-bom.csv", "pyarrow.csv", "duckdb.csv", "pandas.csv.gz", "pandas.csv.zst", "two-members.csv.gz",
        "pandas.jsonl", "duckdb.jsonl", "pandas.jsonl.gz", "pandas.jsonl.zst", "two-members.jsonl.gz", "pandas.parquet", "duckdb.parquet",
    ])
    func filesOfOtherTools(name: String) throws {
        for blockByteCount in [1 << 20, 100] {
            var options = ReadOptions()
            options.blockByteCount = blockByteCount
            #expect(try jsonLines(fixture(name), options: options).split(separator: "\n").map(String.init) == Self.rows(name))
        }
    }

    /// By Arrow's own words for each type, null rows left out where `f16` has none.
    @Test(arguments: ["types.arrow", "types.arrows", "zstd.arrow", "types.parquet"])
    func everyTypeAsText(name: String) throws {
        let lines = try jsonLines(fixture(name)).split(separator: "\n").map(String.init)
        let view = name.hasSuffix("parquet") ? "" : #""view":"é","#
        #expect(
            lines[0]
                == #"""
                {"i8":1,"u8":1,"i16":1,"u16":1,"i32":1,"u32":1,"i64":1,"u64":1,"f16":1.5,"f32":0.1,"f64":0.1,"flag":true,\#
                "text":"é","large":"é",\#(view)"word":"u","code":20.5,"price":12.30,\#
                "day":"2024-02-29","stamp":"2024-02-29 12:30:15.123456","zoned":"2024-02-29 12:30:15.123Z",\#
                "paris":"2024-02-29 13:30:15.000+0100","clock":"01:02:03.000000",\#
                "bytes":"AP8=","list":[1,null,3],"vec":[1.5,2.5],"pair":{"a":1,"b":"x"}}
                """#)
        #expect(
            lines[1].replacing("null", with: "").replacing(/"[a-z0-9]+":/, with: "") == "{,,,,,,,,0.0"
                + String(repeating: ",", count: name.hasSuffix("parquet") ? 17 : 18) + "}")
        #expect(
            lines[2].contains(#""i64":-9223372036854775808,"u64":18446744073709551615,"#)
                && lines[2].contains(#""price":-0.05,"day":"1969-12-31","#))
    }

    @Test func selectionIsInTheOrderAsked() throws {
        for name in ["types.arrow", "types.arrows", "types.parquet"] {
            #expect(try jsonLines(fixture(name), select: ["pair", "i8", "word"]).hasPrefix(#"{"pair":{"a":1,"b":"x"},"i8":1,"word":"u"}"#))
        }
        #expect(try jsonLines(fixture("pandas.csv"), select: ["n", "id"]).hasPrefix(#"{"n":1,"id":"a1"}"#))
        #expect(try jsonLines(fixture("pandas.jsonl"), select: ["n", "id"]).hasPrefix(#"{"n":1,"id":"a1"}"#))
    }

    /// Small files of flat columns go by a reader of our own; `flat.arrow` has the same rows.
    @Test(arguments: ["flat-v1.parquet", "flat-v2.parquet"], [1, 7, 40, 41, 1000])
    func flatColumnsOfSmallFiles(name: String, batchRows: Int) throws {
        var options = ReadOptions()
        options.batchRows = batchRows
        #expect(try jsonLines(fixture(name), options: options) == jsonLines(fixture("flat.arrow")))
        let selected = ["text", "row", "f32"]
        #expect(try jsonLines(fixture(name), select: selected, options: options) == jsonLines(fixture("flat.arrow"), select: selected))
    }

    /// All 70 columns are too much to be decoded whole, a few are not.
    @Test(arguments: [Array(0..<70), [69, 0, 69, 33]])
    func largeRowGroupsGiveTheirRowsInOrder(selected: [Int]) throws {
        let path = directory("large.parquet")
        let rowCount = 60_000
        let columns = (0..<70).map { at in
            Column(name: "c\(at)", format: "g", count: rowCount) { (values: UnsafeMutablePointer<Double>) in
                for row in 0..<rowCount { values[row] = Double(row * 100 + at) }
            }
        }
        let batch = RecordBatch(columns: columns, rowCount: rowCount)
        let writer = try TableWriter(path: path, format: try #require(TableFormat(fileName: path)), schema: batch.schema)
        for begin in stride(from: 0, to: rowCount, by: 20_000) { try writer.write(batch.slice(begin..<begin + 20_000)) }
        _ = try writer.finish()

        var options = ReadOptions()
        options.batchRows = 7000
        let reader = try TableReader(path: path, options: options)
        try reader.select(selected.map { ColumnRequest(position: $0) })
        var first = 0
        while let next = try reader.next() {
            #expect(next.rowCount <= 7000 && next.columns.count == selected.count)
            for (column, at) in zip(next.columns, selected) {
                let values = column.values(as: Double.self)
                for row in [0, next.rowCount / 2, next.rowCount - 1] { #expect(values[row] == Double((first + row) * 100 + at)) }
            }
            first += next.rowCount
        }
        #expect(first == rowCount)
    }

    @Test func formatsByName() {
        #expect(TableFormat(fileName: "x/a.CSV") == .csv)
        #expect(TableFormat(fileName: "a.csv.gz") == TableFormat(.csv, compression: .gzip))
        #expect(TableFormat(fileName: "a.jsonl.zst") == TableFormat(.jsonLines, compression: .zstd))
        for name in ["a.ndjson", "a.json", "A.JSON"] { #expect(TableFormat(fileName: name) == .jsonLines) }
        for name in ["a.pq", "A.PQ", "a.Parquet"] { #expect(TableFormat(fileName: name) == .parquet) }
        for name in ["a", "a.gz", "csv", "a.parquet.gz", "a.npz.zst", "a.onnx", ".csv.d"] {
            #expect(TableFormat(fileName: name) == nil, "\(name)")
        }
    }

    struct Bad: Sendable, CustomTestStringConvertible {
        let name: String, bytes: [UInt8], message: String
        init(_ name: String, _ text: String, _ message: String) { (self.name, bytes, self.message) = (name, Array(text.utf8), message) }
        init(_ name: String, bytes: [UInt8], _ message: String) { (self.name, self.bytes, self.message) = (name, bytes, message) }
        var testDescription: String { "\(name): \(message)" }
    }

    @Test(arguments: [
        Bad("a.csv", "", "the file is empty"), Bad("a.arrow", "", "the file is empty"),
        Bad("a.parquet", "", "Parquet file size is 0 bytes"), Bad("a.csv", "\n\n\n", "no rows, not even a header"),
        Bad("a.csv", "a,b\n1,2\n3\n", "row 2: Expected 2 columns, got 1: 3"),
        Bad("a.csv", "a,b\n1,2\n\n3,4,5\n", "row 2: Expected 2 columns, got 3: 3,4,5"),
        Bad("a.csv", "a,b\n1,2\n3,\"4\n5,6\n", "row 2: the row does not end: a quote is not closed"),
        Bad("a.csv", "\"a,b\n", "a quote is not closed"),
        Bad("a.csv", bytes: Array("a\nü".utf8.dropLast()) + [0x0a], "invalid UTF8 data"),
        Bad("a.csv", bytes: [0xe4, 0x2c, 0x62, 0x0a, 0x31, 0x2c, 0x32, 0x0a], "the name of column 1 is not UTF-8 text"),
        Bad("a.csv", bytes: Array("a,b\n1,2".utf8) + [0, 0, 0x0a], "zero bytes: this is not UTF-8 text"),
        Bad("a.csv", "PAR1....", "a Parquet file under a name for text"), Bad("a.csv", "ARROW1..", "an Arrow file under a name for text"),
        Bad("a.csv", bytes: [0x1f, 0x8b, 8, 0], "gzip data in a file whose name does not end in .gz"),
        Bad("a.csv", bytes: [0x28, 0xb5, 0x2f, 0xfd], "zstd data in a file whose name does not end in .zst"),
        Bad("a.csv.gz", "a,b\n", "not gzip, although its name says so"), Bad("a.jsonl.zst", "{}\n", "not zstd, although its name says so"),
        Bad("a.jsonl", "{\"a\":1}\n{\"a\":2\n{\"a\":3}\n", "row 2"), Bad("a.jsonl", "[1,2]\n", "row 1"),
        Bad("a.jsonl", "{\"a\":1}\n{\"a\":\"x\"}\n", "row 2"), Bad("a.jsonl", "{\"a\":1,\"a\":2}\n", "twice"),
        Bad("a.jsonl", bytes: Array("{\"a\":\"".utf8) + [0xe4] + Array("\"}\n".utf8), "UTF8"),
        Bad("a.parquet", "PAR1 nonsense PAR1", "Parquet"), Bad("a.arrow", "nonsense that is long enough", " "),
        Bad("a.onnx", "x", "its name does not end like a table's"),
        Bad("a.npy", "x", "npy holds arrays, not a table"),
    ])
    func badFiles(bad: Bad) throws {
        let path = try directory.write(bad.bytes, to: bad.name)
        let text = message { _ = try readAll(path) }
        #expect(text.hasPrefix(path) && text.contains(bad.message), "\(text)")
        #expect(text.allSatisfy { $0.isASCII && ($0 >= " ") })
    }

    @Test func whatIsNoFile() throws {
        #expect(message { _ = try readAll(directory("none.csv")) } == directory("none.csv") + ": opening failed: No such file or directory")
        try FileManager.default.createDirectory(atPath: directory("d.csv"), withIntermediateDirectories: true)
        #expect(message { _ = try readAll(directory("d.csv")) } == directory("d.csv") + ": not a regular file")
        mkfifo(directory("f.csv"), 0o600)
        #expect(message { _ = try readAll(directory("f.csv")) } == directory("f.csv") + ": not a regular file")
        #expect(message { _ = try readAll(try directory.write("x", to: "a.bin")) }.contains("its name does not end like a table's"))
    }

    @Test func tablesWithoutRows() throws {
        let x = [ModelInput(name: "x", elementType: .float32, dimensions: [nil, 1])]
        for path in [
            try directory.write("x,y\n", to: "a.csv"), try directory.write("x,y", to: "b.csv"), fixture("zero-rows.parquet"),
            try directory.write("", to: "c.jsonl"), try directory.write(" \n\n", to: "d.jsonl"),
        ] {
            let batch = try openInputs(path: path, inputs: x, batchRows: 10).next()
            #expect(batch == nil, "\(path)")
        }
    }

    @Test func truncatedCompression() throws {
        for name in ["pandas.csv.gz", "pandas.csv.zst", "pandas.jsonl.gz", "pandas.jsonl.zst"] {
            let whole = [UInt8](try Data(contentsOf: URL(fileURLWithPath: fixture(name))))
            for cut in [1, 5, whole.count / 2] {
                let path = try directory.write(whole.dropLast(cut), to: name)
                #expect(throws: ColumnarError.self, "\(name) less \(cut)") { try readAll(path) }
            }
        }
    }

    @Test(arguments: ["csv", "jsonl", "csv.gz"])
    func aRowWithoutAnEndIsRefusedInBoundedMemory(kind: String) throws {
        var options = ReadOptions()
        options.rowByteLimit = 1 << 20
        options.blockByteCount = 1 << 16
        // A gigabyte that takes no room: behind its first bytes the file is a hole.
        let head = kind == "jsonl" ? "{\"a\":1}\n{\"a\":\"" : "a,b\n1,2\n\""
        var path = try directory.write(head + String(repeating: "y", count: 8192), to: kind == "jsonl" ? "a.jsonl" : "a.csv")
        if kind == "csv.gz" {
            try directory.write(head + String(repeating: "y", count: 64 << 20), to: "a.csv")
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            process.arguments = ["gzip", "-1", path]
            try process.run()
            process.waitUntilExit()
            path += ".gz"
        } else {
            #expect(truncate(path, 1 << 30) == 0)
        }
        let before = residentBytes()
        let text = message { _ = try readAll(path, options: options) }
        #expect(text == path + ": row 2: the row is longer than the limit of 1048576 bytes (or a quote is not closed)")
        // Other tests run beside this one.
        #expect(residentBytes() - before < 256 << 20)
    }

    @Test func rowsLongerThanABlock() throws {
        let long = String(repeating: "z", count: 300_000)
        let path = try directory.write("id,s,x\n1,\"\(long)\n\",2\n2,b,3\n", to: "a.csv")
        var options = ReadOptions()
        options.blockByteCount = 4096
        #expect(try readAll(path, options: options) == 2)
    }

    /// Quotes, line ends and blocks in every position to each other.
    @Test func blocksOfAnySizeGiveTheSameRows() throws {
        let path = fixture("pandas.csv")
        for size in 64..<180 {
            var options = ReadOptions()
            options.blockByteCount = size
            #expect(try jsonLines(path, options: options).split(separator: "\n").map(String.init) == Self.rowsOfPandas, "\(size)")
        }
    }

    @Test(arguments: ["types.parquet", "groups.parquet", "flat-v1.parquet", "types.arrow", "types.arrows", "batches.arrow", "zstd.arrow"])
    func truncationIsFound(name: String) throws {
        let whole = [UInt8](try Data(contentsOf: URL(fileURLWithPath: fixture(name))))
        var complete = 0
        for count in stride(from: 0, to: whole.count, by: 37) {
            let path = try directory.write(whole[..<count], to: name)
            if (try? readAll(path)) != nil { complete += 1 }
        }
        // The stream format has no end mark that must be there: a cut between messages reads as a shorter stream.
        #expect(complete == 0 || name.hasSuffix("arrows"), "\(complete) prefixes passed for the whole")
    }

    @Test(arguments: [
        "types.parquet", "groups.parquet", "flat-v1.parquet", "flat-v2.parquet", "types.arrow", "types.arrows", "batches.arrow",
        "zstd.arrow", "pandas.csv", "pandas.jsonl", "pandas.csv.gz", "pandas.jsonl.zst",
    ])
    func damageNeverCrashes(name: String) throws {
        let whole = [UInt8](try Data(contentsOf: URL(fileURLWithPath: fixture(name))))
        var generator = SeededGenerator(seed: 3)
        var refused = 0
        for _ in 0..<250 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...8, using: &generator) {
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            let path = try directory.write(bytes, to: name)
            do { _ = try readAll(path) } catch let error as ColumnarError {
                refused += 1
                #expect(error.description.allSatisfy { !$0.isNewline && $0 != "\0" })
            }
        }
        #expect(refused > 0)
    }
}

/// Of this process, by /proc.
func residentBytes() -> Int {
    let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
    return (text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * 4096
}
