import Foundation
import Names
import Reasons
import Recipes
import Tensors
import TestSupport
import Testing

@testable import Columnar

/// Files of a few kilobytes that ask for much, and honest ones that are large.
@Suite struct LimitTests {
    let directory: TemporaryDirectory
    init() throws { directory = try TemporaryDirectory("limits") }

    private static let model = [ModelInput(name: "x", elementType: .float32, dimensions: [nil, 4])]

    /// The number of rows, or what is said of the file.
    private func outcome(_ path: String, _ inputs: [ModelInput] = LimitTests.model, _ columns: [String]? = nil) -> String {
        do throws(ColumnarError) {
            let rules: NameMap<InputRule> = columns.map { ["x": InputRule(columns: .list($0))] } ?? [:]
            let batches = try openInputs(path: path, inputs: inputs, rules: rules, batchRows: 256)
            var rows = 0
            while let batch = try batches.next() { rows += batch.rowCount }
            return "\(rows) rows"
        } catch {
            return "\(error)"
        }
    }

    /// The rule by which a file is refused that goes beyond a limit.
    private func rule(_ path: String, _ inputs: [ModelInput] = LimitTests.model, _ columns: [String]? = nil) -> Rule? {
        do throws(ColumnarError) {
            let rules: NameMap<InputRule> = columns.map { ["x": InputRule(columns: .list($0))] } ?? [:]
            let batches = try openInputs(path: path, inputs: inputs, rules: rules, batchRows: 256)
            while try batches.next() != nil {}
        } catch .limit(_, let rule, _) {
            return rule
        } catch {
            Issue.record("\(error)")
        }
        return nil
    }

    private func timed(atMost seconds: Double, _ body: () throws -> Void) rethrows {
        let start = ContinuousClock.now
        try body()
        #expect(ContinuousClock.now - start < .seconds(seconds))
    }

    // MARK: Rules

    @Test func eachLimitOfTextHasARuleOfItsOwn() throws {
        let columns = ["f0", "f1", "f2", "f3"]
        func object(_ more: String) -> String { "{\"f0\":1,\"f1\":1,\"f2\":1,\"f3\":1,\"z\":\(more)}\n" }
        let deep = String(repeating: "[", count: 101) + String(repeating: "]", count: 101)
        // The same limit is kept where the file is looked over and where its rows are read.
        for before in [0, 1, 60_000] {
            let path = try directory.write(String(repeating: object("[]"), count: before) + object(deep), to: "deep\(before).jsonl")
            #expect(rule(path, Self.model, columns) == .limitNesting, "after \(before) rows")
        }
        let keys = "{" + (0..<1_001).map { "\"k\($0)\":1" }.joined(separator: ",") + "}"
        #expect(rule(try directory.write(object(keys), to: "keys.jsonl"), Self.model, columns) == .limitColumns)
        let wide = "{" + (0..<100_001).map { "\"c\($0)\":1" }.joined(separator: ",") + "}\n"
        #expect(rule(try directory.write(wide, to: "wide.jsonl")) == .limitColumns)
        #expect(rule(try self.wide(100_001)) == .limitColumns)
        let row = "f0,f1,f2,f3,z\n1,1,1,1,\"" + String(repeating: "long ", count: 3_500_000) + "\"\n"
        #expect(rule(try directory.write(row, to: "row.csv"), Self.model, columns) == .limitRow)
        let blank = "f0,f1,f2,f3\n1,1,1,1\n" + String(repeating: "\n", count: 80 << 20)
        #expect(rule(try directory.write(blank, to: "blank.csv")) == .limitBlank)
    }

    @Test func eachLimitOfArraysHasARuleOfItsOwn() throws {
        let open = [ModelInput(name: "x", elementType: .float32, dimensions: [nil, nil])]
        #expect(rule(try npy("<f4", "(1000000, 0)"), open) == .limitRow)
        let path = try npy("<f4", "(1, 1000000000)")
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try file.truncate(atOffset: 4_000_001_000)
        try file.close()
        #expect(rule(path, open) == .limitRow)
        #expect(rule(try npy("<f4", "(1, 4" + String(repeating: " ", count: 5_000) + ")"), open) == .limitHeader)
        #expect(rule(try archive(names: 100_001)) == .limitColumns)
        let refusal = #expect(throws: ColumnarError.self) { try TableLimits.unpacked(1 << 30, of: 1 << 20, TableLocation(file: "f")) }
        #expect(refusal.map { if case .limit(_, .limitCompression, _) = $0 { true } else { false } } == true)
    }

