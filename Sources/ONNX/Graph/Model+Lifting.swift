import Tensors

extension Model {
    /// Turns initializers into inputs, so that the caller gives their values in every run.
    package mutating func lift(_ names: [String]) {
        let lifted = Set(names)
        let inputs = graph.initializers.filter { lifted.contains($0.name) }.map { tensor in
            Value(tensor.name, .tensor(tensor.elementType, tensor.shape.dimensions.map(Dimension.fixed)))
        }
        graph.initializers.removeAll { lifted.contains($0.name) }
        let known = Set(graph.inputs.map(\.name))
        graph.inputs += inputs.filter { !known.contains($0.name) }
    }
}
