import Attempts
import FileSystem
import Foundation
import ONNX
import PipelineConfig
import Recipes
import Runner
import SystemPackage
import TestSupport
import Testing

/// The optimize stage on models as scikit-learn exports them: what is written is the same operators with other values in their attributes.
@Suite struct ClassicFineTuneTests {
    @Test(arguments: [("forest-3", "class_weights"), ("logistic-3", "coefficients"), ("boosting-2", "class_weights")])
    func aPipelineTrainsWhatAttributesHold(_ name: String, _ attribute: String) throws {
        let directory = try TemporaryDirectory("classic")
        let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let parent = try Data(contentsOf: tests.appendingPathComponent("PassesTests/Classic/\(name).onnx"))
        try directory.write(parent, to: "parent.onnx")
        var generator = SeededGenerator(seed: 4)
        var text = "id,a,b,c,d,class\n"
        for row in 0..<120 {
            let values = (0..<4).map { _ in Float.random(in: -2...2, using: &generator) }
            text += "\(row),\(values.map { "\($0)" }.joined(separator: ",")),\(values[1] > 0.5 ? 1 : 0)\n"
        }
        try directory.write(text, to: "labels.csv")
        func file(_ name: String) throws -> AttemptSpec.InputFile {
            .init(path: directory(name), digest: try FileDigest.of(FilePath(directory(name))).digest)
        }
        try FileManager.default.createDirectory(atPath: directory("kept"), withIntermediateDirectories: true)
        let stage = OptimizeStage(
            gradient: GradientDescent(loss: .crossEntropy(), optimizer: .adam(), learningRate: 0.02) {
                $0.epochs = 4
                $0.batchSize = 16
                $0.validation = 0.3
            })
        let spec = AttemptSpec(
            run: 1, attempt: 1, pipeline: "p",
            work: .fineTune(
                .init(model: try file("parent.onnx"), directory: directory("new")),
                training: .init(
                    labelled: [.init(arrival: 2, name: "labels.csv", file: try file("labels.csv"), kept: directory("kept/labels.csv"))],
                    subject: 2,
                    checkpoints: directory("checkpoints"))),
            schema: RowSchema(key: ["id"], label: .list(["class"])), stages: [.optimize(stage)])
        let result = LocalExecutor(sessionBytes: 1 << 20).execute(spec, cancellation: AttemptCancellation())
        #expect(result.succeeded, "\(String(describing: result.failure))")
        let gate = try #require(result.training?.gate)
        #expect(try #require(gate.after) < #require(gate.before))

        let old = try Model(serialized: parent), new = try Model(serialized: Data(try directory.read("new/model.onnx")))
        try #require(new.graph.nodes.map(\.qualifiedType) == old.graph.nodes.map(\.qualifiedType))
        #expect(new.graph.nodes[0].attributes.map(\.name) == old.graph.nodes[0].attributes.map(\.name))
        for (before, after) in zip(old.graph.nodes[0].attributes, new.graph.nodes[0].attributes) {
            let isTrained = before.name == attribute || before.name == "intercepts"
            #expect((before.value != after.value) == isTrained, "\(before.name)")
        }
    }
}
