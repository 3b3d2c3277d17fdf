import Autodiff
import ConformanceSupport
import Engine
import Recipes
import Tensors
import Testing
import TrainingGraph

/// Each optimizer, and what is done to gradients and rates, against the losses of PyTorch (Lion and Lamb: timm) in float64.
struct OptimizerTests {
    struct Case: Sendable, CustomStringConvertible {
        let name: String
        let optimizer: Optimizer
        var rate = 0.1
        var decay = 0.0
        var clipNorm: Double?
        var clipValue: Double?
        var average: Double?
        var description: String { name }
    }

    static let cases: [Case] = [
        Case(name: "sgd_momentum", optimizer: .sgd(momentum: 0.9), decay: 0.01),
        Case(name: "sgd_nesterov", optimizer: .sgd(momentum: 0.9, nesterov: true)),
        Case(name: "adagrad", optimizer: .adagrad(), rate: 0.05, decay: 0.01),
        Case(name: "rmsprop", optimizer: .rmsprop(), rate: 0.005, decay: 0.01),
        Case(name: "rmsprop_momentum", optimizer: .rmsprop(alpha: 0.9, epsilon: 1e-6, momentum: 0.5), rate: 0.005),
        Case(name: "adam", optimizer: .adam(), rate: 0.01, decay: 0.01),
        Case(name: "adamw", optimizer: .adamw(.init(beta1: 0.8, beta2: 0.95, epsilon: 1e-6)), rate: 0.01, decay: 0.1),
        Case(name: "lion", optimizer: .lion(), rate: 0.003, decay: 0.1),
        Case(name: "lamb", optimizer: .lamb(), rate: 0.02, decay: 0.1),
        Case(name: "clip_norm", optimizer: .sgd(), clipNorm: 0.3),
        Case(name: "clip_value", optimizer: .sgd(), clipValue: 0.02),
        Case(name: "average", optimizer: .sgd(), average: 0.9),
    ]

    private func recipe(_ optimizer: Case, shares: Int = 1) -> GradientDescent {
        GradientDescent(loss: .crossEntropy(), optimizer: optimizer.optimizer, learningRate: 1e-3, weightDecay: optimizer.decay) {
            $0.noDecay = ["*bias"]
            $0.clipValue = optimizer.clipValue
            $0.clipNorm = optimizer.clipNorm
            $0.average = optimizer.average
            $0.shares = shares
        }
    }

    /// Whole, and cut into shares that differ by a row.
    @Test(arguments: cases, [1, 5])
    func trajectoryAgreesWithPyTorch(_ optimizer: Case, shares: Int) throws {
        let golden = try Golden("optimizers"), data = try Golden("mlp")
        let run = try StepRun(Golden.model("mlp"), recipe(optimizer, shares: shares))
        let wanted = try golden.numbers(optimizer.name + "/losses")
        for step in wanted.indices {
            let loss = try run.step(["x": data.batch("input/x", step % 4)], target: data.batch("target", step % 4), rate: optimizer.rate)
            #expect(abs(loss - wanted[step]) < 1e-5, "step \(step): \(loss), PyTorch has \(wanted[step])")
        }
        guard optimizer.average != nil else { return }
        for slot in run.graph.parameters {
            let mean = try run.session.value("average/" + slot.name).numbers
            let reference = try golden.numbers("\(optimizer.name)/average/\(slot.name)")
            #expect(distance(mean, reference) < 1e-5 * length(reference), "\(slot.name)")
        }
    }

