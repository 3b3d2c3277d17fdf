import ONNX
import Tensors

/// Replaces one operator by others that compute the same. New nodes have the form of operator set 21, and constants are Constant nodes, so
/// that the graph's initializers remain its parameters.
struct Lowering {
    /// Says why an operator stays unchanged, or why the pass ends.
    enum Refused: Error {
        case notKnown
        case tooLarge(String)
    }

    let node: Node
    private let types: InferredTypes
    private(set) var names: GraphIndex
    private(set) var nodes: [Node] = []
    /// The constraints that parameters must satisfy after every step, by initializer.
    private(set) var constraints: [String: ParameterConstraint] = [:]

    init(_ node: Node, types: InferredTypes, names: GraphIndex) {
        self.node = node
        self.types = types
        self.names = names
    }

    // MARK: What the operator has

    func int(_ name: String, _ fallback: Int = 0) -> Int { node.attribute(name)?.int.map { Int($0) } ?? fallback }
    func ints(_ name: String) -> [Int64] { node.attribute(name)?.ints ?? [] }
    func floats(_ name: String) -> [Float] { node.attribute(name)?.floats ?? [] }
    func string(_ name: String, _ fallback: String) -> String { node.attribute(name)?.string ?? fallback }

    /// Returns the elements of an attribute that is a list of floats or a tensor of float32 or float64; empty where it is absent.
    func numbers(_ name: String) -> [Double] {
        guard let stored = node.attribute(name)?.tensor else { return floats(name).map(Double.init) }
        guard !stored.isExternal, let tensor = try? stored.tensor() else { return [] }
        return tensor.elementType == .float64 ? tensor.values(as: Double.self) ?? [] : tensor.values(as: Float.self)?.map(Double.init) ?? []
    }

    func elementType(_ position: Int) -> ElementType? { types[node.inputs[position]]?.elementType }
    func extents(_ position: Int) -> [Dimension]? { types[node.inputs[position]]?.dimensions }

    /// Returns the classes as the attributes name them: texts or numbers.
    func labels(strings: String, integers: String) -> Tensor? {
        if let names = node.attribute(strings)?.strings, !names.isEmpty { return Tensor(strings: names, shape: [names.count]) }
        let numbers = ints(integers)
        return numbers.isEmpty ? nil : Tensor(.int64, [numbers.count], numbers)
    }

    // MARK: What is made of it

    /// Appends a node and returns its output.
    mutating func add(_ operatorType: String, _ inputs: [String], _ attributes: [Attribute] = []) -> String {
        let output = names.freshName("\(node.outputs.first { !$0.isEmpty } ?? node.operatorType)/\(operatorType)")
        append(Node(operatorType, inputs, [output], attributes))
        return output
    }

    /// Marks a value that was made here as probabilities.
    mutating func noteProbabilities(_ value: String) {
        guard let position = nodes.lastIndex(where: { $0.outputs.contains(value) }) else { return }
        nodes[position].metadata[Node.scoresKey] = "probabilities"
    }

    private mutating func append(_ made: Node) {
        var made = made
        made.metadata[Node.loweredTypeKey] = node.qualifiedType
        made.metadata[Node.loweredPlaceKey] = node.place
        nodes.append(made)
    }

    mutating func constant(_ tensor: Tensor) -> String { add("Constant", [], [Attribute("value", .tensor(StoredTensor("", tensor)))]) }
    mutating func integers(_ values: [Int64]) -> String { constant(Tensor(.int64, [values.count], values)) }
    mutating func numbers(_ values: [Double], _ type: ElementType, _ shape: Shape? = nil) -> String {
        let shape = shape ?? [values.count]
        return constant(type == .float64 ? Tensor(.float64, shape, values) : Tensor(.float32, shape, values.map { Float($0) }))
    }
    mutating func number(_ value: Double, _ type: ElementType) -> String { numbers([value], type, []) }

    mutating func cast(_ value: String, _ type: ElementType) -> String {
        add("Cast", [value], [Attribute("to", .int(Int64(type.rawValue)))])
    }
    mutating func reduce(_ operatorType: String, _ value: String, axis: Int64, keep: Bool) -> String {
        add(operatorType, [value, integers([axis])], [Attribute("keepdims", .int(keep ? 1 : 0))])
    }
    mutating func concatenated(_ values: [String]) -> String { add("Concat", values, [Attribute("axis", .int(1))]) }
    mutating func columns(_ value: String, _ range: Range<Int64>) -> String {
        add("Slice", [value, integers([range.lowerBound]), integers([range.upperBound]), integers([1])])
    }

    /// Makes a value one of the operator's outputs, if the model uses that output.
    mutating func give(_ position: Int, _ value: String) {
        guard position < node.outputs.count, !node.outputs[position].isEmpty else { return }
        append(Node("Identity", [value], [node.outputs[position]]))
    }

    /// Makes the label at the index of each row one of the operator's outputs, if the model uses that output.
    mutating func give(_ position: Int, label index: String, of labels: Tensor) {
        guard position < node.outputs.count, !node.outputs[position].isEmpty else { return }
        give(position, add("Gather", [constant(labels), index]))
    }

    /// Returns the input as rows `[N, F]` of a type; an input with one axis is one row.
    mutating func rows(_ position: Int, as type: ElementType) throws(Refused) -> String {
        var value = node.inputs[position]
        guard let given = elementType(position), [.float32, .float64, .int32, .int64].contains(given) else { throw .notKnown }
        let rank = extents(position)?.count ?? 2
        guard rank == 1 || rank == 2 else { throw .notKnown }
        if given != type { value = cast(value, type) }
        return rank == 1 ? add("Reshape", [value, integers([1, -1])]) : value
    }

    /// Returns the initializer that an attribute was lifted to, or a constant of its values where it was not lifted.
    mutating func parameter(_ attribute: String, _ shape: Shape) -> String {
        if let name = AttributeParameters.name(of: attribute, in: node) { return name }
        let values = numbers(attribute)
        let type = node.attribute(attribute)?.tensor?.elementType ?? .float32
        return numbers(values, type, shape)
    }

    mutating func constrain(_ attribute: String, _ constraint: ParameterConstraint) {
        if let name = AttributeParameters.name(of: attribute, in: node) { constraints[name] = constraint }
    }
}
