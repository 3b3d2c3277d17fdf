import Autodiff
import Columnar
import Foundation
import ONNX
import Tensors
import TestSupport
import Testing

@testable import Training

/// What training takes of memory. Each measurement is a process of its own (this test program, told to run one test), so that the peak is that
/// run's alone.
@Suite(.serialized) struct MemoryTests {
    static let task = ProcessInfo.processInfo.environment["MILLRACE_TRAINING_MEMORY_TASK"]

    private static let features = 128

    /// Packing, steps and evaluation read rows as they need them: of 44 MiB more once packed, no more than half may show, for what allocators keep
    /// and a larger row group (Parquet).
    @Test(arguments: [TableFormat.csv, .parquet])
    func peakIsFlatBetweenAFileAndOneFourTimesAsLong(format: TableFormat) throws {
        guard Self.task == nil else { return }
        let directory = try TemporaryDirectory("memory")
        try Self.perceptron().write(to: directory("model.onnx"))
        var peaks: [Int] = []
        for factor in [1, 4] {
            let rows = directory("\(factor).\(format)")
            // Half a KiB a row: 15 and 59 MiB once packed.
            try writeRows(30_000 * factor, to: rows, format)
            peaks.append(try peak(model: directory("model.onnx"), rows: rows, how: "all", in: directory))
        }
        print("peak of training on \(format): \(peaks.map { $0 >> 20 }) MiB")
        #expect(peaks[1] < peaks[0] + (22 << 20), "\(peaks)")
    }

    /// 320 MiB of external data. Frozen weights are in memory once, with adapters too; of trained ones there are two sets, the best, and their
    /// gradient.
    @Test(arguments: [("head", 0), ("adapters", 0), ("last", 5)])
    func frozenWeightsAreHeldOnce(how: String, trained: Int) throws {
        guard Self.task == nil else { return }
        let directory = try TemporaryDirectory("memory")
        let block = 4 * Self.width * Self.width
        try Self.writeLarge(to: directory("model.onnx"))
        try writeRows(400, to: directory("rows.csv"), .csv)
        let found = try peak(model: directory("model.onnx"), rows: directory("rows.csv"), how: how, in: directory)
        let allowed = (Self.blocks + trained) * block + (160 << 20)
        print("peak of training \(how): \(found >> 20) MiB of \(allowed >> 20)")
        #expect(found < allowed)
    }

    /// What the child does.
    @Test(.enabled(if: task != nil)) func child() throws {
        let words = Self.task!.split(separator: "|").map(String.init)
        let model = try Model.load(path: words[0])
        var recipe = TrainingRecipe(loss: .crossEntropy(), optimizer: .sgd(), schedule: Schedule(.constant, peak: 1e-3))
        switch words[2] {
        case "head": recipe.freeze = ["block*"]
        case "adapters": recipe.adapters = Adapters(rank: 4, targets: ["block\(Self.blocks - 2)", "block\(Self.blocks - 1)"])
        case "last": recipe.freeze = ["embed", "head"] + (0..<Self.blocks - 1).map { "block\($0)" }
        default: break
        }
        try FileManager.default.createDirectory(atPath: words[3] + "/run", withIntermediateDirectories: true)
        let outcome = try FineTuning(
            model: model, mergesAdapters: false, data: LabelledData(files: [.init(words[1])], label: .list(["label"]), keep: ["label"]), recipe: recipe,
            plan: TrainingPlan(epochs: 1, batchSize: 64, validation: 0.3, metric: .auc, seed: 1), directory: words[3] + "/run"
        ).run()
        #expect(outcome.steps > 0)
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") } ?? ""
        try String(line.filter(\.isNumber)).write(toFile: words[3] + "/peak", atomically: true, encoding: .utf8)
    }

    private func peak(model: String, rows: String, how: String, in directory: TemporaryDirectory) throws -> Int {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        process.arguments = Array(CommandLine.arguments.dropFirst().filter { !$0.hasPrefix("--filter") && !$0.hasPrefix("--skip") })
            + ["--filter", "TrainingTests.MemoryTests/child"]
        process.environment = ProcessInfo.processInfo.environment.merging(
            ["MILLRACE_TRAINING_MEMORY_TASK": [model, rows, how, directory.path].joined(separator: "|")]) { $1 }
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        defer {
            try? FileManager.default.removeItem(atPath: directory("peak"))
            try? FileManager.default.removeItem(atPath: directory("run"))
        }
        return (Int(try String(contentsOfFile: directory("peak"), encoding: .utf8)) ?? .max >> 10) * 1024
    }

    // MARK: Models and rows

    private static func random(_ count: Int, _ scale: Float, _ generator: inout SeededGenerator) -> [Float] {
        (0..<count).map { _ in Float.random(in: -scale...scale, using: &generator) }
    }

    private static func model(_ nodes: [Node], _ initializers: [StoredTensor]) -> Model {
        let graph = Graph(
            name: "net", nodes: nodes, inputs: [Value("x", .tensor(.float32, [.symbolic("N"), .fixed(features)]))],
            outputs: [Value("y", .tensor(.float32, [.symbolic("N"), .fixed(2)]))], initializers: initializers)
        return Model(irVersion: 8, operatorSets: [OperatorSet(domain: "", version: 17)], graph: graph)
    }

    private static func perceptron() -> Model {
        var generator = SeededGenerator(seed: 1)
        return model(
            [Node("MatMul", ["x", "w1"], ["h"]), Node("Tanh", ["h"], ["t"]), Node("MatMul", ["t", "w2"], ["y"])],
            [
                StoredTensor("w1", .float32, [features, 16], random(features * 16, 0.1, &generator)),
                StoredTensor("w2", .float32, [16, 2], random(32, 0.3, &generator)),
            ])
    }

    private static let width = 2896, blocks = 10

    /// Ten square weights of 32 MiB, in a file of their own: some elements are random, the others 0.
    private static func writeLarge(to path: String) throws {
        var generator = SeededGenerator(seed: 2)
        var nodes = [Node("MatMul", ["x", "embed"], ["h0"])]
        let columns = random(width, 0.3, &generator)
        var initializers = [
            StoredTensor("embed", .float32, [features, width], random(features * width, 0.1, &generator)),
            StoredTensor("head", .float32, [width, 2], random(width * 2, 0.01, &generator)),
        ]
        for block in 0..<blocks {
            let weight = try #require(Tensor(zeros: .float32, shape: [width, width]))
            guard case .buffer(let buffer) = weight.storage else { continue }
            let values = buffer.mutableBytes.bindMemory(to: Float.self)
            for row in 0..<width { values[row * width + (row * 7 + block) % width] = columns[row] }
            initializers.append(StoredTensor("block\(block)", weight))
            nodes += [
                Node("MatMul", ["h\(block)", "block\(block)"], ["p\(block)"]), Node("Tanh", ["p\(block)"], ["t\(block)"]),
                Node("Add", ["h\(block)", "t\(block)"], ["h\(block + 1)"]),
            ]
        }
        nodes.append(Node("MatMul", ["h\(blocks)", "head"], ["y"]))
        var options = Model.WritingOptions()
        options.embeddedBytesAtMost = 0
        try model(nodes, initializers).write(to: path, options: options)
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
