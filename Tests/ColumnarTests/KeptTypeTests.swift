import Foundation
import Names
import Recipes
import Tensors
import TestSupport
import Testing

@testable import Columnar

/// A kept column of CSV gets a type where every cell is exactly what that type prints, and stays text otherwise.
@Suite struct KeptTypeTests {
    let directory: TemporaryDirectory
    init() throws { directory = try TemporaryDirectory("kept") }

    private let inputs = [ModelInput(name: "x", elementType: .float32, dimensions: [nil, 1])]

    /// The type found, and the column as JSON; a file is read again as often as it asks for it.
    private func kept(
        _ path: String, _ column: String = "id", pinned: [String: String] = [:], types: NameMap<String> = [:], block: Int = 1 << 20
    ) throws -> (type: String?, cells: [String], attempts: Int) {
        var rejected: [String: Set<KeptType>] = [:]
        var attempts = 0
        while true {
            attempts += 1
            var options = ReadOptions()
            options.blockByteCount = block
            let batches = try openInputs(
                path: path, options: options, inputs: inputs, schema: TableSchemaRule(keep: [column], types: types), batchRows: 7,
                typing: .inferred(pinned: pinned, rejected: rejected))
            do {
                var cells: [String] = []
                while let batch = try batches.next() {
                    let cell = try CellText(batch.kept.columns[0], isJSON: true, file: path)
                    for row in 0..<batch.rowCount {
                        var text: [UInt8] = []
                        cell.append(row, to: &text)
                        cells.append(String(decoding: text, as: UTF8.self))
                    }
                }
                return (batches.foundTypes[column], cells, attempts)
            } catch {
                guard let misfit = batches.misfit else { throw error }
                rejected[misfit.column, default: []].formUnion(misfit.types)
            }
        }
    }

    private func csv(_ cells: [String], _ name: String = "a.csv") throws -> String {
        try directory.write("id,x\n" + cells.map { "\($0),1\n" }.joined(), to: name)
    }

    @Test(arguments: [
        (["1", "-2", "0"], "int64"), (["9223372036854775807", "-9223372036854775808"], "int64"), (["01234", "5"], "string"),
        (["+1"], "string"),
        (["-0"], "string"), (["1", "", "3"], "int64"), (["1", "NA", "3"], "int64"), (["9223372036854775808", "1"], "uint64"),
        (["18446744073709551615"], "uint64"), (["18446744073709551616"], "string"), (["9223372036854775808", "-1"], "string"),
        (["1.5", "2.0"], "float64"),
        (["1.50"], "string"), (["1.5", "2"], "string"), (["1e-05", "1e+16", "0.1"], "float64"), (["1.5", "inf", "nan"], "float64"),
        (["inf"], "string"),
        (["true", "false"], "bool"), (["true", ""], "bool"), (["True"], "string"), (["2024-01-01"], "string"), (["a", "1"], "string"),
        (["1", "a"], "string"),
        (["", ""], "string"), ([" 1"], "string"), (["1_000"], "string"), (["0x10"], "string"), (["NaN", "1.5"], "string"),
        (["nan", "1.5"], "float64"), (["-inf", "2.5"], "float64"), (["nan", "1"], "string"), (["nan"], "string"),
        ((0..<20).map { $0 % 3 == 0 || $0 == 13 ? "true" : "false" }, "bool"),
    ])
    func aTypeIsWhatEveryCellPrints(cells: [String], type: String) throws {
        let found = try kept(try csv(cells))
        #expect(found.type == type && found.attempts == 1)
        let isText = type == "string"
        for (cell, text) in zip(found.cells, cells) where !["", "NA", "inf", "-inf", "nan"].contains(text) {
            #expect(cell == (isText ? "\"\(text)\"" : text))
        }
    }

    /// A value late in the file changes the type of the whole column, and the file is read again.
    @Test(arguments: [
        ("x1", "string", 2), ("9223372036854775808", "uint64", 2), ("1.5", "string", 2), ("01", "string", 2), ("", "int64", 1),
    ])
    func aLaterCellThatDoesNotFit(last: String, type: String, attempts: Int) throws {
        let path = try csv((0..<2000).map(String.init) + [last])
        let found = try kept(path, block: 512)
        #expect(found.type == type && found.attempts == attempts, "\(found.type ?? "") \(found.attempts)")
        #expect(found.cells.count == 2001 && found.cells[1999] == (type == "string" ? "\"1999\"" : "1999"))
    }

