import Foundation
import Names
import Tensors
import TestSupport
import Testing

@testable import Columnar

/// An output that is put together from parts has the bytes of one that is written directly.
@Suite struct PartTests {
    let directory: TemporaryDirectory
    init() throws { directory = try TemporaryDirectory("parts") }

    private static let formats = [TableFormat.csv, .jsonLines, .parquet, .arrow]

    private func write(_ batches: [RecordBatch], to path: String, _ format: TableFormat) throws -> WrittenTable {
        let writer = OutputWriter(path: path, format: format, metadata: [("millrace.version", "3")])
        for batch in batches { try writer.append(batch) }
        return try writer.finish()
    }

    /// Compares the bytes in every format, with the batches in parts of one, of three, and of none.
    private func check(_ batches: [RecordBatch], _ comment: Comment) throws {
        for format in Self.formats {
            // Not every type has a text form.
            guard let direct = try? write(batches, to: directory("direct"), format) else { continue }
            for size in [1, 3] {
                var back: [RecordBatch] = []
                for begin in stride(from: 0, to: batches.count, by: size) {
                    let path = directory("part-\(begin)")
                    let writer = try PartWriter(path: path)
                    for batch in batches[begin..<min(begin + size, batches.count)] { try writer.write(batch) }
                    let written = try writer.finish()
                    let reader = try PartReader(path: path)
                    #expect(reader.rowCount == written.rowCount && PartReader.isComplete(path: path))
                    while let batch = try reader.next() { back.append(batch) }
                }
                #expect(try write(back, to: directory("parts"), format) == direct, comment)
                #expect(try directory.read("parts") == directory.read("direct"), "\(format): \(comment)")
            }
        }
    }

    /// Kept columns of every type, from every file of other tools; slices begin anywhere.
    @Test(arguments: RangeTests.files) func everyType(path: String) throws {
        guard let reader = try? TableReader(path: path), let batch = try? reader.next(), batch.rowCount > 0 else { return }
        var columns: [Column] = []
        for column in batch.columns where !columns.contains(where: { $0.field.name == column.field.name }) { columns.append(column) }
        let whole = RecordBatch(columns: columns, rowCount: batch.rowCount)
        let cuts = [0, 1, 3, 4].filter { $0 < whole.rowCount } + [whole.rowCount]
        try check(zip(cuts, cuts.dropFirst()).map { whole.slice($0..<$1) } + [whole], "\(path)")
        // Each column by itself, so that one without a text form does not hide the others.
        for column in columns {
            do {
                try check([RecordBatch(columns: [column], rowCount: column.count)], "\(path): \(column.field.name)")
            } catch { Issue.record("\(path): \(column.field.name): \(error)") }
        }
    }

    /// Outputs of every element type, and of lists.
    @Test func everyOutput() throws {
        var generator = SeededGenerator(seed: 8)
        var batches: [RecordBatch] = []
        for rows in [3, 1, 17, 8] {
            var outputs: [(name: String, value: OutputValue)] = []
            for type in ElementType.allCases where type != .string {
                let bytes = (0..<rows * 2 * 16).map { _ in UInt8.random(in: 0...255, using: &generator) }
                let count = (rows * 2 * (type.bitWidth ?? 8) + 7) / 8
                let isFlag = type == .bool
                let tensor = bytes.prefix(count).map { isFlag ? $0 & 1 : $0 }.withUnsafeBytes {
                    Tensor(elementType: type, shape: [rows, 2], bytes: UnsafeRawBufferPointer(rebasing: $0[...]))
                }
                guard let tensor else { continue }
                outputs.append((type.name, .tensor(tensor)))
            }
            outputs.append(("text", .tensor(Tensor(strings: (0..<rows).map { "é\"\n,\($0)" }, shape: [rows]))))
            outputs.append(
                (
                    "labelled",
                    .labelled(
                        keys: Tensor(strings: ["a", "b"], shape: [2]), values: Tensor(.float32, [rows, 2], (0..<2 * rows).map(Float.init)))
                ))
            let lengths = (0..<rows).map { [$0 % 4, 2] }
            let elements = Tensor(
                .float32, [lengths.reduce(0) { $0 + $1[0] * 2 }], (0..<lengths.reduce(0) { $0 + $1[0] * 2 }).map(Float.init))
            outputs.append(("lists", .lists(OutputLists(elements: elements, extents: lengths, whole: nil, followsLists: true))))
            let kept = RecordBatch(columns: [Column(name: "id", strings: (0..<rows).map { "\($0)" })], rowCount: rows)
            batches.append(try OutputColumns().batch(kept: kept, outputs: outputs, rowCount: rows, file: "out"))
        }
        #expect(batches[0].columns.count > 30)
        try check(batches, "outputs")
    }

