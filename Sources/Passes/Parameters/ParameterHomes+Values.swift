package import ONNX
package import Tensors

extension ParameterHomes {
    /// Returns the parameter in the type that the model stores and in the shape of the training form.
    package static func value(at home: ParameterHome, in model: Model) throws(ONNXError) -> Tensor {
        let stored = try stored(at: home, in: model)
        let directory = stored.isExternal ? try model.externalData() : nil
        let tensor = try stored.tensor(externalData: directory)
        return tensor.reshaped(to: home.shape) ?? tensor
    }

    /// Returns the tensor at a place, without reading its elements; a number or a list of numbers is returned as a tensor.
    static func stored(at home: ParameterHome, in model: Model) throws(ONNXError) -> StoredTensor {
        let missing = ONNXError.invalid(place: "'\(home.name)'", reason: "it is not where the model had it")
        var graph = model.graph
        for step in home.path {
            guard graph.nodes.indices.contains(step.node), let inner = graph.nodes[step.node].attribute(step.attribute)?.graphs.first
            else { throw missing }
            graph = inner
        }
        switch home.storage {
        case .initializer(let position):
            guard graph.initializers.indices.contains(position) else { throw missing }
            return graph.initializers[position]
        case .attribute(let node, let name):
            guard graph.nodes.indices.contains(node), let value = graph.nodes[node][attribute: name] else { throw missing }
            switch value {
            case .tensor(let tensor): return tensor
            case .float(let number): return StoredTensor("", .float32, home.shape, [number])
            case .floats(let numbers): return StoredTensor("", .float32, [numbers.count], numbers)
            default: throw missing
            }
        }
    }

    /// Puts values into the places of `model` that have these names and changes nothing else: the values are rounded to the stored type and
    /// keep the stored form (a tensor, a number, a list of numbers).
    /// - Throws: where a name belongs to no parameter or a value does not fit its place.
    package static func write(_ values: [String: Tensor], into model: inout Model) throws(PassError) {
        var left = values
        for home in ParameterHomes(model).homes {
            guard let tensor = left.removeValue(forKey: home.name) else { continue }
            guard tensor.shape == home.shape else {
                throw Self.error(home.name, "it has the shape \(home.shape), its new value \(tensor.shape)")
            }
            try model.graph.edit(home.path[...]) { (graph) throws(PassError) in try put(tensor, at: home, in: &graph) }
        }
        if let name = left.keys.min() { throw Self.error(name, "the model has no parameter of this name") }
    }

    private static func put(_ tensor: Tensor, at home: ParameterHome, in graph: inout Graph) throws(PassError) {
        let narrow = tensor.narrowed(to: home.elementType)
        switch home.storage {
        case .initializer(let position): graph.initializers[position].replace(with: narrow)
        case .attribute(let node, let name):
            switch graph.nodes[node][attribute: name] {
            case .tensor(var stored)?:
                stored.replace(with: narrow.reshaped(to: stored.shape) ?? narrow)
                graph.nodes[node][attribute: name] = .tensor(stored)
            case .float?:
                guard let number = narrow.floats?.first else { throw error(home.name, "its new value is \(narrow.elementType.name)") }
                graph.nodes[node][attribute: name] = .float(number)
            case .floats?:
                guard let numbers = narrow.floats else { throw error(home.name, "its new value is \(narrow.elementType.name)") }
                graph.nodes[node][attribute: name] = .floats(numbers)
            default: throw error(home.name, "it is not where the model had it")
            }
        }
    }

    private static func error(_ name: String, _ reason: String) -> PassError {
        PassError(pass: "write_parameters", place: "'\(name)'", reason: reason, remedy: "use values that were trained from this model")
    }
}

extension Tensor {
    fileprivate var floats: [Float]? { values(as: Float.self) }
}

extension Graph {
    /// Changes the graph at the end of `path` in place.
    fileprivate mutating func edit<Failure: Error>(
        _ path: ArraySlice<ParameterHome.Step>, _ body: (inout Graph) throws(Failure) -> Void
    ) throws(Failure) {
        guard let step = path.first else { return try body(&self) }
        guard let position = nodes[step.node].attributes.firstIndex(where: { $0.name == step.attribute }),
            case .graph(var inner) = nodes[step.node].attributes[position].value
        else { return }
        // Nothing else holds the subgraph while it is changed, so that it is not copied.
        nodes[step.node].attributes[position].value = .ints([])
        defer { nodes[step.node].attributes[position].value = .graph(inner) }
        try inner.edit(path.dropFirst(), body)
    }
}
