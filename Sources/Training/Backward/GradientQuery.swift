import Autodiff
import Columnar
package import Engine
package import FileSystem
import Foundation
package import ONNX
import Reasons
package import Recipes
package import Tensors
import TrainingGraph

/// Computes the gradients of a model on given data, without a step: `grad L = backward(Y, M)`.
///
/// Rows of a table are run in batches, and the result is the gradient over all of them: of the weighted mean of the loss, or the sum of the
/// vector-Jacobian products. Arrays are run unchanged, in one run.
package struct GradientQuery: Sendable {
    package enum Seed: Sendable {
        case loss(Loss, outputs: [String])
        /// The cotangents are given, one for each output that counts, by name; over a table, with rows on the first axis.
        case cotangents([(name: String, tensor: Tensor)])
    }

    package enum Data: Sendable {
        case table(LabelledData)
        /// The data is an `.npz` file of arrays named as the inputs (or an `.npy` file for the only one), with `label` and `weight` among
        /// them.
        case arrays(path: String, label: String?, weight: String?, classes: [String]?)
    }

    package var model: Model
    package var seed: Seed
    package var data: Data
    /// Tells whether the gradients of the float inputs are wanted too.
    package var withInputs: Bool
    /// The number of rows in a batch.
    package var batchSize: Int
    package var threads: Int

    package init(model: Model, seed: Seed, data: Data, withInputs: Bool = false, batchSize: Int = 256, threads: Int = 1) {
        self.model = model
        self.seed = seed
        self.data = data
        self.withInputs = withInputs
        self.batchSize = batchSize
        self.threads = threads
    }

    package struct Answer: Sendable {
        /// The gradients of the initializers in the model's order, then those of the inputs.
        package var gradients: [(name: String, tensor: Tensor)]
        /// The mean of the loss over the rows; nil without a loss.
        package var loss: Double?
        /// The number of rows; `nil` for arrays.
        package var rows: Int?
        /// The float initializers without a gradient, with the reason.
        package var untouched: [String: String]
    }

    /// - Parameter scratch: a folder to keep packed rows in; it may be removed afterwards.
    package func run(scratch: any GivenFolder, cancellation: Cancellation? = nil) throws(TrainingError) -> Answer {
        let graph: BackwardGraph
        do throws(AutodiffError) {
            graph = try BackwardGraph(model, seed, inputs: withInputs)
        } catch { throw refused(error) }
        let session: Session
        do {
            session = try Session(
                model: try graph.model.serialized(), options: SessionOptions(threads: threads, deterministic: true))
        } catch { throw .badModel(reason: "its gradient graph does not load: \(error)", remedy: "export the model another way") }
        let sums = GradientSums(graph: graph, session: session, model: model, cancellation: cancellation)
        var answer: Answer
        switch data {
        case .table(let data): answer = try overTable(data, graph, sums, scratch)
        case .arrays(let path, let label, let weight, let classes):
            let feeds = try ArrayFeeds(path: path, label: label, weight: weight, classes: classes ?? graph.classes?.map(\.text))
            try sums.add(feeds.all(model: model, graph: graph, seed: seed), rows: nil)
            answer = Answer(gradients: sums.gradients(), loss: sums.loss, rows: nil, untouched: [:])
        }
        answer.untouched = Dictionary(graph.untrained.map { ($0.name, $0.reason) }, uniquingKeysWith: { first, _ in first })
        return answer
    }

    /// Words the error for the inputs' gradients where only these cannot be built: operators between the inputs and the first parameter
    /// matter only to them.
    private func refused(_ error: AutodiffError) -> TrainingError {
        guard withInputs, (try? BackwardGraph(model, seed)) != nil else { return TrainingError(error) }
        return .badModel(
            reason: "the gradients of its inputs (--inputs) cannot be built: \(error)",
            remedy: "leave out --inputs: the gradients of its parameters can")
    }

    private func overTable(
        _ data: LabelledData, _ graph: BackwardGraph, _ sums: GradientSums, _ scratch: any GivenFolder
    ) throws(TrainingError) -> Answer {
        let modelInputs = try model.rowInputs()
        try model.check(data.inputs)
        var data = data
        if data.schema.classes == nil { data.schema.classes = graph.classes?.map(\.text) }
        var target: Target?
        if case .loss(let loss, _) = seed {
            target = try Target(graph.target, classCount: graph.scores.first?.classCount ?? data.schema.classes?.count, loss: loss)
        }
        let store = try RowStore.open(
            data, inputs: modelInputs.map(\.withOpenBatch), target: target, split: ValidationSplit(share: 0, seed: 0), folder: scratch,
            fingerprint: "", for: .gradients, check: {}, progress: { _ in })
        let rows = store.training.rowCount
        let fixed = Set(modelInputs.compactMap { $0.dimensions[0] })
        let size = fixed.first ?? batchSize
        guard fixed.isEmpty || fixed.count == 1 && rows % size == 0 else {
            throw .badModel(
                reason: "it takes batches of \(size), and \(rows) rows do not make whole ones",
                remedy: "export it with an open batch axis, or give other rows")
        }
        if case .cotangents(let given) = seed {
            for (name, tensor) in given where tensor.shape.dimensions.first != rows {
                throw .badLabels(
                    file: "cotangents", reason: "'\(name)' has the shape \(tensor.shape) for \(rows) rows",
                    remedy: "give one cotangent for each row")
            }
        }
        for start in stride(from: 0, to: rows, by: size) {
            let range = start..<min(start + size, rows)
            let batch = try store.training.batch(range)
            var feeds: [(name: String, tensor: Tensor)] = zip(modelInputs, batch.inputs).map { ($0.name, $1) }
            if let wanted = graph.target, let target = batch.target { feeds.append((wanted.name, target)) }
            if let name = graph.sampleWeight { feeds.append((name, batch.weights)) }
            if case .cotangents(let given) = seed {
                for (name, tensor) in given { if let input = graph.cotangents[name] { feeds.append((input, tensor.rows(range))) } }
            }
            try sums.add(feeds, rows: range.count)
        }
        return Answer(gradients: sums.gradients(), loss: sums.loss, rows: rows, untouched: [:])
    }
}

extension BackwardGraph {
    fileprivate init(_ model: Model, _ seed: GradientQuery.Seed, inputs: Bool = false) throws(AutodiffError) {
        switch seed {
        case .loss(let loss, let outputs): try self.init(model, loss: loss, outputs: outputs, inputs: inputs)
        case .cotangents(let given): try self.init(model, cotangentsOf: given.map(\.name), inputs: inputs)
        }
    }
}

extension Tensor {
    /// Returns some steps of the first axis, copied.
    fileprivate func rows(_ range: Range<Int>) -> Tensor {
        let shape = Shape([range.count] + self.shape.dimensions.dropFirst())
        let size = bytes.count / max(self.shape.dimensions.first ?? 1, 1)
        let part = UnsafeRawBufferPointer(rebasing: bytes[range.lowerBound * size..<range.upperBound * size])
        return withExtendedLifetime(self) { Tensor(elementType: elementType, shape: shape, bytes: part)! }
    }
}
