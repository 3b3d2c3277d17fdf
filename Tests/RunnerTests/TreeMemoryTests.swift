import Attempts
import ConformanceSupport
import Engine
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

/// The memory of a model whose size is in the attributes of its nodes, as that of trees is: ONNX Runtime takes about twelve times the
/// file's bytes while it makes a session, the parsed graph four times. Both must not be in memory at once.
@Suite(.serialized) struct TreeMemoryTests {
    private static let peak = PeakMemory(test: "RunnerTests.TreeMemoryTests/child")
    private static let trees = 40, depth = 12, features = 8

    /// From the model's arrival to its first scored file, in one process.
    @Test func aModelOfTreesTakesLittleMoreThanTheEngine() throws {
        guard Self.peak.task == nil else { return }
        let directory = try TemporaryDirectory("trees")
        try Self.model().write(to: directory("model.onnx"))
        let header = (0..<Self.features).map { "x\($0)" }.joined(separator: ",")
        try directory.write(header + "\n" + Array(repeating: "1", count: Self.features).joined(separator: ",") + "\n", to: "rows.csv")
        let engine = try Self.peak.measure(["engine", directory.path])
        let whole = try Self.peak.measure(["whole", directory.path])
        print("peak: \(whole >> 20) MiB, of the engine alone \(engine >> 20)")
        #expect(engine > 100 << 20 && engine < .max)
        #expect(Double(whole) < 1.2 * Double(engine))
    }

    /// The child's work.
    @Test(.enabled(if: peak.task != nil)) func child() throws {
        let folder = Self.peak.task![1], model = folder + "/model.onnx"
        switch Self.peak.task![0] {
        case "engine":
            let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: model))
            let session = try Session(file: file.fileDescriptor, options: SessionOptions(threads: 1))
            let outputs = try session.run([Tensor(.float32, [1, Self.features], [Float](repeating: 1, count: Self.features))])
            #expect(outputs.count == 1)
        default:
            func file(_ path: String) throws -> AttemptSpec.InputFile {
                .init(path: path, digest: try FileDigest.of(FilePath(path)).digest)
            }
            let executor = LocalExecutor(sessionBytes: 1 << 30)
            func execute(_ work: AttemptSpec.Work) throws {
                let spec = AttemptSpec(
                    run: 1, attempt: 1, pipeline: "p", work: work,
                    schema: RowSchema(inputs: [InputSchema(name: "x", columns: .pattern("x*"))]),
                    stages: [.deserialize(DeserializeStage()), .forward(ForwardStage())], limits: .init(threads: 1))
                let result = executor.execute(spec, cancellation: AttemptCancellation())
                #expect(result.succeeded, "\(String(describing: result.failure))")
                try #require(result.succeeded)
            }
            try execute(.validateModel(.init(model: try file(model), directory: folder + "/version"), training: nil))
            try execute(
                .score(
                    .init(
                        model: try file(folder + "/version/model.onnx"), data: try file(folder + "/rows.csv"), output: folder + "/out.csv",
                        format: .csv)))
        }
        try Self.peak.report()
    }

    /// Full trees whose leaves have a weight for each of three outputs: about 17 MB.
    private static func model() -> Model {
        let inner = 1 << depth - 1, count = 2 << depth - 1, targets = 3
        /// One value for each node of each tree, or for each target of each leaf.
        func nodes(_ value: (_ tree: Int, _ node: Int) -> Int) -> [Int64] {
            (0..<trees * count).map { Int64(value($0 / count, $0 % count)) }
        }
        func leaves(_ value: (_ tree: Int, _ leaf: Int, _ target: Int) -> Int) -> [Int64] {
            let leaves = count - inner
            return (0..<trees * leaves * targets).map { Int64(value($0 / targets / leaves, inner + $0 / targets % leaves, $0 % targets)) }
        }
        let attributes = [
            Attribute("nodes_treeids", .ints(nodes { tree, _ in tree })), Attribute("nodes_nodeids", .ints(nodes { _, node in node })),
            Attribute("nodes_featureids", .ints(nodes { tree, node in node < inner ? (tree + node) % features : 0 })),
            Attribute("nodes_modes", .strings(nodes { _, node in node < inner ? 1 : 0 }.map { $0 == 1 ? "BRANCH_LEQ" : "LEAF" })),
            Attribute("nodes_values", .floats(nodes { _, node in node }.map { Float($0) / Float(count) })),
            Attribute("nodes_truenodeids", .ints(nodes { _, node in node < inner ? 2 * node + 1 : 0 })),
            Attribute("nodes_falsenodeids", .ints(nodes { _, node in node < inner ? 2 * node + 2 : 0 })),
            Attribute("target_treeids", .ints(leaves { tree, _, _ in tree })),
            Attribute("target_nodeids", .ints(leaves { _, leaf, _ in leaf })),
            Attribute("target_ids", .ints(leaves { _, _, target in target })),
            Attribute("target_weights", .floats(leaves { _, leaf, target in leaf + target }.map(Float.init))),
            Attribute("n_targets", .int(Int64(targets))),
        ]
        let node = Node("TreeEnsembleRegressor", ["x"], ["y"], domain: "ai.onnx.ml", attributes)
        let graph = Graph(
            name: "trees", nodes: [node], inputs: [Value("x", .tensor(.float32, [.symbolic("N"), .fixed(features)]))],
            outputs: [Value("y", .tensor(.float32, [.symbolic("N"), .fixed(targets)]))])
        return Model(
            irVersion: 8, operatorSets: [OperatorSet(domain: "ai.onnx.ml", version: 3), OperatorSet(domain: "", version: 17)], graph: graph)
    }
}
