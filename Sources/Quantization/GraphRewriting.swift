import ONNX
import Tensors

/// Holds a graph while it is rewritten: the new nodes in order, the new initializers, and what is known of the old ones.
package struct GraphRewriting {
    /// The nodes of the graph as it was, in order.
    let source: [Node]
    let operatorSet: Int64
    let exclude: Set<String>
    private var model: Model
    private let store: any WeightStore
    private let externalData: ExternalDataDirectory?
    /// The initializers and the constants of Constant nodes that no caller can override.
    private let constants: [String: StoredTensor]
    private(set) var index: GraphIndex
    private(set) var outputs: Set<String>
    private(set) var report = QuantizationReport()
    private var nodes: [Node] = []

    init(_ model: Model, store: any WeightStore, exclude: Set<String>) throws(QuantizationError) {
        self.model = model
        self.store = store
        self.exclude = exclude
        source = model.graph.nodes
        operatorSet = model.operatorSetVersion() ?? 0
        index = model.graph.index
        outputs = Set(model.graph.outputs.map(\.name))
        externalData = try QuantizationError.wrapping { () throws(ONNXError) in model.hasExternalData ? try model.externalData() : nil }
        let overridable = Set(model.graph.inputs.map(\.name))
        var constants: [String: StoredTensor] = [:]
        for tensor in model.graph.initializers where !overridable.contains(tensor.name) { constants[tensor.name] = tensor }
        for node in source where node.qualifiedType == "Constant" && node.outputs.count == 1 {
            if let tensor = node.constantTensor { constants[node.outputs[0]] = tensor }
        }
        self.constants = constants
        let labels = Set(source.map(\.label))
        if let unknown = exclude.sorted().first(where: { !labels.contains($0) }) { throw .unknownNode(unknown) }
    }

    func constant(_ name: String) -> StoredTensor? { constants[name] }

    /// The initializers that are constants, in the order of the graph.
    var initializers: [StoredTensor] { model.graph.initializers.filter { constants[$0.name] != nil } }

    /// Reads a constant, from external data too.
    func tensor(_ stored: StoredTensor) throws(QuantizationError) -> Tensor {
        try QuantizationError.wrapping { () throws(ONNXError) in try stored.tensor(externalData: externalData) }
    }

    /// Appends a node with one output and returns the output's name, `output` or a new one that begins with `stem`.
    mutating func add(
        _ operatorType: String, _ inputs: [String], _ attributes: [Attribute] = [], stem: String = "", output: String? = nil,
        name: String? = nil
    ) -> String {
        let made = output ?? index.freshName(stem)
        append(Node(operatorType, inputs, [made], name: name, attributes))
        return made
    }

    mutating func append(_ node: Node) { nodes.append(node) }

    mutating func fresh(_ stem: String) -> String { index.freshName(stem) }

    /// Adds a small initializer and returns its name.
    mutating func constant(_ tensor: Tensor, stem: String) -> String {
        let name = index.freshName(stem)
        model.graph.initializers.append(StoredTensor(name, tensor))
        return name
    }

    mutating func floats(_ numbers: [Float], _ shape: Shape? = nil, stem: String) throws(QuantizationError) -> String {
        let shape = shape ?? [numbers.count]
        return try weight(.float32, shape, stem: stem) { range, bytes in
            for (offset, position) in range.enumerated() {
                bytes.storeBytes(of: numbers[position], toByteOffset: offset * 4, as: Float.self)
            }
        }
    }

    /// Adds an initializer that is made piece by piece, and returns its name.
    mutating func weight(
        _ type: ElementType, _ shape: Shape, stem: String, filling fill: (Range<Int>, UnsafeMutableRawBufferPointer) -> Void
    ) throws(QuantizationError) -> String {
        let name = index.freshName(stem)
        do throws(ONNXError) { model.graph.initializers.append(try store.append(name, type, shape, filling: fill)) } catch {
            throw .model(error)
        }
        return name
    }

    /// Removes an initializer whose name a node takes over.
    mutating func remove(_ weight: StoredTensor) { model.graph.initializers.removeAll { $0.name == weight.name } }

    mutating func leave(_ name: String, _ reason: LeftReason) { report.left.append(LeftNode(name: name, reason: reason)) }
    mutating func noteQuantized(_ name: String) { report.quantized.append(name) }

    /// Notes that the nodes of these types in the subgraphs of a node stay as they are.
    mutating func leaveSubgraphs(of node: Node, _ types: Set<String>) {
        for subgraph in node.subgraphs {
            subgraph.forEachNode { if types.contains($0.qualifiedType) { leave($0.label, .insideSubgraph) } }
        }
    }

    /// Puts the new nodes into the graph, without the constants that nothing reads any more.
    func finished() throws(QuantizationError) -> (model: Model, report: QuantizationReport) {
        guard !report.quantized.isEmpty else { throw .nothingToQuantize(left: report.left) }
        var model = model
        model.graph.nodes = nodes
        var read = outputs
        for node in nodes {
            read.formUnion(node.inputs)
            for subgraph in node.subgraphs { read.formUnion(subgraph.outerNames) }
        }
        // Only what was read before has lost its readers here.
        func isLost(_ name: String) -> Bool { !read.contains(name) && constants[name] != nil && index.consumers[name] != nil }
        model.graph.nodes.removeAll { $0.qualifiedType == "Constant" && $0.outputs.count == 1 && isLost($0.outputs[0]) }
        model.graph.initializers.removeAll { isLost($0.name) }
        let made = Set(model.graph.nodes.flatMap(\.outputs) + model.graph.inputs.map(\.name) + model.graph.initializers.map(\.name))
        model.graph.values.removeAll { !made.contains($0.name) }
        return (model, report)
    }
}
