import Arrivals
import Attempts
import FileSystem
import Foundation
import ONNX
import PipelineConfig
import Reasons
import Recipes
import SystemPackage
import Tensors
import TestSupport
import Testing

@testable import Runner

/// The graph passes of an optimize stage: what they make lands where it gives the same outputs, and else the model as it was.
@Suite struct GraphRewritingTests {
    private let directory: TemporaryDirectory
    private let rows = ValueType.tensor(.float32, [.symbolic("N"), .fixed(2)])

    init() throws { directory = try TemporaryDirectory("rewriting") }

    private func decide(_ model: Model, _ passes: [GraphPass], trains: Bool = false, rows: String? = nil) throws -> AttemptResult {
        func file(_ path: String) throws -> AttemptSpec.InputFile { .init(path: path, digest: try FileDigest.of(FilePath(path)).digest) }
        let path = try directory.write(try model.serialized(), to: "m.onnx")
        try? FileManager.default.removeItem(atPath: directory("staged"))
        var stages: [Stage] = [.deserialize(DeserializeStage())]
        if trains { stages.append(.optimize(OptimizeStage(gradient: GradientDescent(loss: .meanSquaredError)))) }
        if !passes.isEmpty { stages.append(.deploy(DeploymentStage(graph: passes))) }
        stages.append(.forward(ForwardStage()))
        let known = try rows.map { try file(try directory.write($0, to: "rows.csv")) }
        let spec = AttemptSpec(
            run: 1, attempt: 1, pipeline: "p",
            work: .validateModel(.init(model: try file(path), rows: known, directory: directory("staged")), training: nil),
            schema: .init(), stages: stages)
        return LocalExecutor(sessionBytes: 1 << 20).execute(spec, cancellation: AttemptCancellation())
    }

    private func landed() throws -> Model { try Model.load(path: directory("staged/model.onnx")) }

    /// `y = scale (x W + b - mean) / sqrt(variance) + shift`, by a Gemm and a BatchNormalization whose epsilon is 0.
    private var normalized: Model {
        func vector(_ name: String, _ values: Float...) -> StoredTensor { StoredTensor(name, .float32, [2], values) }
        let graph = Graph(
            name: "g",
            nodes: [
                Node("Gemm", ["x", "W", "b"], ["h"]),
                Node(
                    "BatchNormalization", ["h", "scale", "shift", "mean", "variance"], ["y"], [Attribute("epsilon", .float(0))]),
            ],
            inputs: [Value("x", rows)], outputs: [Value("y", rows)],
            initializers: [
                StoredTensor("W", .float32, [2, 2], [1, 2, 3, 4] as [Float]), vector("b", 5, 6), vector("scale", 2, 3),
                vector("shift", 7, 8), vector("mean", 1, 2), vector("variance", 4, 9),
            ])
        return Model(irVersion: 8, operatorSets: [OperatorSet(domain: "", version: 17)], graph: graph)
    }

    @Test func aNormalizationGoesIntoTheWeights() throws {
        let answer = try decide(normalized, [.removeUnusedInitializers, .fuseBatchNorm], rows: "a,b\n1,2\n3,5\n")
        #expect(answer.failure == nil, "\(String(describing: answer.failure))")
        let report = try #require(answer.graph)
        #expect(report.refusal == nil && report.changes?[.fuseBatchNorm] == 1 && report.changes?.nodesAfter == 1)
        #expect(report.agreement.map(\.output) == ["y"] && report.agreement[0].rows == 2)
        #expect(answer.trial == .ran(rows: 2, of: try FileDigest.of(FilePath(directory("rows.csv"))).digest))
        let model = try landed()
        #expect(model.graph.nodes.map(\.operatorType) == ["Gemm"])
        // scale / sqrt(variance) is 1 for both columns: the weights stay, and the bias becomes b - mean + shift.
        let bias = try #require(model.graph.initializers.first { $0.name == model.graph.nodes[0].inputs[2] })
        #expect(try bias.tensor().values(as: Float.self) == [5 - 1 + 7, 6 - 2 + 8])
        #expect(answer.files.map(\.name) == ["model.onnx"] && answer.files.allSatisfy { $0.slot == "model" })
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory("staged")) == ["model.onnx"])
    }

    /// Training never starts from a rewritten graph: in the folded weights there is no normalization to train with.
    @Test func trainingGetsTheModelAsItWas() throws {
        let asItWas = try #require(try decide(normalized, []).files.modelDigest)
        let answer = try decide(normalized, [.fuseBatchNorm], trains: true)
        let original = answer.files.files(of: .original)
        #expect(original.map(\.name) == ["model.onnx"] && original[0].digest == asItWas)
        #expect(answer.files.files(of: .model).map(\.name) == ["model.onnx"] && answer.files.modelDigest != asItWas)
        #expect(try FileDigest.of(FilePath(original[0].path)).digest == asItWas)
    }

    @Test func withoutAChangeTheModelKeepsItsBytes() throws {
        let asItWas = try decide(normalized, []).files
        let answer = try decide(normalized, [.mergeTransposes, .foldConstants])
        #expect(answer.files == asItWas)
        #expect(answer.graph?.changes?.isEmpty == true && answer.graph?.refusal == nil)
    }

    /// The passes are right; a model whose outputs are other ones each time cannot show it, so it is not rewritten. ONNX Runtime takes its
    /// random numbers by the place of a node in the graph, which the pass changes.
    @Test(arguments: [nil, "a,b\n1,2\n3,5\n"]) func whatDoesNotAgreeIsNotTaken(rows known: String?) throws {
        let graph = Graph(
            name: "g",
            nodes: [
                Node("Identity", ["x"], ["same"]), Node("RandomNormalLike", ["same"], ["noise"], [Attribute("scale", .float(100))]),
                Node("Add", ["x", "noise"], ["y"]),
            ],
            inputs: [Value("x", rows)], outputs: [Value("y", rows)])
        let model = Model(irVersion: 8, operatorSets: [OperatorSet(domain: "", version: 17)], graph: graph)
        let asItWas = try decide(model, [], rows: known)
        #expect(asItWas.failure == nil, "\(String(describing: asItWas.failure))")
        let answer = try decide(model, [.removeIdentities], trains: true, rows: known)
        #expect(answer.failure == nil && answer.graph?.changes?[.removeIdentities] == 1)
        #expect(answer.graph?.refusal?.contains("cosine") == true, "\(String(describing: answer.graph))")
        #expect(answer.files == asItWas.files && answer.operatorSets == asItWas.operatorSets)
        #expect(try landed().graph.nodes.count == 3)
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory("staged")) == ["model.onnx"])
    }
}
