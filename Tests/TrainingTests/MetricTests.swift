import Foundation
import Recipes
import Tensors
import Testing

@testable import Training

/// Against scikit-learn, by `make-fixtures.py`.
@Suite struct MetricTests {
    struct Case: Codable, CustomStringConvertible, Sendable {
        let name: String
        let kind: String
        let shape: [Int]
        let answers: [Double]
        let labels: [Double]
        let weights: [Double]
        let expected: [String: Double]
        var description: String { name }

        var prediction: Prediction {
            switch kind {
            case "classes logits": .classes(count: shape[1], axis: 1, .logits)
            case "classes probabilities": .classes(count: shape[1], axis: 1, .probabilities)
            case "yesOrNo logits": .yesOrNo(.logits)
            case "yesOrNo probabilities": .yesOrNo(.probabilities)
            default: .values(isLogarithm: false)
            }
        }

        /// Rows `range` as the loop gives them.
        func batch(_ range: Range<Int>) -> (answers: Tensor, labels: Tensor, weights: [Float]) {
            let width = answers.count / shape[0], labelWidth = labels.count / shape[0]
            let scores = answers[range.lowerBound * width..<range.upperBound * width].map(Float.init)
            let given = labels[range.lowerBound * labelWidth..<range.upperBound * labelWidth]
            let isIndex = kind.hasPrefix("classes")
            return (
                Tensor(.float32, Shape([range.count] + shape.dropFirst()), scores),
                isIndex
                    ? Tensor(.int64, [range.count], given.map { Int64($0) })
                    : Tensor(.float32, Shape([range.count] + shape.dropFirst()), given.map(Float.init)),
                weights[range].map(Float.init)
            )
        }
    }

    static let cases: [Case] = {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures/metrics.json")
        return try! JSONDecoder().decode([Case].self, from: Data(contentsOf: path))
    }()

    @Test(arguments: cases, [1, 7, 1000])
    func agreesWithScikitLearnInBatchesOfAnySize(_ example: Case, batchSize: Int) throws {
        let metrics = try example.expected.keys.sorted().map { try #require(Metric(rawValue: $0)) }
        var accumulator = MetricsAccumulator(metrics, of: example.prediction)
        let rows = example.shape[0]
        for start in stride(from: 0, to: rows, by: batchSize) {
            let batch = example.batch(start..<min(start + batchSize, rows))
            accumulator.add(answers: batch.answers, labels: batch.labels, weights: batch.weights)
        }
        for metric in metrics {
            let expected = try #require(example.expected[metric.rawValue])
            #expect(abs(accumulator.value(metric) - expected) < 2e-6, "\(metric): \(accumulator.value(metric)), scikit-learn \(expected)")
            #expect(accumulator.undefined(metric) == nil)
        }
    }

    @Test func theLossIsAWeightedMeanOfBatches() {
        var accumulator = MetricsAccumulator([.loss], of: .values(isLogarithm: false))
        accumulator.add(loss: 1, weight: 3)
        accumulator.add(loss: 5, weight: 1)
        accumulator.add(loss: .nan, weight: 0)
        #expect(accumulator.value(.loss) == 2)
    }

    @Test func oneClassOnlyIsSaid() {
        var accumulator = MetricsAccumulator([.auc, .f1, .accuracy], of: .classes(count: 3, axis: 1, .logits))
        accumulator.add(
            answers: Tensor(.float32, [2, 3], [Float](repeating: 0, count: 6)), labels: Tensor(.int64, [2], [Int64(1), 1]), weights: [1, 1])
        #expect(accumulator.undefined(.auc)?.contains("one class") == true)
        #expect(accumulator.undefined(.f1)?.contains("one class") == true)
        #expect(accumulator.undefined(.accuracy) == nil)
        var constant = MetricsAccumulator([.r2], of: .values(isLogarithm: false))
        constant.add(
            answers: Tensor(.float32, [2, 1], [Float(1), 2]), labels: Tensor(.float32, [2, 1], [Float(3), 3]), weights: [1, 1])
        #expect(constant.undefined(.r2)?.contains("variance") == true)
    }

    /// Classes along an inner axis: the same numbers as with the axis last.
    @Test func theClassAxisMayBeAnywhere() {
        // [N = 2, C = 2, positions = 3] and the same as [6, 2].
        let values: [Float] = [1, 2, 3, 3, 2, 1, 0, 5, 0, 1, 1, 1]
        let labels: [Int64] = [1, 0, 0, 1, 0, 0]
        var inner = MetricsAccumulator([.accuracy, .logLoss], of: .classes(count: 2, axis: 1, .logits))
        inner.add(answers: Tensor(.float32, [2, 2, 3], values), labels: Tensor(.int64, [2, 3], labels), weights: [1, 1])
        var flat: [Float] = []
        for row in 0..<2 { for position in 0..<3 { for index in 0..<2 { flat.append(values[row * 6 + index * 3 + position]) } } }
        var last = MetricsAccumulator([.accuracy, .logLoss], of: .classes(count: 2, axis: 1, .logits))
        last.add(answers: Tensor(.float32, [6, 2], flat), labels: Tensor(.int64, [6], labels), weights: [1, 1, 1, 1, 1, 1])
        #expect(inner.value(.accuracy) == last.value(.accuracy))
        #expect(abs(inner.value(.logLoss) - last.value(.logLoss)) < 1e-12)
        #expect(last.value(.accuracy) == 5.0 / 6)
    }

    @Test func logarithmsAreRaised() {
        var accumulator = MetricsAccumulator([.mae], of: .values(isLogarithm: true))
        accumulator.add(
            answers: Tensor(.float64, [2], [0.0, 1.0]), labels: Tensor(.float64, [2], [1.5, 2.718281828459045]), weights: [1, 1])
        #expect(abs(accumulator.value(.mae) - 0.25) < 1e-6)
    }

    @Test func manyScoresAreKeptInBoundedMemoryWithLittleError() {
        var exact = RankSketch(capacity: 1 << 20)
        var bounded = RankSketch(capacity: 512)
        var state: UInt64 = 1
        for _ in 0..<20_000 {
            state = mixed(state &+ 0x9E37_79B9_7F4A_7C15)
            let score = Float(state >> 40) / Float(1 << 24)
            let isPositive = Float(mixed(state) >> 40) / Float(1 << 24) < score
            exact.add(score, isPositive: isPositive, weight: 1)
            bounded.add(score, isPositive: isPositive, weight: 1)
        }
        #expect(abs(exact.area! - bounded.area!) < 1e-3)
        // Of a uniform score that is its own probability the area is 5/6.
        #expect(abs(exact.area! - 5.0 / 6) < 0.01)
    }

    @Test(arguments: Metric.allCases)
    func aGateKnowsWhichWayIsWorse(_ metric: Metric) {
        let better = metric.isBetterWhenGreater ? 1.0 : -1.0
        #expect(!metric.passes(0.5, against: 0.5, dropAtMost: 0))
        #expect(metric.passes(0.5, against: 0.5, dropAtMost: 0.01))
        #expect(metric.passes(0.5 + 0.1 * better, against: 0.5, dropAtMost: 0))
        #expect(!metric.passes(0.5 - 0.1 * better, against: 0.5, dropAtMost: 0.05))
        #expect(metric.passes(0.5 - 0.1 * better, against: 0.5, dropAtMost: 0.15))
        #expect(!metric.passes(.nan, against: 0.5, dropAtMost: 10))
        #expect(metric.passes(0.5, against: .nan, dropAtMost: 0))
    }
}
