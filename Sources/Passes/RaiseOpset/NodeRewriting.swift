import ONNX
import Tensors

/// Says why a node cannot be raised.
struct Refusal: Error {
    let reason: String
    let remedy: String

    init(_ reason: String, remedy: String = "export the model again with a newer operator set") {
        self.reason = reason
        self.remedy = remedy
    }
}

/// Rewrites one node to a newer form, with the new nodes before and after it. The new nodes have forms that every version from 13 to the
/// target shares, and constants are Constant nodes, so that the graph's initializers stay those of the model.
struct NodeRewriting {
    var node: Node
    private(set) var names: GraphIndex
    private var before: [Node] = []
    private var after: [Node] = []
    private let version: Int64
    private let types: InferredTypes

    init(_ node: Node, version: Int64, types: InferredTypes, names: GraphIndex) {
        self.node = node
        self.version = version
        self.types = types
        self.names = names
    }

    var result: [Node] { before + [node] + after }

    /// Applies the changes of form between the node's version and `target`, oldest first. A change may give the node another type, whose
    /// later changes then apply.
    mutating func run(upTo target: Int64) throws(Refusal) {
        var reached = version
        // This is a hint about memory in operator set 1.
        if version < 6 { node[attribute: "consumed_inputs"] = nil }
        while let step = OpsetAdaptors.next(node.operatorType, after: reached, upTo: target) {
            try step.adapt(&self)
            reached = step.version
        }
    }

    func isGiven(_ position: Int) -> Bool { position < node.inputs.count && !node.inputs[position].isEmpty }
    func isTaken(output position: Int) -> Bool { position < node.outputs.count && !node.outputs[position].isEmpty }

    func extents(_ position: Int) -> [Dimension]? {
        position < node.inputs.count ? types[node.inputs[position]]?.dimensions : nil
    }

    func elementType(_ position: Int) throws(Refusal) -> ElementType {
        guard position < node.inputs.count, let type = types[node.inputs[position]]?.elementType else {
            throw Refusal("the element type of its input \(position) does not follow from the model")
        }
        return type
    }

    /// Sets the input at a position. Inputs before it that the node does not have are left empty.
    mutating func setInput(_ position: Int, _ name: String) {
        while node.inputs.count <= position { node.inputs.append("") }
        node.inputs[position] = name
    }

    /// Turns an attribute of integers into the input at `position`, if the node has that attribute.
    mutating func moveIntegersToInput(_ attribute: String, _ position: Int) throws(Refusal) {
        guard let value = node[attribute: attribute] else { return }
        node[attribute: attribute] = nil
        switch value {
        case .ints(let values): setInput(position, integers(values, stem: attribute))
        case .int(let value): setInput(position, integers([value], stem: attribute))
        default: throw Refusal("its attribute \(attribute) is not made of integers")
        }
    }

    /// Adds an int64 constant `[values.count]` and returns its name.
    mutating func integers(_ values: [Int64], stem: String) -> String {
        constant(Tensor(.int64, [values.count], values), stem: stem)
    }

    /// Adds a scalar constant of a floating point type and returns its name.
    mutating func scalar(_ value: Float, _ type: ElementType, stem: String) throws(Refusal) -> String {
        switch type {
        case .float32: constant(Tensor(.float32, [], [value]), stem: stem)
        case .float64: constant(Tensor(.float64, [], [Double(value)]), stem: stem)
        case .float16: constant(Tensor(.float16, [], [Float16(value).bitPattern]), stem: stem)
        case .bfloat16: constant(Tensor(.bfloat16, [], [value.roundedToBFloat16]), stem: stem)
        default: throw Refusal("its \(stem) cannot be given in \(type.name)")
        }
    }

    mutating func constant(_ tensor: Tensor, stem: String) -> String {
        let name = fresh(stem)
        before.append(Node("Constant", [], [name], [Attribute("value", .tensor(StoredTensor("", tensor)))]))
        return name
    }

    /// Returns an unused name, made of the node's first output and `stem`.
    mutating func fresh(_ stem: String) -> String {
        names.freshName((node.outputs.first { !$0.isEmpty } ?? node.operatorType) + "/" + stem)
    }

    /// Adds a node before this one and returns its output.
    mutating func precede(_ operatorType: String, _ inputs: [String], _ attributes: [Attribute] = [], stem: String) -> String {
        let name = fresh(stem)
        before.append(Node(operatorType, inputs, [name], attributes))
        return name
    }

    /// Gives the output at `position` a new name, and adds a node that makes the old output of it. `inputs` gets the new name.
    mutating func follow(
        output position: Int, by operatorType: String, _ attributes: [Attribute] = [], stem: String, inputs: (String) -> [String]
    ) {
        let made = fresh(stem)
        after.insert(Node(operatorType, inputs(made), [node.outputs[position]], attributes), at: 0)
        node.outputs[position] = made
    }
}
