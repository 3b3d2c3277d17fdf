import Engine
import Foundation
import ONNX
import Passes
import Reasons
import Tensors
import TrainingGraph

/// Sums gradients over batches, in double precision. Over a loss each batch counts with its weight, so that the sum is the gradient of the
/// mean over all rows.
final class GradientSums {
    private let graph: BackwardGraph
    private let session: Session
    private let cancellation: Cancellation?
    /// The names of the parameters, in the model's order, and of the inputs.
    private let parameters: [String]
    private let inputs: [String]

    private var sums: [[Double]] = []
    private var shapes: [(type: ElementType, shape: Shape)] = []
    /// The rows of all batches, one batch after the other, and the weight of each batch: for the gradients of inputs.
    private var parts: [[(tensor: Tensor, weight: Double)]]
    private var lossSum = 0.0
    private var weight = 0.0

    init(graph: BackwardGraph, session: Session, model: Model, cancellation: Cancellation?) {
        self.graph = graph
        self.session = session
        self.cancellation = cancellation
        let given = model.graph.requiredInputs.map(\.name)
        inputs = given.filter { graph.gradients[$0] != nil }
        let order = ParameterHomes(model).homes.map(\.name)
        parameters = order.filter { graph.gradients[$0] != nil && !given.contains($0) }
        parts = inputs.map { _ in [] }
    }

    /// - Parameter rows: the number of rows; `nil` where the feeds are no rows.
    func add(_ feeds: [(name: String, tensor: Tensor)], rows: Int?) throws(TrainingError) {
        let known = Set(session.inputs.map(\.name))
        let heads = [graph.loss, graph.lossWeight].compactMap(\.self)
        let wanted = heads + (parameters + inputs).compactMap { graph.gradients[$0] }
        let results: [Tensor]
        do throws(EngineError) {
            let given = feeds.filter { known.contains($0.name) }.map { (name: $0.name, value: EngineValue.tensor($0.tensor)) }
            results = try session.run(given, outputs: wanted, cancellation: cancellation).compactMap(\.tensor)
        } catch .cancelled { throw .cancelled } catch {
            throw .badModel(reason: "its gradient failed: \(error)", remedy: "look at the shapes of what it is given")
        }
        guard results.count == wanted.count else {
            throw .badModel(reason: "one of its gradients is no tensor", remedy: "export the model without sequences and optional values")
        }
        var factor = 1.0
        if heads.count == 2 {
            let loss = results[0].number(0)
            factor = results[1].number(0)
            guard loss.isFinite else {
                throw .badModel(reason: "the loss is \(loss)", remedy: "look at the model's weights and at the scale of what it is given")
            }
            lossSum += loss * factor
            weight += factor
        }
        let gradients = results.dropFirst(heads.count)
        if sums.isEmpty {
            shapes = gradients.prefix(parameters.count).map { ($0.elementType, $0.shape) }
            sums = shapes.map { Array(repeating: 0, count: $0.shape.elementCount ?? 0) }
        }
        for (index, tensor) in gradients.prefix(parameters.count).enumerated() {
            for element in 0..<tensor.elementCount { sums[index][element] += factor * tensor.number(element) }
        }
        for (index, tensor) in gradients.dropFirst(parameters.count).enumerated() { parts[index].append((tensor, factor)) }
    }

    var loss: Double? { graph.loss == nil ? nil : weight > 0 ? lossSum / weight : 0 }

    func gradients() -> [(name: String, tensor: Tensor)] {
        let divisor = graph.loss == nil ? 1 : max(weight, .leastNormalMagnitude)
        var named: [(name: String, tensor: Tensor)] = []
        for (index, name) in parameters.enumerated() {
            named.append((name, Tensor(numbers: sums[index].map { $0 / divisor }, shapes[index].type, shapes[index].shape)))
        }
        for (index, name) in inputs.enumerated() {
            guard let first = parts[index].first?.tensor else { continue }
            // Cotangents are summed over the rows; in a mean, each row has its batch's share.
            let values = parts[index].flatMap { part in
                (0..<part.tensor.elementCount).map { part.tensor.number($0) * (graph.loss == nil ? 1 : part.weight / divisor) }
            }
            let rows = parts[index].reduce(0) { $0 + ($1.tensor.shape.dimensions.first ?? 0) }
            let shape = first.shape.rank == 0 ? first.shape : Shape([rows] + first.shape.dimensions.dropFirst())
            named.append((name, Tensor(numbers: values, first.elementType, shape)))
        }
        return named
    }
}

extension Tensor {
    /// Makes a tensor of numbers, in float64 or rounded to float32.
    init(numbers: [Double], _ type: ElementType, _ shape: Shape) {
        self = type == .float64 ? Tensor(.float64, shape, numbers) : Tensor(.float32, shape, numbers.map { Float($0) })
    }
}