    /// However many batches a step has, and where steps of few follow steps of many: what is accumulated begins at 0 each time.
    @Test func accumulationBeginsAnewBehindEveryStep() throws {
        let data = try Golden("mlp")
        let recipe = GradientDescent(loss: .crossEntropy(), optimizer: .sgd(), learningRate: 1e-3, weightDecay: 0)
        var accumulating = recipe
        accumulating.accumulate = 3
        let whole = try StepRun(Golden.model("mlp"), recipe), parts = try StepRun(Golden.model("mlp"), accumulating)
        func rows(_ name: String, _ index: Int, _ range: Range<Int>) throws -> Tensor {
            let all = try data.batch(name, index)
            let size = all.bytes.count / all.shape.dimensions[0]
            let bytes = UnsafeRawBufferPointer(rebasing: all.bytes[range.lowerBound * size..<range.upperBound * size])
            return try #require(
                Tensor(elementType: all.elementType, shape: Shape([range.count] + all.shape.dimensions.dropFirst()), bytes: bytes))
        }
        for (index, batches) in [[0..<4, 4..<8, 8..<12], [0..<12], [0..<6, 6..<12], [0..<1, 1..<3, 3..<12]].enumerated() {
            _ = try whole.step(["x": rows("input/x", index, 0..<12)], target: rows("target", index, 0..<12), rate: 0.1)
            for batch in batches {
                _ = try parts.step(
                    ["x": rows("input/x", index, batch)], target: rows("target", index, batch), rate: 0.1, apply: batch.upperBound == 12)
            }
            for slot in whole.graph.slots {
                let found = try parts.session.value(slot.name).numbers, expected = try whole.session.value(slot.name).numbers
                #expect(distance(found, expected) < 1e-6 * max(length(expected), 1), "\(slot.name) behind step \(index)")
            }
        }
    }

    @Test(arguments: [1, 3])
    func accumulatedBatchesEqualOneBatchOfTheirRows(shares: Int) throws {
        let golden = try Golden("optimizers"), data = try Golden("mlp")
        let run = try StepRun(
            Golden.model("mlp"),
            GradientDescent(loss: .crossEntropy(), learningRate: 1e-3, weightDecay: 0) {
                $0.accumulate = 2
                $0.shares = shares
            })
        let wanted = try golden.numbers("accumulate/losses")
        for batch in wanted.indices {
            let rows = 12 - 4 * (batch % 2)
            let loss = try run.step(
                ["x": data.batch("input/x", batch % 4, rows: rows)], target: data.batch("target", batch % 4, rows: rows), rate: 0.01,
                apply: batch % 2 == 1)
            #expect(abs(loss - wanted[batch]) < 1e-5, "batch \(batch): \(loss), PyTorch has \(wanted[batch])")
        }
    }

    @Test(arguments: [
        ("linear", Schedule(.linear(end: 0.1), peak: 0.2)), ("cosine", Schedule(.cosine(end: 0.1), peak: 0.2)),
        ("step", Schedule(.step(everyEpochs: 2, factor: 0.5), peak: 0.2)), ("one_cycle", Schedule(.oneCycle(), peak: 0.2)),
        ("warm_cosine", Schedule(.cosine(), peak: 0.2, warmUp: 3)),
    ])
    func scheduleAgreesWithPyTorch(_ name: String, _ schedule: Schedule) throws {
        let golden = try Golden("optimizers"), data = try Golden("mlp")
        let rates = try golden.numbers(name + "/rates"), losses = try golden.numbers(name + "/losses")
        let run = try StepRun(
            Golden.model("mlp"), GradientDescent(loss: .crossEntropy(), optimizer: .sgd(), weightDecay: 0) { $0.schedule = schedule })
        for step in rates.indices {
            let rate = schedule.rate(step: step, of: rates.count, stepsPerEpoch: 2)
            #expect(abs(rate - rates[step]) < 1e-12, "step \(step): \(rate), PyTorch has \(rates[step])")
            let loss = try run.step(["x": data.batch("input/x", step % 4)], target: data.batch("target", step % 4), rate: rate)
            #expect(abs(loss - losses[step]) < 1e-5)
        }
    }

    @Test func everyShapeWarmsUp() {
        for shape in [Schedule.Shape.constant, .linear(), .cosine(), .step(everyEpochs: 2)] {
            let schedule = Schedule(shape, peak: 1, warmUp: 4)
            #expect((0..<4).map { schedule.rate(step: $0, of: 10, stepsPerEpoch: 3) } == [0.25, 0.5, 0.75, 1])
            #expect(schedule.rate(step: 4, of: 10, stepsPerEpoch: 3) == 1)
        }
        let cycle = Schedule(.oneCycle(), peak: 1, warmUp: 4)
        #expect(cycle.rate(step: 3, of: 10, stepsPerEpoch: 3) == 1)
        #expect(abs(cycle.rate(step: 0, of: 10, stepsPerEpoch: 3) - 1 / 25.0) < 1e-12)
    }

    @Test(arguments: [
        GradientDescent(loss: .meanSquaredError, optimizer: .sgd(momentum: 1), learningRate: 1e-3, weightDecay: 0),
        GradientDescent(loss: .meanSquaredError, optimizer: .sgd(nesterov: true), learningRate: 1e-3, weightDecay: 0),
        GradientDescent(loss: .meanSquaredError, optimizer: .adam(.init(beta2: 1)), learningRate: 1e-3, weightDecay: 0),
        GradientDescent(loss: .meanSquaredError, learningRate: 1e-3, weightDecay: -1),
        GradientDescent(loss: .meanSquaredError, learningRate: 1e-3, weightDecay: 0) { $0.clipNorm = 0 },
        GradientDescent(loss: .meanSquaredError, learningRate: 1e-3, weightDecay: 0) { $0.accumulate = 0 },
        GradientDescent(loss: .meanSquaredError, learningRate: 1e-3, weightDecay: 0) { $0.average = 1 },
    ])
    func numbersThatMakeNoSenseAreRefused(_ recipe: GradientDescent) {
        #expect(throws: AutodiffError.self) { try StepGraph(LossModel.make([3, 1]), recipe) }
    }
}
