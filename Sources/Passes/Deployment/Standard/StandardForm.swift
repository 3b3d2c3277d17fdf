import ONNX
import Tensors

/// Collects the standard nodes that stand for one fused node.
struct StandardForm {
    let node: Node
    private(set) var builder: GraphBuilder
    private let facts: GraphFacts
    private let types: InferredTypes

    init(_ node: Node, _ facts: GraphFacts, _ types: InferredTypes, _ builder: GraphBuilder) {
        self.node = node
        self.facts = facts
        self.types = types
        self.builder = builder
    }

    // MARK: What the node has

    var version: Int64 { facts.version }

    func int(_ name: String, _ fallback: Int64 = 0) -> Int64 { node.attribute(name)?.int ?? fallback }
    func float(_ name: String, _ fallback: Float) -> Double { Double(node.attribute(name)?.float ?? fallback) }
    func string(_ name: String) -> String { node.attribute(name)?.string ?? "" }
    func attributes(_ names: String...) -> [Attribute] { node.attributes.filter { names.contains($0.name) } }

    /// Returns the input at a position, if the node has it.
    func input(_ position: Int) -> String? {
        guard position < node.inputs.count, !node.inputs[position].isEmpty else { return nil }
        return node.inputs[position]
    }

    /// Tells whether anybody reads the output at a position.
    func uses(_ position: Int) -> Bool {
        guard position < node.outputs.count, !node.outputs[position].isEmpty else { return false }
        return facts.outputs.contains(node.outputs[position]) || facts.index.consumers[node.outputs[position]] != nil
    }

    /// The floating point type of the first input; nil if it has another type or does not follow.
    var floatType: ElementType? {
        guard let type = elementType(0), [.float32, .float64, .float16, .bfloat16].contains(type) else { return nil }
        return type
    }

    func elementType(_ position: Int) -> ElementType? { input(position).flatMap { types[$0]?.elementType } }
    func extents(_ position: Int) -> [Dimension]? { input(position).flatMap { types[$0]?.dimensions } }
    func rank(_ position: Int) -> Int? { extents(position)?.count }

    // MARK: What is made of it

    mutating func add(_ operatorType: String, _ inputs: [String], _ attributes: [Attribute] = []) -> String {
        builder.add(operatorType, inputs, attributes, stem: stem(operatorType))
    }

    mutating func add(_ operatorType: String, _ inputs: [String], outputs: Int) -> [String] {
        builder.add(operatorType, inputs, outputs: outputs, stem: stem(operatorType))
    }

    /// Appends the node that makes one of the fused node's outputs; the one that makes the first has its name.
    mutating func give(_ operatorType: String, _ inputs: [String], _ attributes: [Attribute] = [], output position: Int = 0) {
        let name = position > 0 || node.name.isEmpty ? nil : node.name
        builder.append(Node(operatorType, inputs, [node.outputs[position]], name: name, attributes))
    }

    mutating func number(_ value: Double, _ type: ElementType) -> String {
        guard let tensor = Tensor(type, [], rounding: [value]) else { preconditionFailure("no number in \(type.name)") }
        return builder.constant(tensor, stem: stem("number"))
    }

    mutating func integer(_ value: Int32) -> String { builder.constant(.int32, [], [value], stem: stem("integer")) }
    mutating func integers(_ values: [Int64]) -> String { builder.constant(.int64, [values.count], values, stem: stem("integers")) }

    private func stem(_ part: String) -> String { (node.outputs.first { !$0.isEmpty } ?? node.operatorType) + "/" + part }
}
