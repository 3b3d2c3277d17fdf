import Columnar
import Foundation
import ONNX
import Recipes
import Tensors
import TestSupport
import Testing
import TrainingGraph

@testable import Training

/// What rows take of memory in training; what weights take is measured where a whole attempt runs, in RunnerTests.
@Suite(.serialized) struct MemoryTests {
    private static let peak = PeakMemory(test: "TrainingTests.MemoryTests/child")

    private static let features = 128

    /// Packing, steps and evaluation read rows as they need them: of 44 MiB more once packed, no more than half may show, for what
    /// allocators keep and a larger row group (Parquet).
    @Test(arguments: [TableFormat(.csv), TableFormat(.parquet)])
    func peakIsFlatBetweenAFileAndOneFourTimesAsLong(format: TableFormat) throws {
        guard Self.peak.task == nil else { return }
        let directory = try TemporaryDirectory("memory")
        try Self.perceptron().write(to: directory("model.onnx"))
        var peaks: [Int] = []
        for factor in [1, 4] {
            let rows = directory("\(factor).\(format)")
            // Half a KiB a row: 15 and 59 MiB once packed.
            try writeRows(30_000 * factor, to: rows, format)
            let run = directory("\(factor)")
            try FileManager.default.createDirectory(atPath: run, withIntermediateDirectories: true)
            peaks.append(try Self.peak.measure([directory("model.onnx"), rows, run]))
        }
        print("peak of training on \(format): \(peaks.map { $0 >> 20 }) MiB")
        #expect(peaks[1] < peaks[0] + (22 << 20), "\(peaks)")
    }

    /// What the child does.
    @Test(.enabled(if: peak.task != nil)) func child() throws {
        let words = Self.peak.task!
        let outcome = try FineTuning(
            model: Model.load(path: words[0]), data: LabelledData(files: [.init(words[1])], label: .list(["label"]), keep: ["label"]),
            recipe: GradientDescent(loss: .crossEntropy(), optimizer: .sgd(), learningRate: 1e-3, weightDecay: 0) {
                $0.epochs = 1
                $0.batchSize = 64
                $0.validation = 0.3
                $0.seed = 1
            },
            gate: Gate(metric: .auc, rowsAtLeast: 1), folder: try heldFolder(words[2])
        ).run()
        #expect(outcome.steps > 0)
        try Self.peak.report()
    }

    // MARK: Models and rows

    private static func random(_ count: Int, _ scale: Float, _ generator: inout SeededGenerator) -> [Float] {
        (0..<count).map { _ in Float.random(in: -scale...scale, using: &generator) }
    }

    private static func perceptron() -> Model {
        var generator = SeededGenerator(seed: 1)
        let graph = Graph(
            name: "net", nodes: [Node("MatMul", ["x", "w1"], ["h"]), Node("Tanh", ["h"], ["t"]), Node("MatMul", ["t", "w2"], ["y"])],
            inputs: [Value("x", .tensor(.float32, [.symbolic("N"), .fixed(features)]))],
            outputs: [Value("y", .tensor(.float32, [.symbolic("N"), .fixed(2)]))],
            initializers: [
                StoredTensor("w1", .float32, [features, 16], random(features * 16, 0.1, &generator)),
                StoredTensor("w2", .float32, [16, 2], random(32, 0.3, &generator)),
            ])
        return Model(irVersion: 8, operatorSets: [OperatorSet(domain: "", version: 17)], graph: graph)
    }

    private func writeRows(_ count: Int, to path: String, _ format: TableFormat) throws {
        var generator = SeededGenerator(seed: 3)
        let writer = OutputWriter(path: path, format: format)
        for start in stride(from: 0, to: count, by: 4000) {
            let rows = min(4000, count - start)
            let values = Self.random(rows * Self.features, 1, &generator)
            let labels = (0..<rows).map { Int64(values[$0 * Self.features] + values[$0 * Self.features + 1] > 0 ? 1 : 0) }
            try writer.write(
                kept: RecordBatch(columns: [], rowCount: rows),
                outputs: [
                    ("x", .tensor(Tensor(.float32, [rows, Self.features], values))), ("label", .tensor(Tensor(.int64, [rows], labels))),
                ], rowCount: rows)
        }
        _ = try writer.finish()
    }
}
