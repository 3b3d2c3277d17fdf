import Columnar
package import Engine
import Foundation
import Machine
import Reasons
import Recipes
import Tensors

/// Measures the metric of one way of executing a model on the labelled rows by which all of them are judged.
package struct Judge {
    /// What was found: the value, and the rows on which it was measured.
    package typealias Finding = (value: Double, rows: Int)

    private let judged: JudgedRows
    private let session: Session
    private let comparing: Session

    /// The number of rows in a run, where the model does not fix it.
    private static let batchRows = 32

    /// - Parameter session: the model, in the way of executing it that is judged.
    package init(_ judged: JudgedRows, _ session: Session) throws(TrainingError) {
        self.judged = judged
        self.session = session
        do throws(EngineError) {
            comparing = try Session(model: judged.form.graph, options: SessionOptions(threads: 1, deterministic: true))
        } catch {
            throw .badModel(
                reason: "the graph that compares its outputs with labels does not load: \(error)", remedy: "choose another metric")
        }
    }

    /// Measures the metric.
    /// - Parameters:
    ///   - most: the number of rows on which it is measured; nil for all.
    ///   - seconds: the seconds after which no more rows are taken, once there are as many as the gate needs; nil for as long as it takes.
    ///   - check: throws where the attempt is cancelled.
    /// - Throws: `tooFewRows` where the rows say nothing about the metric.
    package func measure(
        rows most: Int?, within seconds: Double?, cancellation: Cancellation?, check: () throws(TrainingError) -> Void
    ) throws(TrainingError) -> Finding {
        let start = ContinuousClock.now
        let form = judged.form
        // Labels of one class show themselves in what a metric of classes counts.
        let metrics = form.prediction.metrics.contains(.accuracy) ? [form.metric, .accuracy] : [form.metric]
        var accumulator = MetricsAccumulator(metrics, of: form.prediction)
        // The first rows of any number are spread over all files, which may be sorted.
        let order = RowPermutation(count: judged.count, seed: 0, epoch: 0)
        let wanted = min(most ?? judged.count, judged.count)
        let fixed = session.inputs.lazy.compactMap { $0.dimensions?.first?.value }.first
        let size = fixed ?? Self.batchRows
        var done = 0
        while done < wanted {
            try check()
            if let seconds, done >= form.rowsAtLeast, ContinuousClock.now - start > .seconds(seconds) { break }
            let counting = min(size, wanted - done)
            let total = fixed ?? counting
            var batch = try judged.rows.batch((0..<total).map { order[(done + $0) % judged.count] })
            batch.count(only: counting)
            try add(batch, to: &accumulator, cancellation)
            done += counting
        }
        let labels = "the \(done) labelled rows that judge"
        if let reason = accumulator.isOfOneClass ? "their labels are all of one class" : accumulator.undefined(form.metric) {
            throw .tooFewRows(reason: "\(labels) say too little: \(reason)", remedy: "bring labelled rows of more kinds")
        }
        let value = accumulator.value(form.metric)
        guard value.isFinite else {
            throw .tooFewRows(
                reason: "\(form.metric.rawValue) is no number on \(labels)", remedy: "look at the weights of the rows and at the outputs")
        }
        return (value, done)
    }

    private func add(_ batch: RowBatch, to accumulator: inout MetricsAccumulator, _ cancellation: Cancellation?) throws(TrainingError) {
        let form = judged.form
        let taken = Set(session.inputs.map(\.name))
        let inputs = zip(judged.layout.inputs, batch.inputs).map { (name: $0.name, value: EngineValue.tensor($1)) }
            .filter { taken.contains($0.name) }
        do throws(EngineError) {
            let answers = try session.run(inputs, outputs: form.outputs, cancellation: cancellation)
            var feeds: [(name: String, value: EngineValue)] = []
            var scores: Tensor?
            for (index, answer) in answers.enumerated() {
                guard let tensor = numbers(answer, as: ElementType(rawValue: form.types[index])) else {
                    throw .engine("output '\(form.outputs[index])' is no tensor of numbers")
                }
                feeds.append((form.outputs[index], .tensor(tensor)))
                if form.outputs[index] == form.scores { scores = tensor }
            }
            guard let labels = batch.target else { return }
            feeds.append((form.target, .tensor(labels)))
            if let name = form.sampleWeight { feeds.append((name, .tensor(batch.weights))) }
            let known = Set(comparing.inputs.map(\.name))
            let sliced = comparing.outputs.map(\.name).filter { $0 == form.scores }
            let found = try comparing.run(
                feeds.filter { known.contains($0.name) }, outputs: [form.loss, form.lossWeight] + sliced, cancellation: cancellation
            ).compactMap(\.tensor)
            accumulator.add(loss: found[0].number(0), weight: found[1].number(0))
            if let scores = found.count > 2 ? found[2] : scores {
                accumulator.add(answers: scores, labels: labels, weights: batch.weights.floats)
            }
        } catch .cancelled { throw .cancelled } catch {
            throw .badModel(reason: "it does not run on the labelled rows: \(error)", remedy: "look at the rows")
        }
    }

    /// Returns the numbers of an output in the type that the graph takes; of a classifier's map, in the order of the model's classes.
    private func numbers(_ value: EngineValue, as type: ElementType?) -> Tensor? {
        guard let type, let given = value.tensor ?? ordered(value) else { return nil }
        if given.elementType == type { return given }
        return type == .float64 ? Tensor(type, given.shape, given.floats.map(Double.init)) : Tensor(type, given.shape, given.floats)
    }

    private func ordered(_ value: EngineValue) -> Tensor? {
        guard let columns = MapColumns(value), let classes = judged.form.classes else { return MapColumns(value)?.values }
        let keys = columns.keys.strings ?? columns.keys.values(as: Int64.self)?.map { "\($0)" } ?? []
        let places = classes.compactMap { keys.firstIndex(of: $0) }
        guard places.count == keys.count else { return nil }
        let numbers = columns.values.floats
        let rows = columns.values.shape.dimensions[0]
        return Tensor(
            .float32, [rows, keys.count], (0..<rows).flatMap { row in places.map { numbers[row * keys.count + $0] } })
    }
}
