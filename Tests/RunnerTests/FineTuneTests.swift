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

/// The optimize stage as an executor runs it: from a spec and files to a model file and a report.
@Suite struct FineTuneTests {
    private static let rowCount = 24

    /// Labels of a row for a loss, and what the loss makes of them: terms written out here, not ours.
    struct Case: CustomTestStringConvertible, Sendable {
        let loss: Loss
        let width: Int
        /// Columns of labels, by row.
        let labels: @Sendable (Int) -> [String]
        let term: @Sendable (_ scores: [Double], _ row: Int) -> Double
        var classes: [String]?
        /// What a row weighs beside its own weight, in the mean's divisor too.
        var classWeight: @Sendable (Int) -> Double = { _ in 1 }
        var testDescription: String { "\(loss)" }
    }

    private static func logSoftmax(_ scores: [Double]) -> [Double] {
        let total = log(scores.reduce(0) { $0 + exp($1) })
        return scores.map { $0 - total }
    }
    private static func softplus(_ x: Double) -> Double { log(1 + exp(x)) }
    private static func number(_ row: Int) -> Double { Double((row * 5) % 9) / 3 - 1 }

    static let cases: [Case] = [
        Case(
            loss: .crossEntropy(labelSmoothing: 0.1), width: 3, labels: { ["\($0 % 3)"] },
            term: { scores, row in
                let logs = logSoftmax(scores)
                return -0.9 * logs[row % 3] - 0.1 * logs.reduce(0, +) / 3
            }),
        Case(
            loss: .crossEntropy(classWeights: [1, 2, 0.5]), width: 3, labels: { [["red", "green", "blue"][$0 % 3]] },
            term: { scores, row in
                -logSoftmax(scores)[row % 3]
            }, classes: ["red", "green", "blue"], classWeight: { [1, 2, 0.5][$0 % 3] }),
        Case(
            loss: .crossEntropy(targets: .probabilities), width: 2, labels: { $0 % 2 == 0 ? ["0.25", "0.75"] : ["1", "0"] },
            term: { scores, row in
                let logs = logSoftmax(scores)
                return row % 2 == 0 ? -0.25 * logs[0] - 0.75 * logs[1] : -logs[0]
            }),
        Case(
            loss: .binaryCrossEntropy(positiveWeight: 2), width: 1, labels: { ["\($0 % 2)"] },
            term: { scores, row in
                row % 2 == 1 ? 2 * softplus(-scores[0]) : softplus(scores[0])
            }),
        Case(
            loss: .multilabel(), width: 3, labels: { row in (0..<3).map { "\((row + $0) % 2)" } },
            term: { scores, row in
                (0..<3).reduce(0) { $0 + ((row + $1) % 2 == 1 ? softplus(-scores[$1]) : softplus(scores[$1])) / 3 }
            }),
        Case(loss: .meanSquaredError, width: 1, labels: { ["\(number($0))"] }, term: { pow($0[0] - number($1), 2) }),
        Case(loss: .meanAbsoluteError, width: 1, labels: { ["\(number($0))"] }, term: { abs($0[0] - number($1)) }),
        Case(
            loss: .huber(delta: 0.5), width: 1, labels: { ["\(number($0))"] },
            term: { scores, row in
                let error = abs(scores[0] - number(row))
                return error <= 0.5 ? error * error / 2 : 0.5 * (error - 0.25)
            }),
        Case(
            loss: .quantile([0.1, 0.9]), width: 2, labels: { ["\(number($0))"] },
            term: { scores, row in
                zip([0.1, 0.9], scores).reduce(0) { $0 + max($1.0 * (number(row) - $1.1), ($1.0 - 1) * (number(row) - $1.1)) / 2 }
            }),
        Case(loss: .poisson(rate: .logRate), width: 1, labels: { ["\($0 % 4)"] }, term: { exp($0[0]) - Double($1 % 4) * $0[0] }),
        Case(
            loss: .cosineEmbedding(), width: 2, labels: { ["\(number($0) + 1.1)", "1"] },
            term: { scores, row in
                let target = [number(row) + 1.1, 1.0]
                func length(_ v: [Double]) -> Double { (v[0] * v[0] + v[1] * v[1]).squareRoot() }
                return 1 - (scores[0] * target[0] + scores[1] * target[1]) / (length(scores) * length(target))
            }),
        Case(loss: .output("loss"), width: 1, labels: { ["\(number($0))"] }, term: { pow($0[0] - number($1), 2) }),
    ]

