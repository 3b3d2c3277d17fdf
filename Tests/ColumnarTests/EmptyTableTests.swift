import Foundation
import Names
import Recipes
import Tensors
import TestSupport
import Testing

@testable import Columnar

/// A table without rows is a table: Spark writes one for every empty partition.
@Suite struct EmptyTableTests {
    let directory: TemporaryDirectory
    init() throws { directory = try TemporaryDirectory("empty") }

    private let inputs = [ModelInput(name: "x", elementType: .float32, dimensions: [nil, 2])]

    private func files() throws -> [String] {
        let script = """
            import sys, pandas as pd, pyarrow as pa, pyarrow.parquet as pq, pyarrow.ipc as ipc, numpy as np, duckdb
            d = sys.argv[1] + "/"
            t = pa.table({"id": pa.array([], pa.int64()), "name": pa.array([], pa.string()),
                "a": pa.array([], pa.float64()), "b": pa.array([], pa.float64())})
            pq.write_table(t, d + "rows.parquet")
            with pq.ParquetWriter(d + "groups.parquet", t.schema): pass
            pd.DataFrame(columns=["id", "name", "a", "b"]).to_parquet(d + "untyped.parquet")
            t.to_pandas().to_csv(d + "header.csv", index=False)
            t.to_pandas().to_json(d + "lines.jsonl", orient="records", lines=True)
            with ipc.new_file(d + "none.arrow", t.schema): pass
            with ipc.new_file(d + "batch.arrow", t.schema) as w:
                w.write_table(t)
                w.write_batch(pa.record_batch([c.combine_chunks() for c in t.columns], schema=t.schema))
            with ipc.new_stream(d + "stream.arrows", t.schema): pass
            duckdb.sql(f"copy (select 1 as id, 'u' as name, 1.5 as a, 2.5 as b where false) to '{d}duckdb.csv'")
            duckdb.sql(f"copy (select 1 as id, 'u' as name, 1.5 as a, 2.5 as b where false) to '{d}duckdb.parquet'")
            """
        _ = try Oracle.run(script, [directory.path])
        return try FileManager.default.contentsOfDirectory(atPath: directory.path).sorted()
    }

    @Test(.enabled(if: Oracle.isAvailable, Oracle.reason))
    func whatOtherToolsWrite() throws {
        let names = try files()
        #expect(names.count == 10)
        for name in names {
            let batches = try openInputs(path: directory(name), inputs: inputs, schema: TableSchemaRule(keep: ["id"]), batchRows: 10)
            let first = try batches.next()
            #expect(first == nil, "\(name)")
            #expect(batches.keptFields.map(\.name) == ["id"], "\(name)")
            #expect(try !hasRows(path: directory(name)), "\(name)")
        }
        // Types are the file's own, those of earlier files, or those that the pipeline gives.
        func type(_ name: String, _ types: NameMap<String> = [:], pinned: [String: String] = [:]) throws -> ColumnType {
            try openInputs(
                path: directory(name), inputs: inputs, schema: TableSchemaRule(keep: ["id"], types: types), batchRows: 10,
                typing: .inferred(pinned: pinned)
            ).keptFields[0].type
        }
        #expect(try type("rows.parquet") == .number(.int64))
        #expect(try type("header.csv") == .string)
        #expect(try type("header.csv", pinned: ["id": "int64"]) == .number(.int64))
        #expect(try type("lines.jsonl", pinned: ["id": "int64"]) == .number(.int64))
        #expect(try type("header.csv", ["id": "uint64"], pinned: ["id": "int64"]) == .number(.uint64))
    }

    /// A column that is named must be in the file even if there are no rows.
    @Test func aMissingColumnIsStillAnError() throws {
        let path = try directory.write("id,a\n", to: "a.csv")
        #expect(throws: ColumnarError.self) {
            try openInputs(path: path, inputs: inputs, rules: ["x": InputRule(columns: .list(["a", "z"]))], batchRows: 10)
        }
        #expect(throws: ColumnarError.self) {
            try openInputs(path: path, inputs: inputs, schema: TableSchemaRule(keep: ["z"]), batchRows: 10)
        }
        for name in ["b.csv", "b.csv.gz"] {
            #expect(throws: ColumnarError.self) { try openInputs(path: try directory.write("", to: name), inputs: inputs, batchRows: 10) }
        }
    }

    @Test(arguments: ["csv", "jsonl", "parquet", "arrow", "npz"])
    func anOutputWithoutRows(format: String) throws {
        let path = directory("o." + format)
        let writer = OutputWriter(
            path: path, format: try #require(TableFormat(fileName: path)), columns: OutputColumns(classes: ["u", "v"]))
        try writer.writeNoRows(
            kept: [Field(name: "id", format: "l"), Field(name: "t", format: "u")],
            sample: [
                ("p", .tensor(Tensor(.float32, [1, 2], [Float](repeating: 0, count: 2)))),
                ("label", .tensor(Tensor(strings: ["u"], shape: [1]))),
            ])
        #expect(try writer.finish().rowCount == 0)
        if format == "npz" {
            let out =
                try Oracle.isAvailable
                ? Oracle.run(
                    "import sys, numpy as np; f = np.load(sys.argv[1]); print([(n, f[n].dtype.str[1:2], f[n].shape) for n in f.files])",
                    [path]) : ""
            #expect(
                !Oracle.isAvailable || out == "[('id', 'i', (0,)), ('t', 'U', (0,)), ('p', 'f', (0, 2)), ('label', 'U', (0,))]", "\(out)")
            return
        }
        let reader = try TableReader(path: path)
        #expect(reader.hasNoRows)
        if format == "jsonl" { return }
        #expect(reader.schema.names == ["id", "t", "p_u", "p_v", "label"])
        if format != "csv" {
            #expect(reader.schema.fields.map(\.type) == [.number(.int64), .string, .number(.float32), .number(.float32), .string])
        }
        let first = try reader.next()
        #expect(first == nil)
    }
}
