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

/// A labelled file is read from the copy that is kept of it; the folders that it arrived in name columns all the same.
@Suite struct PathColumnFineTuneTests {
    private static let rows: [(a: Double, label: Double)] = [(1, 0.5), (-2, 1), (0.5, -1)]
    private static let rate = 0.05

    @Test(arguments: [3.0, -1.0]) func aColumnOfThePathIsAFeature(day: Double) throws {
        let directory = try TemporaryDirectory("path")
        let model = LinearModel(width: 1)
        try directory.write(Array(try model.model().serialized()), to: "parent.onnx")
        let name = "labels/day=\(Int(day))/rows.csv"
        try directory.write(
            "id,a,t\n" + Self.rows.enumerated().map { "\($0.offset),\($0.element.a),\($0.element.label)\n" }.joined(), to: name)
        func file(_ name: String) throws -> AttemptSpec.InputFile {
            .init(path: directory(name), digest: try FileDigest.of(FilePath(directory(name))).digest)
        }
        try FileManager.default.createDirectory(atPath: directory("kept"), withIntermediateDirectories: true)
        let stage = OptimizeStage(
            gradient: GradientDescent(loss: .meanSquaredError, optimizer: .sgd(), learningRate: Self.rate) {
                $0.epochs = 1
                $0.batchSize = 16
                $0.validation = 0
            })
        let spec = AttemptSpec(
            run: 1, attempt: 1, pipeline: "p",
            work: .fineTune(
                .init(model: try file("parent.onnx"), directory: directory("new")),
                training: .init(
                    labelled: [.init(arrival: 2, name: name, file: try file(name), kept: directory("kept/0123.csv"))], subject: 2,
                    checkpoints: directory("checkpoints"))),
            schema: RowSchema(key: ["id"], label: .list(["t"]), inputs: [InputSchema(name: "x", columns: .list(["a", "day"]))]),
            stages: [.optimize(stage)])
        let result = LocalExecutor(sessionBytes: 1 << 20).execute(spec, cancellation: AttemptCancellation())
        #expect(result.succeeded, "\(String(describing: result.failure))")
        let expected = model.stepped(rate: Self.rate) { model in
            Self.rows.map { row in
                let error = model.scores(row.a, day)[0] - row.label
                return error * error
            }.reduce(0, +) / Double(Self.rows.count)
        }
        let found = try LinearModel.weights(of: Model(serialized: Data(contentsOf: URL(fileURLWithPath: directory("new/model.onnx")))))
        for (one, other) in zip(found, expected) { #expect(abs(Double(one) - other) < 1e-5, "\(found) \(expected)") }
    }
}
