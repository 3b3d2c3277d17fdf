import Autodiff
import ONNX
import Passes
import Tensors

/// Changes a model on its way to a training graph.
extension Model {
    /// Returns the model in training form.
    func inTrainingForm() throws(AutodiffError) -> Model {
        do { return try TrainingForm.of(self) } catch { throw .invalid(place: error.place, reason: "\(error)") }
    }

    /// Gives the graph new outputs, and removes every node that they do not need.
    mutating func keepOnly(outputs: [Value]) {
        var needed = Set(outputs.map(\.name))
        var kept: [Node] = []
        for node in graph.nodes.reversed() where node.outputs.contains(where: needed.contains) {
            needed.formUnion(node.inputs)
            for subgraph in node.subgraphs { needed.formUnion(subgraph.outerNames) }
            kept.append(node)
        }
        graph.nodes = kept.reversed()
        graph.outputs = outputs
        graph.initializers.removeAll { !needed.contains($0.name) }
        graph.sparseInitializers.removeAll { !needed.contains($0.name) }
        let made = Set(graph.nodes.flatMap(\.outputs))
        graph.values.removeAll { !made.contains($0.name) }
    }

    /// Returns the model with its external data read in, since the engine gets these graphs as bytes.
    func withoutExternalData() throws(AutodiffError) -> Model {
        do { return try embeddingExternalData() } catch { throw .invalid(place: "the model", reason: "\(error)") }
    }

    /// Returns the value of a parameter or of another initializer. The model may store it in any of its graphs.
    func initialValue(_ name: String) throws(AutodiffError) -> Tensor {
        do throws(ONNXError) {
            if let stored = graph.initializer(name) {
                return try stored.tensor(externalData: stored.isExternal ? try externalData() : nil)
            }
            if let home = ParameterHomes(self)[name] { return try ParameterHomes.value(at: home, in: self) }
        } catch { throw .invalid(place: "initializer '\(name)'", reason: "\(error)") }
        throw .unknownValue(name)
    }

    /// Puts values into the places where the model stores these parameters.
    mutating func write(_ values: [String: Tensor]) throws(AutodiffError) {
        do throws(PassError) {
            try ParameterHomes.write(values, into: &self)
        } catch {
            throw .invalid(place: error.place, reason: error.reason)
        }
    }
}
