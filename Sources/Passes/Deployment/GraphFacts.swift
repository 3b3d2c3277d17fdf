import ONNX
import Tensors

/// Answers the questions that passes for deployment ask about the outermost graph. It is valid until the graph changes.
struct GraphFacts {
    let nodes: [Node]
    /// The version of the default domain; 0 where the model does not import it.
    let version: Int64
    let index: GraphIndex
    let outputs: Set<String>
    /// What follows from inputs, constants and operators alone. A type that the file states in between may be wrong (an exporter's batch of
    /// one), and no engine enforces it.
    let types: InferredTypes
    private let pass: String
    private let stored: [String: StoredTensor]
    private let externalData: ExternalDataDirectory?
    private let ownOperators: Set<String>

    init(_ model: Model, pass: String) throws(PassError) {
        self.pass = pass
        nodes = model.graph.nodes
        version = model.operatorSetVersion() ?? 0
        index = model.graph.index
        outputs = Set(model.graph.outputs.map(\.name))
        types = try model.withoutStatedTypes.inferTypes(for: pass)
        ownOperators = Set(model.functions.map { Node($0.name, [], [], domain: $0.domain).qualifiedType })
        stored = model.constants
        do throws(ONNXError) { externalData = model.hasExternalData ? try model.externalData() : nil } catch {
            throw PassError(pass: pass, place: "model", reason: "\(error)", remedy: "put the weights files beside the model")
        }
    }

    /// Returns the type of a node with its domain, as `Node.qualifiedType` does; empty for a call of the model's own function, which may
    /// have the name of a standard operator.
    func type(_ node: Node) -> String {
        let type = node.qualifiedType
        return ownOperators.contains(type) ? "" : type
    }

    /// Returns the node that makes a value, if it has one of these types.
    func maker(of value: String, _ operatorTypes: Set<String>) -> (position: Int, node: Node)? {
        guard let position = index.producers[value], operatorTypes.contains(type(nodes[position])) else { return nil }
        return (position, nodes[position])
    }

    /// Returns the position of the only node that reads a value, and reads it as an input; nil where others or subgraphs read it, or where
    /// it is an output.
    func onlyReader(of value: String) -> Int? {
        guard !outputs.contains(value), let positions = index.consumers[value], positions.count == 1 else { return nil }
        return nodes[positions[0]].subgraphs.isEmpty ? positions[0] : nil
    }

    /// Returns a constant: an initializer that no caller can override, or what a Constant node holds.
    func constant(_ name: String) -> StoredTensor? { stored[name] }

    func isConstant(_ name: String) -> Bool { stored[name] != nil }

    /// Returns the elements of a constant; nil where the value is none.
    func tensor(_ name: String) throws(PassError) -> Tensor? {
        guard let tensor = stored[name] else { return nil }
        do throws(ONNXError) { return try tensor.tensor(externalData: externalData) } catch {
            throw PassError(
                pass: pass, place: "'\(name)'", reason: "\(error)", remedy: "put the weights files beside the model, or export it again")
        }
    }

    /// Returns the elements of a constant of integers or of a floating point type.
    func numbers(_ name: String) throws(PassError) -> [Double]? { try tensor(name)?.numbers }

    /// Returns the integers of an int64 constant, such as axes or a shape.
    func integers(_ name: String) throws(PassError) -> [Int64]? { try tensor(name).flatMap { $0.values(as: Int64.self) } }

    func elementType(_ value: String) -> ElementType? { types[value]?.elementType }

    /// Returns the extents of a value that is a dense tensor.
    func extents(_ value: String) -> [Dimension]? {
        guard case .tensor(_, let extents)? = types[value] else { return nil }
        return extents
    }

    /// Returns the shape of a value, if it is known completely.
    func shape(_ value: String) -> Shape? {
        guard let extents = extents(value) else { return nil }
        let fixed = extents.compactMap(\.value)
        return fixed.count == extents.count ? Shape(fixed) : nil
    }

    /// Tells whether a value that has the same elements as another also has its shape. One extent may be open, since it follows from the
    /// number of elements.
    func haveSameShape(_ one: String, _ other: String) -> Bool {
        guard let one = extents(one), let other = extents(other), one.count == other.count else { return false }
        let open = one.indices.filter { one[$0].value == nil || one[$0] != other[$0] }
        guard let first = open.first else { return true }
        return open.count == 1 && (one[first].value == nil || other[first].value == nil)
            && one.enumerated().allSatisfy { $0.offset == first || $0.element.value != 0 }
    }
}

