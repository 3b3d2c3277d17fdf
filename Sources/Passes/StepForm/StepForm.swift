package import ONNX
import Tensors

/// Rewritings that make a training step faster and keep what it computes, up to rounding. They are for the step's own copy of a model in
/// training form: nodes are merged, so that values in between are gone.
///
/// ONNX Runtime fuses such patterns by itself in inference. In a step it mostly cannot, since gradients read the values in between, and
/// since weights that change are no constants to it.
package enum StepForm {
    package static let passes: PassList = [
        FuseGelu(),
        FoldNormalization(),
        WinogradConvolution(),
        RemoveDeadNodes(),
    ]

    /// Images of a batch, where passes weigh one form against another: as many as there usually are where a model leaves it open.
    static let images = 32

    /// Metadata of a node in place of another: which form of that it is, and where that was (`Node.place`).
    static let formKey = "millrace.form"
    static let originKey = "millrace.origin"

    /// The form in which nodes of the model are computed, where it is not their own, by place.
    package static func forms(in graph: Graph) -> [String: String] {
        graph.nodes.reduce(into: [:]) { forms, node in
            if let form = node.metadata[formKey], let origin = node.metadata[originKey] { forms[origin] = form }
        }
    }
}

/// Questions that patterns ask of a graph. Valid until its nodes change.
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

    /// The node that makes a value, if it is of the default domain and of this type.
    func maker(of value: String, _ operatorType: String) -> Node? {
        guard let position = index.producers[value], nodes[position].qualifiedType == operatorType else { return nil }
        return nodes[position]
    }

    /// The only node that reads a value, if it is of the default domain and of this type.
    func onlyReader(of value: String, _ operatorType: String) -> (position: Int, node: Node)? {
        guard let positions = index.consumers[value], positions.count == 1, !outputs.contains(value) else { return nil }
        let node = nodes[positions[0]]
        return node.qualifiedType == operatorType ? (positions[0], node) : nil
    }

    func initializer(_ name: String) -> StoredTensor? { stored[name] }

    /// The number that a scalar constant holds. (One of shape `[1, 1]` could raise a rank.)
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

    /// The other factor of a product by this constant, whichever stands first.
    func factor(of node: Node, beside constant: Double) -> String? {
        for (one, other) in [(0, 1), (1, 0)] {
            if let number = number(node.inputs[one]), abs(number - constant) < 1e-4 * constant { return node.inputs[other] }
        }
        return nil
    }
}
