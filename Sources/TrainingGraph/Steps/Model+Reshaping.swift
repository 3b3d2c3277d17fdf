import Autodiff
import ONNX
import Passes
import Tensors

/// What turns a model into the graphs of its training.
extension Model {
    /// In training form, its errors in our words.
    func inTrainingForm() throws(AutodiffError) -> Model {
        do { return try TrainingForm.of(self) } catch { throw .invalid(place: error.place, reason: "\(error)") }
    }

    /// Gives the graph new outputs and drops every node that they do not need.
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

    /// What external data is left is read in: the engine gets these graphs as bytes.
    func withoutExternalData() throws(AutodiffError) -> Model {
        do { return try embeddingExternalData() } catch { throw .invalid(place: "the model", reason: "\(error)") }
    }

    /// The elements of a parameter or another initializer, wherever they lie.
    func initialValue(_ name: String) throws(AutodiffError) -> Tensor {
        do throws(ONNXError) {
            if let stored = graph.initializer(name) {
                return try stored.tensor(externalData: stored.isExternal ? try externalData() : nil)
            }
            if let home = ParameterHomes(self)[name] { return try ParameterHomes.value(at: home, in: self) }
        } catch { throw .invalid(place: "initializer '\(name)'", reason: "\(error)") }
        throw .unknownValue(name)
    }

    /// Puts values where the model, as it came, stores these parameters.
    mutating func write(_ values: [String: Tensor]) throws(AutodiffError) {
        do throws(PassError) {
            try ParameterHomes.write(values, into: &self)
        } catch {
            throw .invalid(place: error.place, reason: error.reason)
        }
    }
}
