import Foundation
import Names
import Tensors
import TestSupport
import Testing

@testable import Columnar

/// What a small file costs: not a pass or fail, a figure in the log (`MILLRACE_TIMES=1`).
@Suite(.serialized, .enabled(if: ProcessInfo.processInfo.environment["MILLRACE_TIMES"] != nil)) struct SmallFileTimes {
    @Test func tenRows() throws {
        let directory = try TemporaryDirectory("columnar")
        var text = "id," + (0..<8).map { "x\($0)" }.joined(separator: ",") + "\n"
        for row in 0..<10 { text += "r\(row)," + (0..<8).map { "\(Double($0 * row) / 7)" }.joined(separator: ",") + "\n" }
        let csv = try directory.write(text, to: "a.csv")
        try copy(csv, to: directory("a.parquet"), format: .parquet)
        try copy(csv, to: directory("a.arrow"), format: .arrow)
        try copy(csv, to: directory("a.jsonl"), format: .jsonLines)
        for name in ["a.csv", "a.jsonl", "a.parquet", "a.arrow"] {
            try time("read " + name) {
                let reader = try TableReader(path: directory(name))
                while try reader.next() != nil {}
            }
        }
        for name in ["a.csv", "a.jsonl", "a.parquet", "a.arrow"] {
            try time("open " + name) { _ = try TableReader(path: directory(name)) }
            let inputs = [ModelInput(name: "x", elementType: .float32, dimensions: [nil, 8])]
            try time("bind and read " + name) {
                let binder = try openInputs(path: directory(name), inputs: inputs, schema: TableSchemaRule(keep: ["id"]), batchRows: 1024)
                while try binder.next() != nil {}
            }
        }
        let reader = try TableReader(path: csv)
        let batch = try #require(try reader.next())
        for format in [TableFormat.csv, .jsonLines, .parquet, .arrow] {
            try time("write \(format)") {
                unlink(directory("out"))
                let writer = try TableWriter(path: directory("out"), format: format, schema: reader.schema)
                try writer.write(batch)
                _ = try writer.finish()
            }
        }
    }

    /// One core, a warm page cache: 1,000,000 rows of 32 floats into tensors.
    @Test func largeParquet() throws {
        let directory = try TemporaryDirectory("columnar")
        let writer = OutputWriter(path: directory("a.parquet"), format: .parquet)
        let values = (0..<20_000 * 32).map { Float($0 % 7919) / 7 }
        let begin = ContinuousClock.now
        for _ in 0..<50 {
            let tensor = Tensor(.float32, [20_000, 32], values)
            try writer.write(kept: RecordBatch(columns: [], rowCount: 20_000), outputs: [("x", .tensor(tensor))], rowCount: 20_000)
        }
        _ = try writer.finish()
        print("write 1,000,000 x 32 as Parquet: \(begin.duration(to: .now))")
        for _ in 0..<3 {
            let begin = ContinuousClock.now
            let inputs = [ModelInput(name: "x", elementType: .float32, dimensions: [nil, 32])]
            let binder = try openInputs(path: directory("a.parquet"), inputs: inputs, batchRows: 16_384)
            while try binder.next() != nil {}
            print("read 1,000,000 x 32 from Parquet into tensors: \(begin.duration(to: .now))")
        }
    }

    private func time(_ label: String, _ body: () throws -> Void) throws {
        var best: [Double] = []
        for _ in 0..<500 {
            let begin = ContinuousClock.now
            try body()
            let elapsed = begin.duration(to: .now)
            best.append(Double(elapsed.components.attoseconds) / 1e12)
        }
        best.sort()
        print("\(label): median \(Int(best[250])) us, least \(Int(best[0])) us")
    }
}
