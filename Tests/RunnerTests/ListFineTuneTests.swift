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

/// Labelled rows that are lists: all have one length, or are filled up to one.
@Suite struct ListFineTuneTests {
    private static let lists: [[Double]] = [[1, 2, 3], [0.5], [2, 1], [-1, 1, 2, 0.25], [1.5, -2], [3]]
    private static let labels = [1.0, 0.5, -1, 2, 0.25, -0.5]
    private static let weight = 0.5, bias = 0.25, rate = 0.1

    /// `y = (the sum of the row's list, as far as the mask has it) w + b`.
    private static func model(isMasked: Bool) throws -> Data {
        let rows = Tensors.Dimension.symbolic("N"), seq = Tensors.Dimension.symbolic("seq")
        let inputs = (isMasked ? ["x", "mask"] : ["x"]).map { Value($0, .tensor(.float32, [rows, seq])) }
        let graph = Graph(
            name: "sum",
            nodes: [
                isMasked ? Node("Mul", ["x", "mask"], ["kept"]) : Node("Identity", ["x"], ["kept"]),
                Node("ReduceSum", ["kept", "one"], ["s"], [Attribute("keepdims", .int(1))]), Node("Gemm", ["s", "W", "b"], ["y"]),
            ], inputs: inputs, outputs: [Value("y", .tensor(.float32, [rows, .fixed(1)]))],
            initializers: [
                StoredTensor("one", .int64, [1], [1 as Int64]), StoredTensor("W", .float32, [1, 1], [Float(weight)]),
                StoredTensor("b", .float32, [1], [Float(bias)]),
            ])
        return try Model(irVersion: 8, operatorSets: [OperatorSet(domain: "", version: 17)], graph: graph).serialized()
    }

    /// One step over all rows.
    private func train(_ input: InputSchema, _ directory: TemporaryDirectory) throws -> AttemptResult {
        try directory.write(try Self.model(isMasked: input.mask != nil), to: "parent.onnx")
        let lines = Self.lists.indices.map { "{\"id\":\($0),\"x\":\(Self.lists[$0]),\"t\":\(Self.labels[$0])}" }
        try directory.write(lines.joined(separator: "\n") + "\n", to: "labels.jsonl")
        func file(_ name: String) throws -> AttemptSpec.InputFile {
            .init(path: directory(name), digest: try FileDigest.of(FilePath(directory(name))).digest)
        }
        try FileManager.default.createDirectory(atPath: directory("kept"), withIntermediateDirectories: true)
        let stage = OptimizeStage(
            gradient: GradientDescent(loss: .meanSquaredError, optimizer: .sgd(), learningRate: Self.rate) {
                $0.epochs = 1
                $0.batchSize = 16
                $0.validation = 0
                $0.train = ["W", "b"]
            })
        let spec = AttemptSpec(
            run: 1, attempt: 1, pipeline: "p",
            work: .fineTune(
                .init(model: try file("parent.onnx"), directory: directory("new")),
                training: .init(
                    labelled: [
                        .init(arrival: 2, name: "labels.jsonl", file: try file("labels.jsonl"), kept: directory("kept/labels.jsonl"))
                    ], subject: 2,
                    checkpoints: directory("checkpoints"))),
            schema: RowSchema(key: ["id"], label: .list(["t"]), inputs: [input]), stages: [.optimize(stage)])
        return LocalExecutor(sessionBytes: 1 << 20).execute(spec, cancellation: AttemptCancellation())
    }

    /// What one step of gradient descent makes of `w` and `b` where each list is followed by `pad` up to `length` elements.
    private static func stepped(pad: Double, length: Int) -> [Double] {
        var slope = 0.0, shift = 0.0
        for (list, label) in zip(lists, labels) {
            let sum = list.reduce(0, +) + pad * Double(length - list.count)
            let error = 2 * (sum * weight + bias - label) / Double(lists.count)
            slope += error * sum
            shift += error
        }
        return [weight - rate * slope, bias - rate * shift]
    }

    @Test func listsOfDifferentLengthsAreRefusedWithTheKey() throws {
        for mask in [nil, "mask"] {
            let input = InputSchema(name: "x", columns: .list(["x"]), pad: .integer(0), mask: mask)
            let directory = try TemporaryDirectory("lists")
            let failure = try #require(try train(input, directory).failure)
            #expect(failure.kind == .badInput && failure.place == directory("labels.jsonl"), "\(failure)")
            #expect(
                failure.what.contains("lists of different lengths") && failure.remedy.contains("schema.inputs.NAME.length"), "\(failure)")
            #expect(!directory.files().contains("new/model.onnx"))
        }
        // Without `pad`, the row and the key are named as for scoring.
        let directory = try TemporaryDirectory("lists")
        let failure = try #require(try train(InputSchema(name: "x", columns: .list(["x"])), directory).failure)
        #expect("\(failure)".contains("row 2") && "\(failure)".contains("schema.inputs.x.pad"), "\(failure)")
    }

    @Test(arguments: [0, 2], [nil, "mask"]) func filledUpToOneLengthTheyAreLearntFrom(pad: Int64, mask: String?) throws {
        let directory = try TemporaryDirectory("lists")
        let input = InputSchema(name: "x", columns: .list(["x"]), pad: .integer(pad), mask: mask, length: 5)
        let result = try train(input, directory)
        #expect(result.succeeded, "\(String(describing: result.failure))")
        let found = try LinearModel.weights(of: Model(serialized: Data(try directory.read("new/model.onnx"))))
        for (new, wanted) in zip(found, Self.stepped(pad: mask == nil ? Double(pad) : 0, length: 5)) {
            #expect(abs(new - wanted) < 1e-5, "\(found)")
        }
        #expect(found.count == 2)
    }
}
