import Foundation
import Names
import Recipes
import Tensors
import TestSupport
import Testing

@testable import Columnar

/// Ranges of files that store rows together: row groups, record batches, arrays.
@Suite struct StoredRangeTests {
    let directory: TemporaryDirectory
    init() throws { directory = try TemporaryDirectory("ranges") }

    /// Row groups of odd sizes and without rows, an index that pandas only counts, dictionaries, lists, columns of booleans and times.
    @Test(.enabled(if: Oracle.isAvailable, Oracle.reason)) func filesOfPandas() throws {
        let make = """
            import sys, pandas as pd, numpy as np, pyarrow as pa, pyarrow.parquet as pq, pyarrow.feather as fe, os
            out = sys.argv[1]
            n = 500
            f = pd.DataFrame({"x": np.arange(n) / 7, "s": pd.Categorical([f"w{i // 90}" for i in range(n)]),
                "b": [i % 3 == 0 for i in range(n)], "t": pd.date_range("2024-01-01", periods=n, freq="h"),
                "l": [[i, i + 1] for i in range(n)], "g": [None if i % 5 else i for i in range(n)],
                "text": [f"é{i}" * (i % 4) for i in range(n)]})
            f.index = pd.RangeIndex(10, 10 + 3 * n, 3, name="number")
            whole = pa.Table.from_pandas(f)
            def parts(sizes):
                at = 0
                for size in sizes:
                    yield whole.slice(at, size)
                    at += size
            sizes = [1, 0, 99, 0, 0, 37, 250, 1, 112, 0]
            assert sum(sizes) == n
            with pq.ParquetWriter(out + "/odd.parquet", whole.schema) as writer:
                for part in parts(sizes): writer.write_table(part, row_group_size=max(part.num_rows, 1))
            with pq.ParquetWriter(out + "/flat.parquet", whole.select(["x", "b", "text"]).schema.remove_metadata()) as writer:
                for part in parts(sizes): writer.write_table(part.select(["x", "b", "text"]), row_group_size=max(part.num_rows, 1))
            pq.write_table(whole, out + "/one.parquet")
            pq.write_table(whole.slice(0, 0), out + "/none.parquet")
            plain = pa.Table.from_pandas(f.assign(s=f["s"].astype(str)))
            for compression in ["none", "lz4"]:
                options = pa.ipc.IpcWriteOptions(compression=None if compression == "none" else compression)
                with pa.OSFile(f"{out}/{compression}.arrow", "wb") as sink, pa.ipc.new_file(sink, whole.schema, options=options) as writer:
                    for part in parts(sizes):
                        for batch in part.to_batches(): writer.write_batch(batch)
                        if part.num_rows == 0: writer.write_batch(pa.RecordBatch.from_arrays([
                            pa.array([], t) if not pa.types.is_dictionary(t)
                            else pa.DictionaryArray.from_arrays(pa.array([], pa.int8()), whole["s"].chunk(0).dictionary)
                            for t in whole.schema.types], schema=whole.schema))
            with pa.OSFile(out + "/stream.arrows", "wb") as sink, pa.ipc.new_stream(sink, plain.schema) as writer:
                for batch in plain.to_batches(max_chunksize=50): writer.write_batch(batch)
            names = pa.DictionaryArray.from_arrays(pa.array(range(500), pa.int32()), pa.array([f"a long name {i}" for i in range(500)]))
            large = pa.table({"x": plain["x"].combine_chunks(), "s": names})
            with pa.OSFile(out + "/large-dictionary.arrow", "wb") as sink, pa.ipc.new_file(sink, large.schema) as writer:
                for batch in large.to_batches(max_chunksize=20): writer.write_batch(batch)
            """
        _ = try Oracle.run(make, [directory.path])
        for name in directory.files() {
            var reading = RangeReading(path: directory(name))
            reading.rules["x"] = InputRule(columns: .list(["x"]))
            let names = try TableReader(path: directory(name)).schema.names
            reading.schema.keep = names.filter { $0 != "x" } + (names.contains("g") ? ["number"] : [])
            for batchRows in [3, 64, 1000] {
                reading.options.batchRows = batchRows
                let most = reading.check([1, 300, 1000, 5000, nil])
                switch name {
                case "odd.parquet", "flat.parquet", "none.arrow", "lz4.arrow": #expect(most > 1 && most <= 6, "\(name): \(most)")
                default: #expect(most <= 1, "\(name): \(most)")
                }
            }
            if name == "odd.parquet" { #expect(try reading.inRanges(1).rows.rows.last?.contains("||1507||") == true) }
        }
        // A list of any length in each row: rows must be like the first one, wherever it is.
        var lists = RangeReading(path: directory("odd.parquet"))
        lists.inputs = [ModelInput(name: "x", elementType: .int64, dimensions: [nil, nil])]
        lists.rules["x"] = InputRule(columns: .list(["l"]))
        #expect(lists.check() == 1)
        lists.inputs = [ModelInput(name: "x", elementType: .int64, dimensions: [nil, 2])]
        #expect(lists.check() > 1)
    }

    /// Ranges that begin inside of a row group or a batch, which `rangePlan` never makes.
    @Test(arguments: ["groups.parquet", "flat-v2.parquet", "types.parquet", "batches.arrow", "zstd.arrow"]) func anyRows(name: String)
        throws
    {
        let lines = try jsonLines(fixture(name)).split(separator: "\n")
        var generator = SeededGenerator(seed: 4)
        for _ in 0..<40 {
            let begin = Int.random(in: 0..<lines.count, using: &generator),
                end = Int.random(in: begin + 1...lines.count + 3, using: &generator)
            var options = ReadOptions()
            options.batchRows = Int.random(in: 1...50, using: &generator)
            options.range = .rows(begin..<end)
            let expected = lines[begin..<min(end, lines.count)].map { $0 + "\n" }.joined()
            #expect(try jsonLines(fixture(name), options: options) == expected, "\(begin)..<\(end)")
        }
    }

    @Test(arguments: ["f4.npy", "i8.npy", "fortran.npy", "bool.npy", "big.npy", "unicode.npy", "f2.npy"]) func arrays(name: String) throws {
        let shape = try [UInt8](Data(contentsOf: URL(fileURLWithPath: fixture(name)))).withUnsafeBytes { try NpyHeader($0).shape }
        let type: ElementType = name == "unicode.npy" ? .string : .float64
        for batchRows in [1, 2, 100] {
            let reading = RangeReading(
                path: fixture(name), inputs: [ModelInput(name: "x", elementType: type, dimensions: [nil] + shape.dropFirst().map { $0 })],
                batchRows: batchRows)
            #expect(reading.check() == shape[0] || (try? reading.whole()) == nil, "\(name)")
        }
    }

    @Test(.enabled(if: Oracle.isAvailable, Oracle.reason)) func largeArrays() throws {
        let make = """
            import sys, numpy as np
            a = np.arange(7 * 2 * 3 * 1000, dtype=np.float32).reshape(7000, 2, 3)
            np.save(sys.argv[1] + "/c.npy", a); np.save(sys.argv[1] + "/f.npy", np.asfortranarray(a)); np.savez(sys.argv[1] + "/z.npz", x=a)
            """
        _ = try Oracle.run(make, [directory.path])
        for name in ["c.npy", "f.npy", "z.npz"] {
            let reading = RangeReading(
                path: directory(name), inputs: [ModelInput(name: "x", elementType: .float32, dimensions: [nil, 2, 3])], batchRows: 900)
            let most = reading.check([10_000, 90_000, nil])
            #expect(most == (name == "z.npz" ? 1 : 16), "\(name): \(most)")
        }
    }

    /// A row group is cut where it has many pages of flat columns.
    @Test(.enabled(if: Oracle.isAvailable, Oracle.reason)) func largeRowGroups() throws {
        let make = """
            import sys, numpy as np, pyarrow as pa, pyarrow.parquet as pq
            n = 700_000
            r = np.random.default_rng(1)
            t = pa.table({"x": r.standard_normal(n), "g": pa.array(np.arange(n), mask=r.random(n) < 0.1),
                "s": [f"{i % 1000}é" for i in range(n)]})
            pq.write_table(t, sys.argv[1] + "/one.parquet", row_group_size=n)
            pq.write_table(t, sys.argv[1] + "/v2.parquet", row_group_size=450_000, data_page_version="2.0", compression="zstd")
            pq.write_table(t.append_column("l", pa.array([[i] for i in range(n)])), sys.argv[1] + "/lists.parquet", row_group_size=n)
            """
        _ = try Oracle.run(make, [directory.path])
        for (name, keep, most) in [
            ("one", ["g", "s"], 2...9), ("v2", ["g", "s"], 2...9), ("lists", ["g"], 2...9), ("lists", ["l"], 1...1),
        ] {
            let path = directory(name + ".parquet")
            func read(_ plan: RangePlan?) throws -> (x: [Double], kept: [Int]) {
                var values: [Double] = [], hashes = keep.map { _ in Hasher() }
                for range in plan?.ranges ?? [.whole] {
                    var options = ReadOptions()
                    options.range = range
                    let inputs = [ModelInput(name: "x", elementType: .float64, dimensions: [nil, 1])]
                    let batches = try openInputs(
                        path: path, options: options, inputs: inputs, schema: TableSchemaRule(keep: keep), batchRows: 8192)
                    if range == .whole {
                        let made = try batches.rangePlan(byteCount: 1 << 20)
                        #expect(most.contains(made.ranges.count), "\(name): \(made.ranges)")
                    }
                    while let batch = try batches.next() {
                        values += batch.tensors["x"]!.values(as: Double.self)!
                        for (place, column) in batch.kept.columns.enumerated() where column.field.type != .list {
                            let texts = try BytesColumn(column.cast(to: "u", file: path), file: path)
                            for row in 0..<column.count { hashes[place].combine(column.isNull(row) ? "∅" : texts[row]) }
                        }
                    }
                }
                return (values, hashes.map { $0.finalize() })
            }
            let inputs = [ModelInput(name: "x", elementType: .float64, dimensions: [nil, 1])]
            let plan = try openInputs(path: path, inputs: inputs, schema: TableSchemaRule(keep: keep), batchRows: 8192).rangePlan(
                byteCount: 1 << 20)
            let whole = try read(nil), ranges = try read(plan)
            #expect(whole.x == ranges.x && whole.kept == ranges.kept && whole.x.count == 700_000, "\(name)")
        }
    }

    /// A range has about the bytes that were asked for, and no file has more than some thousands.
    @Test func sizes() throws {
        let text = "id,x\n" + (0..<20_000).map { "\($0),\($0)\n" }.joined()
        let path = try directory.write(text, to: "a.csv")
        let inputs = [ModelInput(name: "x", elementType: .float32, dimensions: [nil, 1])]
        for size in [1000, 10_000, 60_000] {
            let plan = try openInputs(path: path, inputs: inputs, schema: TableSchemaRule(key: ["id"]), batchRows: 10).rangePlan(
                byteCount: size)
            #expect(plan.ranges.count == text.utf8.count / size)
            for range in plan.ranges { #expect(abs((range.bounds?.count ?? 0) - size) < size) }
            #expect(plan.ranges.last?.bounds?.upperBound == text.utf8.count && plan.ranges.first?.bounds?.lowerBound == 5)
        }
        #expect(
            try openInputs(path: path, inputs: inputs, schema: TableSchemaRule(key: ["id"]), batchRows: 10).rangePlan(byteCount: nil)
                == .whole)
        for format in [TableFormat.csv, .jsonLines, .parquet, .arrow, .npy] {
            #expect(100_000_000 / format.rangeBytes(ofFile: 100_000_000) >= 8)
            #expect(1 << 40 / format.rangeBytes(ofFile: 1 << 40) <= 4096)
        }
    }
}
