package import ONNX
import Tensors

/// Lists rewritings that make a training step faster and change its results only by rounding. They are for the step's own copy of a model
/// in training form: nodes are merged, and the values between them do not exist any more.
///
/// ONNX Runtime fuses such patterns by itself in inference. In a step it mostly cannot, since gradients read the values between the nodes,
/// and since weights that change are not constants.
package enum StepForm {
    package static let passes: PassList = [
        FuseGelu(),
        FoldNormalization(),
        WinogradConvolution(),
        RemoveDeadNodes(),
    ]

    /// The number of images in a batch that passes assume when they compare forms, if the model leaves it open.
    static let images = 32

    /// The keys of the metadata of a node that replaces another: the name of the form, and the place of the replaced node (`Node.place`).
    static let formKey = "millrace.form"
    static let originKey = "millrace.origin"

    /// Returns the forms of the nodes that were replaced, by the place of the node in the model.
    package static func forms(in graph: Graph) -> [String: String] {
        graph.nodes.reduce(into: [:]) { forms, node in
            if let form = node.metadata[formKey], let origin = node.metadata[originKey] { forms[origin] = form }
        }
    }
}

/// Answers the questions that patterns ask about a graph. It is valid until the nodes change.
struct ValueUses {
    private let nodes: [Node]
    private let index: GraphIndex
    private let outputs: Set<String>
    private let stored: [String: StoredTensor]

    init(_ graph: Graph) {
        nodes = graph.nodes
        index = graph.index
        outputs = Set(graph.outputs.map(\.name))
        stored = Dictionary(graph.initializers.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// Returns the node that makes a value, if it has this type of the default domain.
    func maker(of value: String, _ operatorType: String) -> Node? {
        guard let position = index.producers[value], nodes[position].qualifiedType == operatorType else { return nil }
        return nodes[position]
    }

    /// Returns the only node that reads a value, if it has this type of the default domain.
    func onlyReader(of value: String, _ operatorType: String) -> (position: Int, node: Node)? {
        guard let positions = index.consumers[value], positions.count == 1, !outputs.contains(value) else { return nil }
        let node = nodes[positions[0]]
        return node.qualifiedType == operatorType ? (positions[0], node) : nil
    }

    func initializer(_ name: String) -> StoredTensor? { stored[name] }

    /// Returns the value of a scalar constant. (A constant of shape `[1, 1]` could raise a rank.)
    func number(_ value: String) -> Double? {
        let tensor: StoredTensor
        if let known = stored[value] {
            tensor = known
        } else if let node = maker(of: value, "Constant") {
            if let single = node.attribute("value_float")?.float { return Double(single) }
            guard let held = node.attribute("value")?.tensor else { return nil }
            tensor = held
        } else {
            return nil
        }
        guard tensor.shape.rank == 0, !tensor.isExternal else { return nil }
        do throws(ONNXError) {
            let held = try tensor.tensor()
            return held.values(as: Float.self).map { Double($0[0]) } ?? held.values(as: Double.self).map { $0[0] }
        } catch { return nil }
    }

    /// Returns the other factor of a product with this constant, in either order.
    func factor(of node: Node, beside constant: Double) -> String? {
        for (one, other) in [(0, 1), (1, 0)] {
            if let number = number(node.inputs[one]), abs(number - constant) < 1e-4 * constant { return node.inputs[other] }
        }
        return nil
    }
}
