import Foundation
import Names
import Recipes
import Tensors
import TestSupport
import Testing

@testable import Columnar

/// What cutting costs, and reading in ranges beside reading whole: not a pass or fail, figures in the log (`MILLRACE_TIMES=1`).
@Suite(.serialized, .enabled(if: ProcessInfo.processInfo.environment["MILLRACE_TIMES"] != nil)) struct RangeTimes {
    static let inputs = [ModelInput(name: "x", elementType: .float32, dimensions: [nil, 16])]

    private func rows(_ path: String, _ plan: RangePlan?) throws -> Int {
        var count = 0
        for range in plan?.ranges ?? [.whole] {
            var options = ReadOptions()
            options.range = range
            options.known = plan?.known ?? KnownTable()
            let batches = try openInputs(
                path: path, options: options, inputs: Self.inputs, rules: ["x": InputRule(columns: .pattern("x_*"))],
                schema: TableSchemaRule(keep: ["id"]), batchRows: 4096, typing: .inferred())
            while let batch = try batches.next() { count += batch.rowCount }
        }
        return count
    }

    @Test(arguments: [TableFormat.csv, .jsonLines, .parquet, .arrow, .npy]) func rangesBesideTheWhole(format: TableFormat) throws {
        let directory = try TemporaryDirectory("columnar")
        let path = directory("a.\(format)")
        var generator = SeededGenerator(seed: 5)
        let writer = OutputWriter(path: path, format: format)
        let values = (0..<20_000 * 16).map { _ in Float.random(in: 0..<9999, using: &generator) }
        for chunk in 0..<(format.isText ? 40 : 100) {
            let ids = Column(name: "id", format: "l", count: 20_000) { (target: UnsafeMutablePointer<Int64>) in
                for row in 0..<20_000 { target[row] = Int64(chunk * 20_000 + row) }
            }
            try writer.write(
                kept: RecordBatch(columns: format == .npy ? [] : [ids], rowCount: 20_000),
                outputs: [("x", .tensor(Tensor(.float32, [20_000, 16], values)))], rowCount: 20_000)
        }
        _ = try writer.finish()
        guard format != .npy else { return }
        let begin = ContinuousClock.now
        let plan = try openInputs(
            path: path, inputs: Self.inputs, rules: ["x": InputRule(columns: .pattern("x_*"))], schema: TableSchemaRule(keep: ["id"]),
            batchRows: 4096, typing: .inferred()
        ).rangePlan(byteCount: nil)
        print(
            """
            \(format): \((try directory.read("a.\(format)").count) >> 20) MiB, \(plan.ranges.count) ranges, \
            planned in \(begin.duration(to: .now))
            """)
        var best: [Double] = [.infinity, .infinity]
        for _ in 0..<5 {
            for (index, given) in [nil, plan].enumerated() {
                let begin = clock()
                _ = try rows(path, given)
                best[index] = min(best[index], Double(clock() - begin) / 1e6)
            }
        }
        print("\(format): whole \(best[0]) s, in ranges \(best[1]) s, \(100 * (best[1] / best[0] - 1)) % more")
    }

    @Test(arguments: ["plain", "one quoted cell in a row", "all cells quoted"]) func cutting(kind: String) throws {
        let directory = try TemporaryDirectory("columnar")
        let cell: (Int) -> String = { number in
            kind == "plain" || kind == "one quoted cell in a row" && number % 17 != 0 ? "\(number).25" : "\"\(number).25\""
        }
        let block = (0..<20_000).map { row in (0..<17).map { cell(row * 17 + $0) }.joined(separator: ",") + "\n" }.joined()
        let path = try directory.write("id," + (0..<16).map { "x_\($0)" }.joined(separator: ",") + "\n", to: "a.csv")
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try file.seekToEnd()
        for _ in 0..<(1 << 30) / block.utf8.count { try file.write(contentsOf: Data(block.utf8)) }
        try file.close()
        let reader = try TableReader(path: path)
        try reader.select([ColumnRequest(position: 0, format: "l")])
        for _ in 0..<3 {
            let begin = ContinuousClock.now
            let ranges = try reader.cut(byteCount: 8 << 20)
            print("cut 1 GiB of CSV, \(kind): \(begin.duration(to: .now)), \(ranges.count) ranges")
        }
    }
}