    @Test func aPinnedTypeHolds() throws {
        #expect(try kept(try csv(["1", "2"]), pinned: ["id": "string"]).cells == ["\"1\"", "\"2\""])
        #expect(try kept(try csv(["1", "2"]), pinned: ["id": "int64"]).cells == ["1", "2"])
        for cell in ["01234", "a", "1.5"] {
            let path = try csv(["1", cell])
            do {
                _ = try kept(path, pinned: ["id": "int64"])
                Issue.record("\(cell) was taken")
            } catch {
                let said = "\(error)"
                #expect(
                    said.contains("row 2") && said.contains("column \"id\"") && said.contains("schema.types") && said.contains("int64"),
                    "\(said)")
            }
        }
        // What the pipeline says counts before what files say.
        #expect(try kept(try csv(["01", "2"]), pinned: ["id": "int64"], types: ["id": "string"]).cells == ["\"01\"", "\"2\""])
    }

    @Test(.enabled(if: Oracle.isAvailable, Oracle.reason))
    func pandasJoinsByTheKey() throws {
        let path = directory("a.csv"), out = directory("o.parquet")
        let make = """
            import sys, pandas as pd, numpy as np
            pd.DataFrame({"id": [3, 1, 2], "big": [2**53 + 1, 2**63 - 1, -5], "huge": np.array([2**64 - 1, 1, 2], np.uint64),
                "gap": [1, None, 3], "f": [0.1, 1e-7, 1e22],
                "s": ["01", "2", "x"], "day": ["2024-01-01", "2024-01-02", ""], "x": [1.5, 2.5, 3.5]}).to_csv(sys.argv[1], index=False)
            """
        _ = try Oracle.run(make, [path])
        let names = ["id", "big", "huge", "gap", "f", "s", "day"]
        let batches = try openInputs(path: path, inputs: inputs, schema: TableSchemaRule(keep: names), batchRows: 7, typing: .inferred())
        let writer = OutputWriter(path: out, format: .parquet)
        while let batch = try batches.next() {
            try writer.write(kept: batch.kept, outputs: [("y", .tensor(batch.tensors["x"]!))], rowCount: batch.rowCount)
        }
        _ = try writer.finish()
        let join = """
            import sys, pandas as pd
            a, b = pd.read_csv(sys.argv[1]), pd.read_parquet(sys.argv[2])
            for key in ["id", "big", "huge", "f", "s"]:
                m = a.merge(b, on=key)
                assert len(m) == 3 and (m["x"] == m["y"]).all(), (key, m)
            print(*[str(b[n].dtype) for n in ["id", "big", "huge", "f"]])
            """
        #expect(try Oracle.run(join, [path, out]) == "int64 int64 uint64 float64")
    }

    // MARK: Columns of the path

    @Test func columnsOfThePathWhereTheyAreNamed() throws {
        let folder = "sales/date=2024-01-01/store=12/city=Z%C3%BCrich/empty=__HIVE_DEFAULT_PARTITION__/"
        let csv = try directory.write("id,x,date\n1,2,own\n", to: folder + "a.csv")
        let json = try directory.write("{\"id\":1,\"x\":2}\n", to: folder + "a.jsonl")
        let parquet = directory(folder + "a.parquet")
        try copy(json, to: parquet, format: .parquet)
        for path in [json, parquet] {
            let found = try openInputs(
                path: path, inputs: [ModelInput(name: "x", elementType: .float32, dimensions: [nil, 2])],
                rules: ["x": InputRule(columns: .list(["x", "store"]))],
                schema: TableSchemaRule(keep: ["date", "city", "store", "empty"]), batchRows: 7, typing: .inferred())
            let batch = try #require(try found.next())
            #expect(batch.tensors["x"]?.values(as: Float.self) == [2, 12])
            let cells = try batch.kept.columns.map { try $0.texts(file: path)[0] }
            #expect(cells == ["2024-01-01", "Zürich", "12", nil], "\(path)")
            // Nobody named it.
            #expect(
                try openInputs(
                    path: path, inputs: [ModelInput(name: "v", elementType: .float32, dimensions: [nil, nil])],
                    schema: TableSchemaRule(key: ["id"]), batchRows: 7
                ).boundColumns["v"] == ["x"])
        }
        #expect(try kept(csv, "date").cells == ["\"own\""], "the file's own column counts")
        #expect(try kept(csv, "store").cells == ["12"])
        #expect(throws: ColumnarError.self) { try kept(csv, "other") }
    }
}
