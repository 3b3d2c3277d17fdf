import Attempts
import Engine
import FileSystem
import Foundation
import Machine
import ONNX
import PipelineConfig
import Reasons
import Recipes
import SystemPackage
import Tensors
import TestSupport

@testable import Runner

/// A model and rows on disk, the forms that are made of it, and what comes out of measuring these.
struct FormScene {
    let directory: TemporaryDirectory
    static let schema = RowSchema(inputs: [InputSchema(name: "x", columns: .pattern("x*"))])
    var executor = LocalExecutor(sessionBytes: 1 << 30)

    init(_ model: Model, rows: [[Float]], options: Model.WritingOptions = .init()) throws {
        directory = try TemporaryDirectory("forms")
        try model.write(to: directory("model.onnx"), options: options)
        try write(rows)
    }

    func write(_ rows: [[Float]], to name: String = "rows.csv") throws {
        let header = (0..<(rows.first?.count ?? 1)).map { "x\($0)" }.joined(separator: ",")
        let lines = rows.map { $0.map { "\($0)" }.joined(separator: ",") }
        try directory.write(([header] + lines).joined(separator: "\n") + "\n", to: name)
    }

    func input(_ name: String) throws -> AttemptSpec.InputFile {
        .init(path: directory(name), digest: try FileDigest.of(FilePath(directory(name))).digest)
    }

    func spec(_ work: AttemptSpec.Work) -> AttemptSpec {
        AttemptSpec(
            run: 0, attempt: 1, pipeline: "p", work: work, schema: Self.schema, stages: [.forward(ForwardStage(batchSize: .rows(32)))],
            limits: .init(threads: 1))
    }

    func files(
        _ form: ModelForm, float: [String] = [], compared: Int = 64, task: AttemptSpec.RewrittenFiles.Task = .write, hasRows: Bool = true
    ) throws -> AttemptSpec.RewrittenFiles {
        .init(
            model: try input("model.onnx"), data: hasRows ? try input("rows.csv") : nil, comparedRows: compared, form: form, float: float,
            directory: directory("made/" + form.rawValue), task: task)
    }

    func execute(_ work: AttemptSpec.Work) -> AttemptResult { executor.execute(spec(work), cancellation: AttemptCancellation()) }

    /// Makes a form, and returns the answer with the model that was written.
    func made(_ form: ModelForm, float: [String] = [], compared: Int = 64) throws -> (answer: AttemptResult, model: Model) {
        let answer = execute(.rewrite(try files(form, float: float, compared: compared)))
        if let failure = answer.failure { throw failure }
        return (answer, try Model.load(path: directory("made/\(form.rawValue)/model.onnx")))
    }

    /// Returns how far the outputs of a form that was made are from those of the model.
    func agreement(_ form: ModelForm, on engine: EngineChoice) throws -> OutputAgreement {
        func measured(_ model: AttemptSpec.InputFile, _ engine: EngineChoice, _ question: AttemptSpec.MeasuredFiles.Question) throws
            -> Attempts.Measurement?
        {
            try FileManager.default.createDirectory(atPath: directory("reference"), withIntermediateDirectories: true)
            var spec = spec(
                .measure(
                    .init(
                        model: model, data: try input("rows.csv"), rows: 64, reference: directory("reference"), question: question)))
            spec.engine = engine
            let answer = executor.execute(spec, cancellation: AttemptCancellation())
            if let failure = answer.failure { throw failure }
            return answer.measurement
        }
        _ = try measured(try input("model.onnx"), .onnxRuntime, .reference)
        let found = try measured(try input("made/\(form.rawValue)/model.onnx"), engine, .agreement)
        guard let agreement = found?.agreement.first else { throw Failure(.badModel, what: "no output", place: "", remedy: "") }
        return agreement
    }
}

/// A perceptron of three layers with numbers that look normally distributed.
enum Perceptron {
    static let width = 64

    /// - Parameter worst: the weight that suits integers least.
    static func model(worst: String? = nil) -> Model {
        func weight(_ name: String, _ rows: Int, _ columns: Int, seed: UInt64) -> StoredTensor {
            var values = numbers(rows * columns, seed: seed).map { $0 / Float(rows).squareRoot() }
            // The first numbers are much larger than the others of their columns, whose levels they make coarse. What they are multiplied
            // with is always zero.
            if name == worst { for column in 0..<columns { values[column] = 40 } }
            return StoredTensor(name, Tensor(.float32, [rows, columns], values))
        }
        let graph = Graph(
            name: "perceptron",
            nodes: [
                Node("MatMul", ["x", "w1"], ["p1"], name: "first"), Node("Add", ["p1", "b1"], ["a1"]), Node("Relu", ["a1"], ["r1"]),
                Node("MatMul", ["r1", "w2"], ["p2"], name: "second"), Node("Add", ["p2", "b2"], ["a2"]), Node("Relu", ["a2"], ["r2"]),
                Node("MatMul", ["r2", "w3"], ["y"], name: "third"),
            ], inputs: [Value("x", .tensor(.float32, [.symbolic("N"), .fixed(width)]))],
            outputs: [Value("y", .tensor(.float32, [.symbolic("N"), .fixed(16)]))],
            initializers: [
                weight("w1", width, 96, seed: 1), weight("w2", 96, 80, seed: 2), weight("w3", 80, 16, seed: 3),
                StoredTensor("b1", Tensor(.float32, [96], (worst == "w2" ? [-1000] : [0]) + numbers(95, seed: 4))),
                StoredTensor("b2", Tensor(.float32, [80], (worst == "w3" ? [-1000] : [0]) + numbers(79, seed: 5))),
            ])
        return Model(irVersion: 8, operatorSets: [OperatorSet(domain: "", version: 17)], graph: graph)
    }

    static func numbers(_ count: Int, seed: UInt64, scale: Float = 1) -> [Float] {
        var generator = SeededGenerator(seed: seed)
        return (0..<count).map { _ in (0..<6).reduce(Float(0)) { sum, _ in sum + Float.random(in: -1...1, using: &generator) } * 0.5 * scale
        }
    }

    static func rows(_ count: Int, seed: UInt64 = 9, scale: Float = 1) -> [[Float]] {
        (0..<count).map { numbers(width, seed: seed &+ UInt64($0) &* 7919, scale: scale) }
    }
}