    private static func features(_ row: Int) -> (a: Double, b: Double) {
        (Double((row * 3) % 8) / 4 - 0.9, Double((row * 7) % 5) / 2 - 0.8)
    }
    private static func weight(_ row: Int) -> Double { [1, 0.5, 0, 3][row % 4] }

    private static func table(_ test: Case) -> String {
        var text = "id,a,b," + test.labels(0).indices.map { "t\($0)" }.joined(separator: ",") + ",w\n"
        for row in 0..<rowCount {
            let (a, b) = features(row)
            text += "r\(row),\(a),\(b),\(test.labels(row).joined(separator: ",")),\(weight(row))\n"
        }
        return text
    }

    private static func spec(
        _ directory: TemporaryDirectory, model: Model, rows: String, schema: RowSchema, _ stage: OptimizeStage,
        goal: AttemptSpec.Goal = .fineTune
    ) throws -> AttemptSpec {
        try directory.write(try model.serialized(), to: "parent.onnx")
        try directory.write(rows, to: "labels.csv")
        func file(_ name: String) throws -> AttemptSpec.InputFile {
            .init(path: directory(name), digest: try FileDigest.of(FilePath(directory(name))).digest)
        }
        try FileManager.default.createDirectory(atPath: directory("kept"), withIntermediateDirectories: true)
        let files = AttemptSpec.ModelFiles(model: try file("parent.onnx"), directory: directory("new"))
        let training = AttemptSpec.Training(
            labelled: [.init(arrival: 2, name: "labels.csv", file: try file("labels.csv"), kept: directory("kept/labels.csv"))],
            subject: goal == .fineTune ? 2 : nil, checkpoints: directory("checkpoints"))
        return AttemptSpec(
            run: 1, attempt: 1, pipeline: "p",
            work: goal == .fineTune ? .fineTune(files, training: training) : .validateModel(files, training: training), schema: schema,
            stages: goal == .fineTune ? [.optimize(stage)] : [.deserialize(DeserializeStage()), .optimize(stage)])
    }

    private static func execute(_ spec: AttemptSpec) -> AttemptResult {
        LocalExecutor(sessionBytes: 1 << 20).execute(spec, cancellation: AttemptCancellation())
    }

    private static func written(_ directory: TemporaryDirectory) throws -> Model {
        try Model(serialized: Data(try directory.read("new/model.onnx")))
    }

