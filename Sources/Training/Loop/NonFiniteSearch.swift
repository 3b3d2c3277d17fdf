import Engine
import ONNX
import Tensors
import TrainingGraph

/// Finds the layer that was the first to give a value that is not finite, by running the batch once more with every value of the graph
/// exposed.
struct NonFiniteSearch {
    private let graph: StepGraph
    private let threads: Int

    init(_ graph: StepGraph, threads: Int) {
        self.graph = graph
        self.threads = threads
    }

    /// - Parameters:
    ///   - feeds: the inputs of the evaluation graph.
    ///   - parameters: the trained parameters among them.
    /// - Returns: the parameter or node, as a message names it; `nil` where all values are finite in inference.
    func firstNonFinite(_ feeds: [(name: String, tensor: Tensor)], parameters: CheckpointStore.NamedTensors) -> String? {
        if let name = parameters.first(where: { !$0.tensor.isFinite })?.name { return "parameter \(name)" }
        var model = graph.evaluation
        let known = (try? model.inferTypes())?.types ?? [:]
        let nodes = model.graph.nodes
        let values = nodes.flatMap(\.outputs).filter { name in
            guard !name.isEmpty else { return false }
            // A value that is known to be no float cannot be the cause.
            return known[name]?.elementType?.isFloatingPoint ?? true
        }
        let given = Set(model.graph.outputs.map(\.name))
        model.graph.outputs += values.filter { !given.contains($0) }.map { Value($0, nil) }
        guard let bytes = try? model.serialized(),
            let session = try? Session(model: bytes, options: SessionOptions(threads: threads, optimization: .none, deterministic: true))
        else { return nil }
        let inputs = Set(session.inputs.map(\.name))
        let fed = feeds.filter { inputs.contains($0.name) }.map { (name: $0.name, value: EngineValue.tensor($0.tensor)) }
        guard let results = try? session.run(fed, outputs: values) else { return nil }
        let broken = Set(zip(values, results).filter { !($1.tensor?.isFinite ?? true) }.map(\.0))
        guard let node = nodes.first(where: { $0.outputs.contains(where: broken.contains) }) else { return nil }
        return node.place
    }
}

extension Tensor {
    /// Tells whether no element is infinite or NaN; true for types that are not floating point.
    var isFinite: Bool {
        switch elementType {
        case .float32:
            bytes.withMemoryRebound(to: Float.self) { values in
                var isFinite = true
                for value in values { isFinite = isFinite && value.isFinite }
                return isFinite
            }
        case .float64, .float16, .bfloat16: (0..<elementCount).allSatisfy { number($0).isFinite }
        default: true
        }
    }
}
