import Recipes
import Testing

@testable import Training

@Suite struct LoopPartsTests {
    @Test func everyRowIsInOneBatchOfAnEpoch() {
        for (rows, size) in [(10, 3), (9, 3), (3, 5), (1, 1)] {
            let order = BatchOrder(rowCount: rows, batchSize: size, isFixed: false, seed: 1, epoch: 2)
            let batches = (0..<order.count).map { order[$0] }
            #expect(batches.flatMap(\.rows).sorted() == Array(0..<rows))
            #expect(batches.allSatisfy { $0.rows.count == $0.counting && $0.counting > 0 })
        }
    }

    @Test func everyEpochAndSeedHasAnOrderOfItsOwn() {
        func order(seed: UInt64, epoch: Int) -> [Int] {
            let order = BatchOrder(rowCount: 50, batchSize: 8, isFixed: false, seed: seed, epoch: epoch)
            return (0..<order.count).flatMap { order[$0].rows }
        }
        let orders = [order(seed: 1, epoch: 1), order(seed: 1, epoch: 2), order(seed: 1, epoch: 3), order(seed: 2, epoch: 1)]
        #expect(Set(orders).count == 4 && !orders.contains(Array(0..<50)))
        #expect(order(seed: 1, epoch: 2) == orders[1])
    }

    @Test func fixedBatchesAreFilledUp() throws {
        let order = BatchOrder(rowCount: 10, batchSize: 4, isFixed: true, seed: 1, epoch: 1)
        let batches = (0..<order.count).map { order[$0] }
        try #require(batches.map(\.rows.count) == [4, 4, 4])
        #expect(batches.map(\.counting) == [4, 4, 2])
        #expect(Array(batches[2].rows.suffix(2)) == Array(batches[0].rows.prefix(2)))
    }

    @Test func theBestEpochIsTheFirstOfEqualOnes() {
        var stopping = EarlyStopping(.init(patience: 2), metric: .accuracy, bestValue: 0.5)
        let best = [0.5, 0.6, 0.6, 0.7].enumerated().map { stopping.note($0.element) }
        #expect(best == [false, true, false, true])
        #expect(!stopping.isExhausted)
        for value in [0.1, .nan] { _ = stopping.note(value) }
        #expect(stopping.isExhausted && stopping.bestValue == 0.7)
    }

    @Test func smallImprovementsDoNotCount() {
        var stopping = EarlyStopping(.init(patience: 1, minimumImprovement: 0.1), metric: .loss, bestValue: 1)
        let first = stopping.note(0.95)
        #expect(!first && stopping.isExhausted)
        let second = stopping.note(0.8)
        #expect(second && !stopping.isExhausted)
    }

    @Test func thePaceFollowsTheLastSeconds() {
        var pace = Pace()
        let start = ContinuousClock.now
        #expect(pace.rowsPerSecond == nil)
        for second in 0...30 { pace.note(rows: second < 20 ? second * 100 : 2000 + (second - 20) * 1000, at: start + .seconds(second)) }
        let speed = pace.rowsPerSecond ?? 0
        #expect(speed > 900 && speed <= 1000, "\(speed)")
    }

    @Test func progressFitsTheTerminal() {
        var progress = TrainingProgress(.training)
        progress.epoch = 3
        progress.epochs = 10
        progress.step = 25
        progress.steps = 100
        progress.loss = 0.12345
        progress.rowsPerSecond = 12_345.6
        progress.secondsLeft = 3723
        #expect(progress.bar(width: 80) == "epoch 3/10 [#####-----------------] loss 0.1235  12,346 examples/s  1:02:03 left")
        for width in [60, 80, 200] { #expect(progress.bar(width: width).count <= max(width, 64)) }
        #expect(progress.line == nil)
        progress.finished = EpochRecord(
            epoch: 3, trainingLoss: 0.5, validation: ["loss": 0.25, "accuracy": 0.9], learningRate: 0.1, seconds: 1)
        #expect(progress.line == "epoch 3/10, loss 0.5, validation accuracy 0.9, validation loss 0.25, 12,346 examples/s, 1:02:03 left")
        #expect(
            TrainingProgress.clock(7) == "0:07" && TrainingProgress.clock(.nan) == "?"
                && TrainingProgress.grouped(-1_234_567) == "-1,234,567"
        )
    }
}