    /// One step over all rows: the weights that are written are those that the loss, written out, has one step down.
    @Test(arguments: cases, [false, true])
    func aStepGoesDownTheLossThatThePipelineNames(test: Case, isWeighted: Bool) throws {
        let directory = try TemporaryDirectory("fine-tune")
        let start = LinearModel(width: test.width)
        let columns = test.labels(0).count
        let isOwn = test.loss == .output("loss")
        let schema = RowSchema(
            key: ["id"], label: isOwn ? nil : columns == 1 ? .list(["t0"]) : .pattern("t*"), weight: isWeighted ? "w" : nil,
            classes: test.classes,
            inputs: [InputSchema(name: "x", columns: .list(["a", "b"]))] + (isOwn ? [InputSchema(name: "t", columns: .list(["t0"]))] : []))
        let stage = OptimizeStage(
            gradient: GradientDescent(loss: test.loss, optimizer: .sgd(), learningRate: 0.1) {
                $0.epochs = 1
                $0.batchSize = Self.rowCount
                $0.validation = 0
            })
        let result = Self.execute(
            try Self.spec(directory, model: start.model(isOwnLoss: isOwn), rows: Self.table(test), schema: schema, stage))
        #expect(result.succeeded, "\(String(describing: result.failure))")
        let expected = start.stepped(rate: 0.1) { model in
            var sum = 0.0, divisor = 0.0
            for row in 0..<Self.rowCount {
                let (a, b) = Self.features(row)
                let weight = (isWeighted ? Self.weight(row) : 1) * test.classWeight(row)
                sum += weight * test.term(model.scores(a, b), row)
                divisor += weight
            }
            return sum / divisor
        }
        let found = try LinearModel.weights(of: Self.written(directory))
        #expect(found != LinearModel(width: test.width).weights)
        for (new, wanted) in zip(found, expected) { #expect(abs(new - wanted) < 1e-5, "\(found) for \(expected)") }
        #expect(result.training?.hyperParameters["loss"] == .text(test.loss.kind.rawValue))
    }

    // MARK: The gate

    private static let numbers = Case(loss: .meanSquaredError, width: 1, labels: { ["\(number($0))"] }, term: { _, _ in 0 })
    private static let schema = RowSchema(
        key: ["id"], label: .list(["t0"]), inputs: [InputSchema(name: "x", columns: .list(["a", "b"]))])

    /// One step; at a rate of 3 it overshoots, and the model is worse than before.
    private static func stage(rate: Double, _ gate: Gate) -> OptimizeStage {
        OptimizeStage(
            gradient: GradientDescent(loss: .meanSquaredError, optimizer: .sgd(), learningRate: rate) {
                $0.epochs = 1
                $0.batchSize = 8
                $0.validation = 0.3
            }, gate: gate)
    }

    private func result(rate: Double, _ gate: Gate, goal: AttemptSpec.Goal = .fineTune) throws -> (AttemptResult, TemporaryDirectory) {
        let directory = try TemporaryDirectory("fine-tune")
        let spec = try Self.spec(
            directory, model: LinearModel(width: 1).model(), rows: Self.table(Self.numbers), schema: Self.schema,
            Self.stage(rate: rate, gate), goal: goal)
        return (Self.execute(spec), directory)
    }

    @Test func whatIsBetterPassesTheGate() throws {
        let (result, directory) = try result(rate: 0.1, Gate(rowsAtLeast: 1))
        #expect(result.succeeded && result.files.map { ($0.path as NSString).lastPathComponent } == ["model.onnx"], "\(result)")
        let gate = try #require(result.training?.gate), before = try #require(gate.before), after = try #require(gate.after)
        #expect(gate.metric == "loss" && after < before && gate.rows ?? 0 > 0)
        #expect(result.training?.rejection == nil)
        #expect(try LinearModel.weights(of: Self.written(directory)) != LinearModel.weights(of: LinearModel(width: 1).model()))
    }

    @Test(arguments: [Gate(rowsAtLeast: 1), Gate(metric: .rmse, rowsAtLeast: 1), Gate(metric: .mae, dropAtMost: 0.001, rowsAtLeast: 1)])
    func whatIsWorseDoesNot(gate: Gate) throws {
        let (result, directory) = try result(rate: 3, gate)
        let failure = try #require(result.failure)
        #expect(failure.kind == .gate && failure.what.hasPrefix("\(gate.metric.rawValue) went from "), "\(failure)")
        #expect(failure.what.contains(gate.dropAtMost == 0 ? "no epoch made it better" : "may get worse by 0.001 at most"), "\(failure)")
        #expect(result.training?.rejection == failure && result.files.isEmpty)
        #expect(!directory.files().contains("new/model.onnx"))
    }

    @Test func howMuchWorseItMayBeIsForThePipelineToSay() throws {
        let (result, _) = try result(rate: 3, Gate(metric: .rmse, dropAtMost: 1e6, rowsAtLeast: 1))
        #expect(result.succeeded, "\(String(describing: result.failure))")
        let gate = try #require(result.training?.gate)
        #expect(try #require(gate.after) > #require(gate.before) && gate.dropAtMost == 1e6)
    }

    @Test func aModelThatTrainingMakesWorseLandsAsItCame() throws {
        let (result, directory) = try result(rate: 3, Gate(rowsAtLeast: 1), goal: .validateModel)
        #expect(result.succeeded, "\(String(describing: result.failure))")
        #expect(result.training?.rejection?.kind == .gate)
        #expect(try LinearModel.weights(of: Self.written(directory)) == LinearModel.weights(of: LinearModel(width: 1).model()))
        let (tuned, other) = try self.result(rate: 0.1, Gate(rowsAtLeast: 1), goal: .validateModel)
        #expect(tuned.succeeded && tuned.training?.rejection == nil)
        #expect(try LinearModel.weights(of: Self.written(other)) != LinearModel.weights(of: LinearModel(width: 1).model()))
    }

    /// Rows are kept, and nothing is trained: labels are no failure, and a model that arrives lands as it came.
    @Test(arguments: [AttemptSpec.Goal.fineTune, .validateModel])
    func theGateWaitsForHeldOutRows(goal: AttemptSpec.Goal) throws {
        let (result, directory) = try result(rate: 0.1, Gate(), goal: goal)
        #expect(result.succeeded, "\(String(describing: result.failure))")
        let wait = try #require(result.training?.wait)
        #expect(wait.kind == .tooFewRows && wait.what.hasPrefix("the gate waits until 30 rows are held out, and "), "\(wait)")
        #expect(result.training?.rejection == nil && directory.files().contains("kept/labels.csv"))
        #expect(result.files.isEmpty == (goal == .fineTune))
        if goal == .validateModel {
            #expect(try LinearModel.weights(of: Self.written(directory)) == LinearModel.weights(of: LinearModel(width: 1).model()))
        }
    }

    /// As many held-out rows as the gate asks for are enough, and one less is not.
    @Test func theGateTakesExactlyItsRows() throws {
        let held = try #require(try result(rate: 0.1, Gate(rowsAtLeast: 1)).0.training?.gate?.rows)
        let enough = try result(rate: 0.1, Gate(rowsAtLeast: held)).0, oneLess = try result(rate: 0.1, Gate(rowsAtLeast: held + 1)).0
        #expect(held > 1 && enough.training?.wait == nil && enough.training?.gate?.rows == held, "\(enough)")
        #expect(oneLess.training?.wait?.kind == .tooFewRows, "\(oneLess)")
    }

    // MARK: What ends it

    @Test(
        arguments: [
            ("t0\n", "u0\n", .badInput, "t0"), (",0.5\n", ",-1\n", .badInput, "labels.csv"), ("r0,-0.9", "r0,inf", .badInput, "labels.csv"),
        ] as [(String, String, Failure.Kind, String)])
    func labelsThatCannotBeUsedAreTold(old: String, new: String, kind: Failure.Kind, word: String) throws {
        let directory = try TemporaryDirectory("fine-tune")
        let schema = RowSchema(key: ["id"], label: .list(["t0"]), weight: "w", inputs: Self.schema.inputs)
        let rows = Self.table(Self.numbers).replacing(old == "t0\n" ? "t0" : old, with: old == "t0\n" ? "u0" : new)
        let result = Self.execute(
            try Self.spec(
                directory, model: LinearModel(width: 1).model(), rows: rows, schema: schema, Self.stage(rate: 0.1, Gate(rowsAtLeast: 1))))
        let failure = try #require(result.failure)
        #expect(failure.kind == kind && "\(failure)".contains(word) && !"\(failure)".contains("/kept/"), "\(failure)")
    }

    /// Labels are refused for it; a model that arrives with such settings lands as it came, with the reason.
    @Test(arguments: ["freeze", "train"], [AttemptSpec.Goal.fineTune, .validateModel])
    func aPatternThatNamesNothingIsToldByItsKey(key: String, goal: AttemptSpec.Goal) throws {
        let directory = try TemporaryDirectory("fine-tune")
        let stage = OptimizeStage(
            gradient: GradientDescent(loss: .meanSquaredError, optimizer: .sgd(), learningRate: 0.1) {
                $0.epochs = 1
                $0.batchSize = 8
                $0.validation = 0.3
                $0.freeze = key == "freeze" ? ["conv1.*"] : []
                $0.train = key == "train" ? ["conv1.*"] : []
            }, gate: Gate(rowsAtLeast: 1))
        let result = Self.execute(
            try Self.spec(
                directory, model: LinearModel(width: 1).model(), rows: Self.table(Self.numbers), schema: Self.schema, stage, goal: goal))
        let failure = try #require(goal == .fineTune ? result.failure : result.training?.rejection)
        #expect(failure.kind == .badModel && "\(failure)".contains("\(key): no initializer has a name like \"conv1.*\""), "\(failure)")
        #expect(result.succeeded == (goal == .validateModel))
    }

    @Test func lossesThatAreNoNumbersAreToldWithTheirStep() throws {
        let (result, _) = try result(rate: 1e30, Gate(rowsAtLeast: 1))
        let failure = try #require(result.failure)
        #expect(failure.kind == .diverged && failure.what.contains("step 2"), "\(failure)")
    }
}
