import Foundation
import Names
import Tensors
import TestSupport
import Testing

@testable import Columnar

/// Memory does not grow with the file.
@Suite(.serialized) struct MemoryTests {
    private static let peak = PeakMemory(test: "ColumnarTests.MemoryTests/child")

    @Test(arguments: [TableFormat.csv, .jsonLines, .parquet, .arrow, .npy, .npz])
    func peakIsFlatBetweenAFileAndOneFourTimesAsLong(format: TableFormat) throws {
        guard Self.peak.task == nil else { return }
        let directory = try TemporaryDirectory("columnar")
        let chunks = format.isText ? 10 : 40
        var peaks: [Int] = []
        for factor in [1, 4] {
            let path = directory("\(factor).\(format)")
            try write(path, format, chunks: chunks * factor)
            peaks.append(try Self.peak.measure([path, directory("out.\(format.isText ? .parquet : format)")]))
        }
        print("peak of \(format): \(peaks.map { $0 >> 20 }) MiB")
        #expect(peaks[1] < peaks[0] + (12 << 20))
    }

    /// What the child does: rows in, outputs out.
    @Test(.enabled(if: peak.task != nil)) func child() throws {
        let words = Self.peak.task!
        let format = try #require(TableFormat(fileName: words[1]))
        let binder = try openInputs(
            path: words[0], inputs: [ModelInput(name: "x", elementType: .float32, dimensions: [nil, 16])], batchRows: 4096)
        let writer = OutputWriter(path: words[1], format: format)
        while let batch = try binder.next() {
            try writer.write(kept: batch.kept, outputs: [("x", .tensor(batch.tensors["x"]!))], rowCount: batch.rowCount)
        }
        _ = try writer.finish()
        try Self.peak.report()
    }

    /// Chunks of 4,000 rows of 16 floats.
    private func write(_ path: String, _ format: TableFormat, chunks: Int) throws {
        var generator = SeededGenerator(seed: 5)
        let values = (0..<4000 * 16).map { _ in Float.random(in: 0..<9999, using: &generator) }
        let outputs = [(name: "x", value: OutputValue.tensor(Tensor(.float32, [4000, 16], values)))]
        let writer = OutputWriter(path: path, format: format)
        for _ in 0..<(format.isText ? 1 : chunks) {
            try writer.write(kept: RecordBatch(columns: [], rowCount: 4000), outputs: outputs, rowCount: 4000)
        }
        _ = try writer.finish()
        guard format.isText else { return }
        // Text is its own rows again, less the header.
        let text = try Data(contentsOf: URL(fileURLWithPath: path))
        let rows = format == .csv ? text[(text.firstIndex(of: 10)! + 1)...] : text
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try file.seekToEnd()
        for _ in 1..<chunks { try file.write(contentsOf: rows) }
        try file.close()
    }
}