extension Model {
    /// The constants by name: initializers of the outermost graph that no caller can override, and what its Constant nodes hold.
    fileprivate var constants: [String: StoredTensor] {
        let overridable = irVersion >= 4 ? Set(graph.inputs.map(\.name)) : []
        var constants: [String: StoredTensor] = [:]
        for tensor in graph.initializers where !overridable.contains(tensor.name) { constants[tensor.name] = tensor }
        for node in graph.nodes where node.qualifiedType == "Constant" {
            if let output = node.outputs.first, let tensor = node.constantTensor { constants[output] = tensor }
        }
        return constants
    }

    /// The model without the types that the file states of results, and without shapes in containers that are inputs.
    var withoutStatedTypes: Model {
        var model = self
        model.graph = graph.withoutStatedTypes
        model.graph.inputs = graph.inputs.map { input in
            if case .tensor? = input.type { return input }
            return Value(input.name, nil)
        }
        return model
    }

    /// Adds constants. Below IR version 4, where every initializer must also be an input and none can be overridden, the version is raised.
    mutating func adopt(_ initializers: [StoredTensor]) {
        guard !initializers.isEmpty else { return }
        bindInitializers()
        graph.initializers += initializers
    }

    /// Makes the initializers of a model below IR version 4 plain constants, so that they can come and go.
    mutating func bindInitializers() {
        if irVersion < 4 { _ = BindInitializers().rewrite(&self) }
    }

    /// Makes nodes return values that are there already, by position, and removes them; one that makes an output of the graph, or whose
    /// value a subgraph hides, stays as an Identity.
    mutating func bypass(_ sources: [Int: String]) {
        guard !sources.isEmpty else { return }
        for (position, source) in sources {
            let node = graph.nodes[position]
            graph.nodes[position] = Node("Identity", [source], [node.outputs[0]], name: node.name.isEmpty ? nil : node.name)
        }
        _ = RemoveIdentities().rewrite(&self)
    }
}

extension Node {
    /// The operators of the default domain that may give something else each time. A Dropout does so in training.
    static let randomOperators: Set<String> = [
        "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli", "Dropout",
    ]
}

extension Graph {
    /// Tells whether one of the nodes has one of these types.
    func has(_ operatorTypes: Set<String>) -> Bool { nodes.contains { operatorTypes.contains($0.qualifiedType) } }

    fileprivate var withoutStatedTypes: Graph {
        var graph = self
        graph.values = []
        graph.outputs = outputs.map { Value($0.name, nil) }
        for position in graph.nodes.indices where !graph.nodes[position].subgraphs.isEmpty {
            graph.nodes[position].mapSubgraphs { $0.withoutStatedTypes }
        }
        return graph
    }
}

extension Tensor {
    /// The elements as numbers; nil for types other than integers and floating point of 16 bits or more.
    var numbers: [Double]? {
        switch elementType {
        case .float32: values(as: Float.self)?.map(Double.init)
        case .float64: values(as: Double.self)
        case .float16, .bfloat16: widened().values(as: Float.self)?.map(Double.init)
        case .int64: values(as: Int64.self)?.map(Double.init)
        case .int32: values(as: Int32.self)?.map(Double.init)
        case .uint8: values(as: UInt8.self)?.map(Double.init)
        case .int8: values(as: Int8.self)?.map(Double.init)
        case .int16: values(as: Int16.self)?.map(Double.init)
        case .uint16: values(as: UInt16.self)?.map(Double.init)
        default: nil
        }
    }

    /// Makes a tensor of a floating point type of 16 bits or more, each element rounded to the nearest; nil for other types.
    init?(_ type: ElementType, _ shape: Shape, rounding numbers: [Double]) {
        switch type {
        case .float64: self.init(.float64, shape, numbers)
        case .float32: self.init(.float32, shape, numbers.map { Float($0) })
        case .float16, .bfloat16: self = Tensor(.float32, shape, numbers.map { Float($0) }).narrowed(to: type)
        default: return nil
        }
    }
}