    /// Row groups are cut by their bytes, of which a validity map without a null is none.
    @Test func rowGroupsOfParquet() throws {
        let rows = 5000
        let memory = MemoryOwner()
        let bits = memory.allocate(UInt8.self, count: rows / 8 + 1)
        bits.update(repeating: 0xff, count: rows / 8 + 1)
        let values = memory.allocate(Double.self, count: rows)
        for row in 0..<rows { values[row] = Double(row) }
        let columns = (0..<400).map {
            Column(
                name: "c\($0)", format: "g", count: rows, buffers: [UnsafeRawPointer(bits), UnsafeRawPointer(values)], memory: memory,
                nullCount: 0)
        }
        let batch = RecordBatch(columns: columns, rowCount: rows)
        let batches = [batch, batch.slice(0..<1800), batch.slice(3..<2000), batch, batch, batch.slice(7..<4999), batch]
        _ = try write(batches, to: directory("direct"), .parquet)
        let writer = try PartWriter(path: directory("part"))
        for batch in batches { try writer.write(batch) }
        _ = try writer.finish()
        let output = OutputWriter(path: directory("parts"), format: .parquet, metadata: [("millrace.version", "3")])
        let reader = try PartReader(path: directory("part"))
        while let batch = try reader.next() { try output.append(batch) }
        _ = try output.finish()
        #expect(try directory.read("parts") == directory.read("direct"))
    }

    @Test func aPartWithoutItsEndIsNone() throws {
        let path = directory("part")
        let batch = RecordBatch(columns: [Column(name: "id", strings: (0..<50).map { "\($0)" })], rowCount: 50)
        let writer = try PartWriter(path: path)
        for _ in 0..<3 { try writer.write(batch) }
        #expect(!PartReader.isComplete(path: path))
        #expect(try writer.finish().rowCount == 150)
        let bytes = try directory.read("part")
        for count in 0..<bytes.count {
            try directory.write(bytes[..<count], to: "part")
            #expect(!PartReader.isComplete(path: path))
            #expect(throws: ColumnarError.self) { try PartReader(path: path) }
        }
        try directory.write(bytes, to: "part")
        #expect(try PartReader(path: path).rowCount == 150)

        _ = try PartWriter(path: path).finish()
        let none = try PartReader(path: path)
        #expect(try none.rowCount == 0 && none.next() == nil && PartReader.isComplete(path: path))
        #expect(!PartReader.isComplete(path: directory("nothing")))
    }

    /// Batches without rows, which outputs never have, are in order too.
    @Test func batchesWithoutRows() throws {
        let batch = RecordBatch(columns: [Column(name: "id", strings: ["a"]), Column(name: "b", booleans: [true])], rowCount: 1)
        for order in [[1, 0, 1], [0, 1], [1, 0, 0], [0, 0]] {
            let writer = try PartWriter(path: directory("part"))
            for count in order { try writer.write(batch.slice(1 - count..<1)) }
            _ = try writer.finish()
            let reader = try PartReader(path: directory("part"))
            var rows = 0
            while let batch = try reader.next() { rows += batch.rowCount }
            #expect(rows == order.reduce(0, +))
        }
    }

    @Test func columnsThatChangeAreRefused() throws {
        let writer = try PartWriter(path: directory("part"))
        try writer.write(RecordBatch(columns: [Column(name: "id", strings: ["a"])], rowCount: 1))
        #expect(
            message { try writer.write(RecordBatch(columns: [Column(name: "ib", strings: ["a"])], rowCount: 1)) }.contains(
                "the columns changed"))
        let twice = RecordBatch(columns: [Column(name: "id", strings: ["a"]), Column(name: "id", strings: ["a"])], rowCount: 1)
        #expect(message { try PartWriter(path: directory("b")).write(twice) }.contains("two output columns have this name"))
        #expect(TableFormat(.csv).isWrittenInParts && !TableFormat(.npz).isWrittenInParts)
    }
}
