import Columnar
import Foundation
import Machine
import ONNX
import Recipes
import Synchronization
import Tensors
import TestSupport
import Testing
import TrainingGraph

@testable import Training

@Suite struct FineTuningTests {
    private func bytes(_ model: Model) throws -> Data { try model.serialized() }

    @Test func theModelGetsBetterAndOnlyItsInitializersChange() throws {
        let directory = try TemporaryDirectory("tuning")
        let model = Models.perceptron()
        let outcome = try tuning(directory, model: model, rows: Models.rows(300)) { $0.recipe.epochs = 12 }.run()
        let before = try #require(outcome.before[.accuracy]), after = try #require(outcome.after[.accuracy])
        #expect(after > before + 0.2 && after > 0.85, "\(before) -> \(after)")
        try #require(outcome.history.count == 13)
        #expect(outcome.history[0].trainingLoss == nil)
        #expect(try #require(outcome.history[12].trainingLoss) < #require(outcome.history[1].trainingLoss) / 2)
        #expect(outcome.trainingRows + outcome.validationRows == 300)
        #expect(Set(outcome.trained) == ["w1", "b1", "w2", "b2"])
        #expect(outcome.columns == ["x": ["a", "b"]])
        var restored = outcome.model
        for position in restored.graph.initializers.indices {
            #expect(restored.graph.initializers[position] != model.graph.initializers[position])
            restored.graph.initializers[position] = model.graph.initializers[position]
        }
        #expect(restored == model)
    }

    @Test func theSameInputsGiveTheSameBytes() throws {
        let directory = try TemporaryDirectory("tuning")
        let first = try tuning(directory, folder: "a").run(), second = try tuning(directory, folder: "b").run()
        #expect(try bytes(first.model) == bytes(second.model))
        let other = try tuning(directory, folder: "c") { $0.recipe.seed = 4 }.run()
        #expect(try bytes(other.model) != bytes(first.model))
    }

