import Attempts
import FileSystem
import Foundation
import ONNX
import PipelineConfig
import Recipes
import Runner
import SystemPackage
import Tensors
import TestSupport
import Testing

/// What attempts take of memory for a model whose weights, 320 MiB, lie in a file of their own.
@Suite(.serialized) struct MemoryTests {
    private static let peak = PeakMemory(test: "RunnerTests.MemoryTests/child")
    private static let width = 2896, blocks = 10, features = 128, rows = 400
    private static let block = 4 * width * width
    /// The weight that the engine is laying out for its kernels, the program, the engine, the activations and gradients of a batch.
    private static let rest = block + (150 << 20)

    /// From reading labels to a version that was loaded and has scored rows. Frozen weights are in memory once; of trained ones there are
    /// two sets and their gradient; what they are written from is there when training's own memory is gone.
    @Test(arguments: [("head", 0), ("adapters", 0), ("merged adapters", 0), ("last", 3)])
    func fineTuningHoldsFrozenWeightsOnce(how: String, trained: Int) throws {
        try expectAtMost((Self.blocks + trained) * Self.block + Self.rest, of: how)
    }

    @Test func scoringHoldsWeightsOnce() throws { try expectAtMost(Self.blocks * Self.block + Self.rest, of: "forward") }

    private func expectAtMost(_ allowed: Int, of how: String) throws {
        guard Self.peak.task == nil else { return }
        let directory = try TemporaryDirectory("memory")
        try FileManager.default.createDirectory(atPath: directory("kept"), withIntermediateDirectories: true)
        try Self.writeModel(to: directory("model.onnx"))
        try directory.write(Self.table(), to: "rows.csv")
        let found = try Self.peak.measure([how, directory.path])
        print("peak of \(how): \(found >> 20) MiB of \(allowed >> 20)")
        #expect(found < allowed)
    }

    /// What the child does.
    @Test(.enabled(if: peak.task != nil)) func child() throws {
        let how = Self.peak.task![0], folder = Self.peak.task![1]
        func file(_ name: String) throws -> AttemptSpec.InputFile {
            .init(path: folder + "/" + name, digest: try FileDigest.of(FilePath(folder + "/" + name)).digest)
        }
        let isForward = how == "forward"
        let model = try file("model.onnx"), rows = try file("rows.csv")
        let spec = AttemptSpec(
            run: 1, attempt: 1, pipeline: "p",
            work: isForward
                ? .score(.init(model: model, data: rows, output: folder + "/out.csv", format: .csv))
                : .fineTune(
                    .init(model: model, rows: rows, directory: folder + "/new"),
                    training: .init(
                        labelled: [.init(arrival: 2, name: "rows.csv", file: rows, kept: folder + "/kept/rows.csv")], subject: 2,
                        checkpoints: folder + "/checkpoints")),
            schema: RowSchema(key: ["id"], label: .list(["label"]), inputs: [InputSchema(name: "x", columns: .pattern("x*"))]),
            stages: isForward ? [.forward(ForwardStage(batchSize: .rows(64)))] : [.optimize(Self.stage(how))])
        let result = LocalExecutor(sessionBytes: 1 << 30).execute(spec, cancellation: AttemptCancellation())
        #expect(result.succeeded, "\(String(describing: result.failure))")
        if isForward { #expect(result.rowCount == Int64(Self.rows)) } else { #expect(result.trial?.hasRun == true) }
        try #require(result.succeeded)
        try Self.peak.report()
    }

    private static func stage(_ how: String) -> OptimizeStage {
        var freeze: [String] = []
        var adapters: GradientDescent.Adapters?
        switch how {
        case "head": freeze = ["block*", "embed"]
        case "last": freeze = ["embed", "head"] + (0..<blocks - 1).map { "block\($0)" }
        default: adapters = .init(rank: 4, targets: ["block\(blocks - 2)", "block\(blocks - 1)"], merge: how == "merged adapters")
        }
        return OptimizeStage(
            gradient: GradientDescent(loss: .crossEntropy(), optimizer: .sgd(), learningRate: 1e-4) {
                $0.epochs = 1
                $0.batchSize = 64
                $0.validation = 0.3
                $0.freeze = freeze
                $0.adapters = adapters
            },
            gate: Gate(dropAtMost: 10, rowsAtLeast: 1))
    }

    // MARK: Model and rows

    private static func random(_ count: Int, _ scale: Float, _ generator: inout SeededGenerator) -> [Float] {
        (0..<count).map { _ in Float.random(in: -scale...scale, using: &generator) }
    }

    /// Ten square weights of 32 MiB, in a file of their own: some elements are random, the others 0.
    private static func writeModel(to path: String) throws {
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
        let graph = Graph(
            name: "net", nodes: nodes, inputs: [Value("x", .tensor(.float32, [.symbolic("N"), .fixed(features)]))],
            outputs: [Value("y", .tensor(.float32, [.symbolic("N"), .fixed(2)]))], initializers: initializers)
        var options = Model.WritingOptions()
        options.embeddedBytesAtMost = 0
        try Model(irVersion: 8, operatorSets: [OperatorSet(domain: "", version: 17)], graph: graph).write(to: path, options: options)
    }

    private static func table() -> String {
        var generator = SeededGenerator(seed: 3)
        var text = "id," + (0..<features).map { "x\($0)," }.joined() + "label\n"
        for row in 0..<rows {
            let values = random(features, 1, &generator)
            text += "r\(row)," + values.map { "\($0)," }.joined() + "\(values[0] + values[1] > 0 ? 1 : 0)\n"
        }
        return text
    }
}
