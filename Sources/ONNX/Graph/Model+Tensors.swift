import ONNXProto

extension Model {
    /// Calls `body` with every tensor that the model stores anywhere, and its place: initializers, attributes, sparse parts, subgraphs,
    /// functions, training graphs.
    package func forEachTensor<Failure: Error>(
        _ body: (_ place: String, StoredTensor) throws(Failure) -> Void
    ) throws(Failure) {
        try graph.forEachTensor(body)
        for function in functions {
            for attribute in function.defaultedAttributes { try attribute.forEachTensor("function \(function.name)", body) }
            for node in function.nodes { for attribute in node.attributes { try attribute.forEachTensor(node.place, body) } }
        }
        for training in trainingInfo {
            try training.initialization?.forEachTensor(body)
            try training.algorithm?.forEachTensor(body)
        }
    }

    /// The weights files that the model names, each once, in order of first use. They are not checked: see `safetyCheck`.
    package var externalDataLocations: [String] {
        var seen: Set<String> = []
        var locations: [String] = []
        forEachTensor { _, tensor in
            if tensor.isExternal, let location = tensor.externalLocation, seen.insert(location).inserted { locations.append(location) }
        }
        return locations
    }

    package var hasExternalData: Bool {
        var found = false
        forEachTensor { _, tensor in found = found || tensor.isExternal }
        return found
    }

    /// Returns the directory to read external data from; nil where the model was read from bytes alone.
    package func externalData() throws(ONNXError) -> ExternalDataDirectory? {
        if let openedExternalData { return openedExternalData }
        if let directory { return try ExternalDataDirectory(directory) }
        return nil
    }

    /// Rewrites every initializer of the graph and its subgraphs, and every tensor in an attribute.
    package mutating func mapTensors(
        _ transform: (inout StoredTensor, _ isInitializer: Bool) throws(ONNXError) -> Void
    ) throws(ONNXError) {
        try graph.mapTensors(transform)
        for position in functions.indices {
            for node in functions[position].nodes.indices {
                try functions[position].nodes[node].mapTensors(transform)
            }
        }
        for position in trainingInfo.indices {
            try trainingInfo[position].initialization?.mapTensors(transform)
            try trainingInfo[position].algorithm?.mapTensors(transform)
        }
    }

    /// The number of bytes above which external data should stay in a file of its own and not be held in memory.
    package static let largestEmbedded = 256 << 20

    /// Returns the model with all external data read into it, or unchanged where they are more than `limit` bytes; throws where reading is
    /// unsafe, or the data are missing or do not fit.
    package func embeddingExternalData(atMost limit: Int = .max) throws(ONNXError) -> Model {
        var external = 0, found = false
        forEachTensor { _, tensor in
            guard tensor.isExternal else { return }
            found = true
            external = external.addingReportingOverflow(tensor.byteCount ?? 0).partialValue
        }
        guard found, external <= limit else { return self }
        let directory = try externalData()
        var model = self
        try model.mapTensors { (tensor, _) throws(ONNXError) in
            if tensor.isExternal { tensor.replace(with: try tensor.tensor(externalData: directory)) }
        }
        return model
    }
}

extension Graph {
    package func forEachTensor<Failure: Error>(
        _ body: (_ place: String, StoredTensor) throws(Failure) -> Void
    ) throws(Failure) {
        for initializer in initializers { try body("initializer '\(initializer.name)'", initializer) }
        for sparse in sparseInitializers {
            try body("sparse initializer '\(sparse.name)'", sparse.values)
            try body("indices of sparse initializer '\(sparse.name)'", sparse.indices)
        }
        for node in nodes where !node.attributes.isEmpty {
            for attribute in node.attributes { try attribute.forEachTensor(node.place, body) }
        }
    }

    mutating func mapTensors(
        _ transform: (inout StoredTensor, _ isInitializer: Bool) throws(ONNXError) -> Void
    ) throws(ONNXError) {
        for position in initializers.indices { try transform(&initializers[position], true) }
        for position in sparseInitializers.indices { try sparseInitializers[position].mapTensors(transform) }
        for position in nodes.indices { try nodes[position].mapTensors(transform) }
    }
}

extension SparseTensor {
    mutating func mapTensors(
        _ transform: (inout StoredTensor, _ isInitializer: Bool) throws(ONNXError) -> Void
    ) throws(ONNXError) {
        guard values.isExternal || indices.isExternal else { return }
        var values = self.values
        var indices = self.indices
        try transform(&values, false)
        try transform(&indices, false)
        proto.values = values.proto
        proto.indices = indices.proto
    }
}

extension Node {
    mutating func mapTensors(
        _ transform: (inout StoredTensor, _ isInitializer: Bool) throws(ONNXError) -> Void
    ) throws(ONNXError) {
        for position in attributes.indices {
            switch attributes[position].value {
            case .tensor(var tensor):
                try transform(&tensor, false)
                attributes[position].value = .tensor(tensor)
            case .tensors(var tensors):
                for position in tensors.indices { try transform(&tensors[position], false) }
                attributes[position].value = .tensors(tensors)
            case .sparseTensor(var sparse):
                try sparse.mapTensors(transform)
                attributes[position].value = .sparseTensor(sparse)
            case .graph(var graph):
                try graph.mapTensors(transform)
                attributes[position].value = .graph(graph)
            case .graphs(var graphs):
                for position in graphs.indices { try graphs[position].mapTensors(transform) }
                attributes[position].value = .graphs(graphs)
            default: break
            }
        }
    }
}

extension Attribute {
    func forEachTensor<Failure: Error>(
        _ place: String, _ body: (_ place: String, StoredTensor) throws(Failure) -> Void
    ) throws(Failure) {
        let place = "attribute '\(name)' of \(place)"
        switch value {
        case .tensor(let tensor): try body(place, tensor)
        case .tensors(let tensors): for tensor in tensors { try body(place, tensor) }
        case .sparseTensor(let sparse):
            try body(place, sparse.values)
            try body("indices in \(place)", sparse.indices)
        case .sparseTensors(let sparses):
            for sparse in sparses {
                try body(place, sparse.values)
                try body("indices in \(place)", sparse.indices)
            }
        case .graph(let graph): try graph.forEachTensor(body)
        case .graphs(let graphs): for graph in graphs { try graph.forEachTensor(body) }
        default: break
        }
    }
}