    /// The run is taken back at every boundary between two batches, and taken up again: the bytes are those of a run that nobody touched.
    @Test(arguments: [1, 3])
    func takenBackAtAnyStepAndTakenUpAgainItGivesTheSameBytes(accumulate: Int) throws {
        let directory = try TemporaryDirectory("tuning")
        var recipe = GradientDescent.crossEntropy
        recipe.accumulate = accumulate
        recipe.average = 0.9
        let untouched = try tuning(directory, recipe: recipe, folder: "whole").run()
        let expected = try bytes(untouched.model)
        #expect(untouched.resumedAt == 0)
        let total = 3 * ((untouched.trainingRows + 15) / 16)
        for stop in 0..<total {
            let asked = Mutex(0)
            let run = try tuning(directory, recipe: recipe, folder: "stop-\(stop)")
            // Asked once a batch in packing and measuring too: those are stopped by other numbers.
            #expect(throws: TrainingError.cancelled) {
                try run.run(
                    TrainingControl(isCancelled: {
                        asked.withLock {
                            $0 += 1; return $0 > stop + 3
                        }
                    }))
            }
            let resumed = try run.run()
            #expect(try bytes(resumed.model) == expected, "stopped when asked for the \(stop + 3)th time")
            #expect(resumed.history.map(\.validation) == untouched.history.map(\.validation))
            #expect(resumed.history.map(\.trainingLoss) == untouched.history.map(\.trainingLoss))
        }
    }

    /// Taken up on another machine, it starts over, and gives what that machine gives.
    @Test func onAnotherMachineItStartsOver() throws {
        let directory = try TemporaryDirectory("tuning")
        let untouched = try tuning(directory, folder: "whole").run()
        var run = try tuning(directory, folder: "moved") { $0.checkpointSteps = 1 }
        run.machine = AttemptMachine(processor: "another", engine: "ONNX Runtime", engineVersion: "1")
        let asked = Mutex(0)
        #expect(throws: TrainingError.cancelled) {
            try run.run(
                TrainingControl(isCancelled: {
                    asked.withLock {
                        $0 += 1; return $0 > 12
                    }
                }))
        }
        let told = Mutex<[String]>([])
        let moved = try tuning(directory, folder: "moved").run(
            TrainingControl(progress: { progress in if let why = progress.startsOver { told.withLock { $0.append(why) } } }))
        #expect(moved.resumedAt == 0)
        #expect(try bytes(moved.model) == bytes(untouched.model))
        let words = told.withLock { $0 }
        #expect(words.count == 1 && words[0].contains("was computed on another, ONNX Runtime 1"), "\(words)")
    }

    /// Killed, a run has no checkpoint of its last moment: any earlier one leads to the same bytes.
    @Test func anyCheckpointLeadsToTheSameBytes() throws {
        let directory = try TemporaryDirectory("tuning")
        let copies = Mutex(0)
        let run = try tuning(directory, folder: "whole") { $0.checkpointSteps = 1 }
        let path = directory.path
        let whole = try run.run(
            TrainingControl(progress: { _ in
                let number = copies.withLock {
                    $0 += 1; return $0
                }
                try? FileManager.default.copyItem(atPath: path + "/whole", toPath: path + "/copy-\(number)")
            }))
        let expected = try bytes(whole.model)
        var resumedAt: Set<Int> = []
        for number in 1...copies.withLock({ $0 }) {
            let resumed = try tuning(directory, folder: "copy-\(number)") { $0.checkpointSteps = 1 }.run()
            #expect(try bytes(resumed.model) == expected, "from copy \(number)")
            resumedAt.insert(resumed.resumedAt)
        }
        // Not only the ends of epochs.
        #expect(resumedAt.count >= whole.steps - 1, "\(resumedAt.sorted())")
    }

    @Test func theBestEpochIsKeptAndTrainingStopsWhenNothingImproves() throws {
        let directory = try TemporaryDirectory("tuning")
        // A rate so high that the first epoch is already worse.
        let recipe = GradientDescent(loss: .crossEntropy(), optimizer: .sgd(), learningRate: 30, weightDecay: 0)
        let run = try tuning(directory, recipe: recipe) { run in
            run.recipe.epochs = 50
            run.gate = Gate(metric: .loss, rowsAtLeast: 1)
            run.recipe.earlyStopping = .init(patience: 2)
        }
        let outcome = try run.run()
        #expect(outcome.stoppedEarly)
        #expect(outcome.history.count < 51)
        #expect(outcome.history.count == outcome.bestEpoch + 3)
        #expect(outcome.bestEpoch > 0 && outcome.model != run.model)
        // Worse than the model as it was: that is for a gate to judge.
        #expect(outcome.after[.loss] == outcome.history.dropFirst().map { $0[metric: .loss]! }.min())
    }

    @Test(arguments: [1, 3])
    func aStepScheduleCountsEpochsHoweverManyStepsTheyHave(accumulate: Int) throws {
        let directory = try TemporaryDirectory("tuning")
        var recipe = GradientDescent.crossEntropy
        recipe.accumulate = accumulate
        recipe.schedule = Schedule(.step(everyEpochs: 2, factor: 0.5), peak: 0.04)
        let outcome = try tuning(directory, recipe: recipe) { $0.recipe.epochs = 5 }.run()
        #expect(outcome.history.dropFirst().map(\.learningRate) == [0.04, 0.04, 0.02, 0.02, 0.01])
    }

    @Test func withoutValidationTheLastEpochIsKept() throws {
        let directory = try TemporaryDirectory("tuning")
        let outcome = try tuning(directory) { $0.recipe.validation = 0 }.run()
        #expect(outcome.bestEpoch == 3 && outcome.after.isEmpty && outcome.validationRows == 0 && outcome.trainingRows == 120)
        #expect(outcome.model != Models.perceptron())
    }

    @Test func frozenParametersStay() throws {
        let directory = try TemporaryDirectory("tuning")
        var recipe = GradientDescent.crossEntropy
        recipe.freeze = ["*1"]
        let model = Models.perceptron()
        let outcome = try tuning(directory, model: model, recipe: recipe) { $0.recipe.validation = 0 }.run()
        for name in ["w1", "b1"] { #expect(outcome.model.graph.initializer(name) == model.graph.initializer(name)) }
        for name in ["w2", "b2"] { #expect(outcome.model.graph.initializer(name) != model.graph.initializer(name)) }
        #expect(outcome.untrained.keys.contains("w1"))
    }

    /// Running statistics are initializers that batches move: written back, and gone on from after a kill.
    @Test func batchNormalizationIsTrainedWhereAskedFor() throws {
        let directory = try TemporaryDirectory("tuning")
        var model = Models.perceptron()
        model.graph.nodes[0].outputs = ["raw"]
        model.graph.nodes.insert(Node("BatchNormalization", ["raw", "scale", "shift", "mean", "variance"], ["h"], name: "norm"), at: 1)
        for (name, value) in [("scale", 1), ("shift", 0), ("mean", 0.1), ("variance", 2)] as [(String, Float)] {
            model.graph.initializers.append(StoredTensor(name, .float32, [8], [Float](repeating: value, count: 8)))
        }
        var recipe = GradientDescent.crossEntropy
        let statistics: Set = ["mean", "variance"]
        func changed(_ tuned: Model) -> Set<String> {
            Set(model.graph.initializers.map(\.name).filter { tuned.graph.initializer($0) != model.graph.initializer($0) })
        }
        recipe.batchNormalization = .affine
        let affine = try tuning(directory, model: model, recipe: recipe, folder: "affine").run()
        #expect(changed(affine.model) == ["w1", "b1", "w2", "b2", "scale", "shift"])
        recipe.batchNormalization = .train
        let trained = try tuning(directory, model: model, recipe: recipe, folder: "train").run()
        #expect(changed(trained.model) == changed(affine.model).union(statistics) && trained.model.graph.nodes == model.graph.nodes)
        #expect(statistics.isSubset(of: trained.trained) && statistics.isDisjoint(with: trained.untrained.keys))

        let asked = Mutex(0)
        let run = try tuning(directory, model: model, recipe: recipe, folder: "again")
        #expect(throws: TrainingError.cancelled) {
            try run.run(
                TrainingControl(isCancelled: {
                    asked.withLock {
                        $0 += 1; return $0 > 9
                    }
                }))
        }
        #expect(try bytes(run.run().model) == bytes(trained.model))
    }

    @Test func weightsThatAreStoredInFloat16StaySo() throws {
        let directory = try TemporaryDirectory("tuning")
        let model = Models.perceptron(half: true)
        let outcome = try tuning(directory, model: model) { $0.recipe.validation = 0 }.run()
        for (new, old) in zip(outcome.model.graph.initializers, model.graph.initializers) {
            #expect(new.elementType == .float16 && new.shape == old.shape && new != old)
        }
    }

    /// A batch that the model fixes is filled up with rows that do not count: the loss of an epoch without a step is that of the rows.
    @Test(arguments: [7, 11, 13])
    func aFixedBatchIsFilledUpWithRowsThatDoNotCount(size: Int) throws {
        let directory = try TemporaryDirectory("tuning")
        var recipe = GradientDescent.crossEntropy
        // So little that no weight changes.
        recipe.schedule = Schedule(peak: .leastNonzeroMagnitude)
        recipe.weightDecay = 0
        let open = try tuning(directory, recipe: recipe, folder: "open") {
            $0.recipe.epochs = 1; $0.recipe.batchSize = size
        }.run()
        let fixed = try tuning(directory, model: Models.perceptron(batch: .fixed(size)), recipe: recipe, folder: "fixed") {
            $0.recipe.epochs = 1
        }.run()
        #expect(abs(open.history[1].trainingLoss! - fixed.history[1].trainingLoss!) < 1e-6)
        for metric in [Metric.loss, .accuracy] { #expect(abs(open.before[metric]! - fixed.before[metric]!) < 1e-6) }
    }

    @Test func rowsOfWeightZeroTeachNothing() throws {
        let directory = try TemporaryDirectory("tuning")
        // Every fourth row has weight 0; in one file its label is wrong, in the other right.
        func text(wrong: Int) -> String {
            var text = "id,a,b,label,w\n"
            for (index, line) in Models.rows(80).split(separator: "\n").dropFirst().enumerated() {
                var cells = line.split(separator: ",").map(String.init)
                let isIdle = index % 4 == 0
                if isIdle, let label = Int(cells[3]) { cells[3] = String((label + wrong) % 3) }
                text += cells.joined(separator: ",") + (isIdle ? ",0\n" : ",1\n")
            }
            return text
        }
        let spoilt = try tuning(directory, rows: text(wrong: 1), weight: "w", folder: "spoilt").run()
        let sound = try tuning(directory, rows: text(wrong: 0), weight: "w", folder: "sound").run()
        #expect(try bytes(spoilt.model) == bytes(sound.model))
    }

    /// A batch is what there is, with a fixed batch too, which is filled up with rows that do not count.
    @Test(arguments: [4, 64])
    func fewRowsAreABatchOfTheirOwn(fixed: Int) throws {
        let directory = try TemporaryDirectory("tuning")
        var recipe = GradientDescent.crossEntropy
        recipe.optimizer = .sgd()
        let outcome = try tuning(directory, rows: Models.rows(20), recipe: recipe) { $0.recipe.batchSize = 64 }.run()
        #expect(outcome.trainingRows + outcome.validationRows == 20 && outcome.steps == 3)
        let other = try tuning(
            directory, model: Models.perceptron(batch: .fixed(fixed)), rows: Models.rows(20), recipe: recipe, folder: "fixed"
        ).run()
        #expect(other.steps == 3 * ((outcome.trainingRows + fixed - 1) / fixed))
        guard fixed == 64 else { return }
        for (one, two) in zip(outcome.model.graph.initializers, other.model.graph.initializers) {
            let a = try one.tensor().floats, b = try two.tensor().floats
            #expect(zip(a, b).allSatisfy { abs($0 - $1) < 1e-6 }, "\(one.name): a row that fills up changes nothing")
        }
    }

    @Test func classesOfTheModelItselfNeedNoSchema() throws {
        let directory = try TemporaryDirectory("tuning")
        let outcome = try tuning(directory, model: Models.perceptron(softmax: true)).run()
        #expect(outcome.after[.accuracy] != nil)
    }

    @Test func regressionFindsTheLine() throws {
        let directory = try TemporaryDirectory("tuning")
        var generator = SeededGenerator(seed: 9)
        let rows =
            "id,a,b,label\n"
            + (0..<200).map { row in
                let a = Float.random(in: -1...1, using: &generator), b = Float.random(in: -1...1, using: &generator)
                return "r\(row),\(a),\(b),\(2 * a - 3 * b + 1)\n"
            }.joined()
        let recipe = GradientDescent(loss: .meanSquaredError, optimizer: .sgd(momentum: 0.9), learningRate: 0.1, weightDecay: 0)
        let outcome = try tuning(directory, model: Models.line(), rows: rows, recipe: recipe) { run in
            run.recipe.epochs = 20
            run.gate = Gate(metric: .r2, rowsAtLeast: 1)
            run.alsoMeasured = [.mae]
        }.run()
        #expect(outcome.after[.r2]! > 0.9999 && outcome.after[.mae]! < 0.01 && outcome.after[.rmse]! < 0.01, "\(outcome.after)")
        let w = try #require(try outcome.model.graph.initializer("w")?.tensor().values(as: Float.self))
        #expect(abs(w[0] - 2) < 0.02 && abs(w[1] + 3) < 0.02)
    }
}