    @Test(.enabled(if: Oracle.isAvailable, Oracle.reason)) func limitsOfBinaryFormatsHaveRules() throws {
        for format in ["arrow", "parquet"] {
            _ = try Oracle.run(
                """
                import sys, pyarrow as pa, pyarrow.parquet as pq, pyarrow.ipc as ipc
                one = pa.array([1.0], pa.float32())
                table = pa.Table.from_arrays([one] * 100_001, [f"c{i}" for i in range(100_001)])
                if sys.argv[1].endswith("parquet"): pq.write_table(table, sys.argv[1], use_dictionary=False, write_statistics=False)
                else:
                    with ipc.new_file(sys.argv[1], table.schema) as file: file.write_table(table)
                """, [directory("wide." + format)])
            #expect(rule(directory("wide." + format)) == .limitColumns, "\(format)")
        }
    }

    // MARK: Nesting

    @Test(arguments: [
        ("{\"a\":", "}", 99, true), ("{\"a\":", "}", 101, false), ("{\"a\":", "}", 9_000, false), ("{\"a\":", "}", 40_000, false),
        ("[", "]", 99, true), ("[", "]", 101, false), ("[", "]", 100_000, false),
    ])
    func nestingOfJSON(_ open: String, _ close: String, _ depth: Int, _ isTaken: Bool) throws {
        let nested = String(repeating: open, count: depth) + "1" + String(repeating: close, count: depth)
        let path = directory("nested.jsonl")
        try directory.write(String(repeating: "{\"f0\":1,\"f1\":1,\"f2\":1,\"f3\":1,\"z\":\(nested)}\n", count: 3), to: "nested.jsonl")
        timed(atMost: 30) {
            let said = outcome(path, Self.model, ["f0", "f1", "f2", "f3"])
            #expect(
                isTaken ? said == "3 rows" : said.hasSuffix("row 1: lists or objects in each other more than 100 deep"),
                "\(said.prefix(300))")
        }
    }

    /// pyarrow itself writes no Arrow file of types 101 deep; Parquet counts two levels for a list.
    @Test(.enabled(if: Oracle.isAvailable, Oracle.reason), arguments: [("arrow", 60), ("parquet", 40), ("parquet", 101)])
    func nestingOfTypes(format: String, depth: Int) throws {
        let path = directory("nested." + format)
        let made = try Oracle.run(
            """
            import sys, pyarrow as pa, pyarrow.parquet as pq, pyarrow.ipc as ipc
            type = pa.float32()
            for level in range(int(sys.argv[2])): type = pa.list_(type)
            table = pa.table({**{f"f{i}": pa.array([1.0], pa.float32()) for i in range(4)}, "z": pa.array([None], type)})
            if sys.argv[1].endswith("parquet"): pq.write_table(table, sys.argv[1])
            else:
                with ipc.new_file(sys.argv[1], table.schema) as file: file.write_table(table)
            print("made")
            """, [path, "\(depth)"])
        #expect(made == "made")
        let said = outcome(path, Self.model, ["f0", "f1", "f2", "f3"])
        #expect(depth < 100 ? said == "1 rows" : said.contains("too deeply nested"), "\(said)")
    }

    // MARK: Columns

    private func wide(_ count: Int) throws -> String {
        let names = (0..<count).map { "c\($0)" }.joined(separator: ",")
        let row = [String](repeating: "1", count: count).joined(separator: ",")
        return try directory.write(names + "\n" + row + "\n" + row + "\n", to: "wide\(count).csv")
    }

    @Test func columnsOfCSV() throws {
        timed(atMost: 40) {
            #expect(outcome((try? wide(1_000_005)) ?? "").contains("1000005 columns: a table has at most 100000"))
        }
        #expect(outcome(try wide(50_000), Self.model, ["c0", "c1", "c2", "c49999"]) == "2 rows")
    }

    @Test func columnsOfJSON() throws {
        let row = "{" + (0..<100_001).map { "\"c\($0)\":1" }.joined(separator: ",") + "}\n"
        #expect(outcome(try directory.write(row, to: "wide.jsonl")).contains("more than 100000 keys: a table has at most so many columns"))
        // Keys in another order in every object inside of another take no quadratic time.
        let inner = "{" + (0..<1_000).map { "\"k\($0)\":1" }.joined(separator: ",") + "}"
        let many = String(repeating: "{\"f0\":1,\"f1\":1,\"f2\":1,\"f3\":1,\"z\":\(inner)}\n", count: 500)
        let path = try directory.write(many, to: "inner.jsonl")
        timed(atMost: 40) { #expect(outcome(path, Self.model, ["f0", "f1", "f2", "f3"]) == "500 rows") }
    }

    @Test(.enabled(if: Oracle.isAvailable, Oracle.reason), arguments: ["arrow", "parquet"])
    func columnsOfBinaryFormats(format: String) throws {
        for count in [50_000, 100_001] {
            let path = directory("wide\(count)." + format)
            _ = try Oracle.run(
                """
                import sys, pyarrow as pa, pyarrow.parquet as pq, pyarrow.ipc as ipc
                one = pa.array([1.0], pa.float32())
                count = int(sys.argv[2])
                table = pa.Table.from_arrays([one] * count, [f"c{i}" for i in range(count)])
                if sys.argv[1].endswith("parquet"): pq.write_table(table, sys.argv[1], use_dictionary=False, write_statistics=False)
                else:
                    with ipc.new_file(sys.argv[1], table.schema) as file: file.write_table(table)
                """, [path, "\(count)"])
            let said = outcome(path, Self.model, ["c0", "c1", "c2", "c9999"])
            #expect(count == 50_000 ? said == "1 rows" : said.contains("100001 columns: a table has at most 100000"), "\(said.prefix(200))")
        }
    }

    // MARK: Arrays

    private func npy(_ description: String, _ shape: String, _ bytes: [UInt8] = []) throws -> String {
        let text = "{'descr': '\(description)', 'fortran_order': False, 'shape': \(shape), }"
        let padded = text + String(repeating: " ", count: 63 - (10 + text.utf8.count) % 64) + "\n"
        let head: [UInt8] = [0x93] + "NUMPY".utf8 + [1, 0, UInt8(padded.utf8.count & 255), UInt8(padded.utf8.count >> 8)]
        return try directory.write(head + padded.utf8 + bytes, to: "a.npy")
    }

    /// The bytes of the values are a number, and with the header none any more.
    @Test(arguments: [
        ("|S1", "(9223372036854775807,)"), ("|S1", "(9223372036854775700, 1)"), ("<f4", "(2305843009213693951,)"),
        ("<f8", "(2, 576460752303423487)"),
    ])
    func shapesAtTheEndOfIntegersAreCutOff(_ description: String, _ shape: String) throws {
        let open = [ModelInput(name: "x", elementType: description == "|S1" ? .string : .float32, dimensions: [nil, nil])]
        let path = try npy(description, shape)
        let outcome = outcome(path, open)
        #expect(["the array is cut off", "a row of an array has at most"].contains { outcome.contains($0) }, "\(outcome)")
        #expect((try? NamedArrays.read(path)) == nil)
    }

    @Test(arguments: [
        ("<f4", "(1000000000000, 0)"), ("<f4", "(1000000, 0, 3)"), ("|S0", "(1000000000000, 4)"), ("<U0", "(1000000000, 4)"),
        ("<f4", "(3, 0)"),
    ])
    func rowsWithoutBytes(_ description: String, _ shape: String) throws {
        let open = [ModelInput(name: "x", elementType: description == "<f4" ? .float32 : .string, dimensions: [nil, nil])]
        let path = try npy(description, shape)
        timed(atMost: 20) { #expect(outcome(path, open).contains("rows without a byte in them")) }
        if description != "<f4" { timed(atMost: 20) { #expect((try? NamedArrays.read(path)) == nil) } }
    }

    @Test func anArrayWithoutRowsIsNone() throws { #expect(outcome(try npy("<f4", "(0, 4)")) == "0 rows") }

    /// A sparse file of one row that no memory holds.
    @Test func aRowIsBounded() throws {
        let path = try npy("<f4", "(1, 1000000000)")
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try file.truncate(atOffset: 4_000_001_000)
        try file.close()
        let open = [ModelInput(name: "x", elementType: .float32, dimensions: [nil, nil])]
        #expect(outcome(path, open).contains("rows of 4000000000 bytes: a row of an array has at most"))
    }

    /// An archive with that many names for one entry.
    private func archive(names count: Int) throws -> String {
        let one = directory("one.npz")
        try NamedArrays.write([("x", Tensor(.float32, [1, 4], [1, 2, 3, 4] as [Float]))], to: one)
        let bytes = try directory.read("one.npz")
        let entry = try ZipArchive(OwnedDescriptor(reading: one), file: one).entries[0]
        let start = entry.offset + entry.size
        var all = Array(bytes[..<start])
        for index in 0..<count {
            all += ZipRecord.directoryEntry(Array("n\(index).npy".utf8), crc: entry.crc, size: entry.size, offset: 0)
        }
        let size = all.count - start
        all += ZipRecord.end(count: count, directorySize: size, directoryOffset: start)
        return try directory.write(all, to: "many.npz")
    }

    @Test func entriesOfAnArchive() throws {
        let said = outcome(try archive(names: 300_000))
        #expect(said.contains("an archive of 300000 entries: a file has at most 100000 arrays"))
        let path = try archive(names: 40_000)
        timed(atMost: 60) {
            let said = outcome(path)
            #expect(said.contains("and 39992 more") && said.utf8.count < 600, "\(said.prefix(300))")
        }
    }

    // MARK: Compression

    /// Newlines without end, and zeros without end.
    @Test(.enabled(if: Oracle.isAvailable, Oracle.reason), arguments: ["csv.gz", "csv.zst", "jsonl.gz", "npz"])
    func whatIsMereRepetitionIsRefused(kind: String) throws {
        let path = directory("bomb." + kind)
        _ = try Oracle.run(
            """
            import sys, gzip, numpy, pyarrow as pa
            path = sys.argv[1]
            if path.endswith("npz"): numpy.savez_compressed(path, x=numpy.zeros((40_000_000, 4), numpy.float32))
            else:
                file = gzip.open(path, "wb", 6) if path.endswith("gz") else pa.CompressedOutputStream(path, "zstd")
                file.write(b'{"f0":1,"f1":1,"f2":1,"f3":1}\\n' if ".jsonl" in path else b"f0,f1,f2,f3\\n1,2,3,4\\n")
                for _ in range(80): file.write(b"\\n" * (1 << 20))
                file.close()
            """, [path])
        let start = ContinuousClock.now
        let said = outcome(path)
        let words =
            kind == "npz" ? "more than 250 times as many, as only repetition does" : "bytes of blank lines without a row between them"
        #expect(said.contains(words), "\(said)")
        #expect(ContinuousClock.now - start < .seconds(kind == "npz" ? 20 : 60))
    }

    /// Zeros pack 500 to 1 and more, and are rows: many of them are taken.
    @Test(.enabled(if: Oracle.isAvailable, Oracle.reason)) func rowsOfZerosAreATable() throws {
        let path = directory("zeros.csv.gz")
        _ = try Oracle.run(
            """
            import sys, gzip
            with gzip.open(sys.argv[1], "wb", 6) as file:
                file.write(b"f0,f1,f2,f3\\n")
                for _ in range(40): file.write(b"0,0,0,0\\n" * 10_000)
            """, [path])
        #expect(outcome(path) == "400000 rows")
    }

    @Test func ratiosAreComparedOnceMuchIsUnpacked() throws {
        let place = TableLocation(file: "f")
        try TableLimits.unpacked(512 << 20, of: 1, place)
        try TableLimits.unpacked(1 << 40, of: (1 << 40) / 50, place)
        #expect(throws: ColumnarError.self) { try TableLimits.unpacked(1 << 30, of: 1 << 20, place) }
    }
}
