import ONNX
import Tensors

/// Decides which values of a graph are quantized: the inputs of products, the results of Conv (engines have no integer Conv with a float
/// result), and from there backwards through what computes with integers too.
///
/// A Relu or Clip stays in float between its source and the QuantizeLinear, where engines make it part of the product before. Outputs of
/// the model stay in float.
struct QuantizedValues {
    /// Operators whose result has the numbers of their first input, and therefore its scale.
    private static let moving: Set<String> = ["MaxPool", "Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze"]
    /// Operators that engines compute on integers, whose result has a scale of its own. All their inputs are activations.
    private static let joining: Set<String> = ["Add", "Concat", "AveragePool", "GlobalAveragePool"]
    private static let clipping: Set<String> = ["Relu", "Clip"]

    /// The products that are quantized, by the position of their node.
    private(set) var products: [Int: WeightedNode] = [:]
    /// The values that are quantized.
    private(set) var names: Set<String> = []
    /// The values that all nodes read in integers, since what makes them is computed in integers.
    private(set) var exclusive: Set<String> = []
    /// The nodes between products that read integers, by position.
    private(set) var between: Set<Int> = []
    /// The names in the order in which the graph makes the values, inputs first.
    private(set) var inOrder: [String] = []
    private var sources: [String: String] = [:]
    /// The values that are computed from integers: results of products, and of what moves, joins or clips only such.
    private var integral: Set<String> = []

    init(_ rewriting: inout GraphRewriting) {
        for (position, node) in rewriting.source.enumerated() {
            if let product = rewriting.weighted(node, ["Conv", "MatMul", "Gemm"]) { products[position] = product }
            guard let result = node.outputs.first, node.outputs.dropFirst().allSatisfy(\.isEmpty) else { continue }
            let clips =
                Self.clipping.contains(node.qualifiedType) && node.inputs.first.map { onlyReader(of: $0, rewriting) != nil } ?? false
            let activations = clips ? Array(node.inputs.prefix(1)) : self.activations(node, rewriting)
            if products[position] != nil || !activations.isEmpty && activations.allSatisfy(integral.contains) { integral.insert(result) }
        }
        for (_, product) in products.sorted(by: { $0.key < $1.key }) {
            require(product.node.inputs[0], rewriting)
            guard product.node.qualifiedType == "Conv" else { continue }
            var result = product.node.outputs[0]
            if let clip = onlyReader(of: result, rewriting), Self.clipping.contains(clip.qualifiedType) { result = clip.outputs[0] }
            guard !rewriting.outputs.contains(result) else { continue }
            require(result, rewriting)
        }
        func place(_ value: String) -> Int { rewriting.index.producers[value] ?? -1 }
        inOrder = names.sorted { (place($0), $0) < (place($1), $1) }
    }

    /// Returns the value whose scale a value has.
    func root(_ value: String) -> String {
        var root = value
        while let source = sources[root] { root = source }
        return root
    }

    private mutating func require(_ value: String, _ rewriting: GraphRewriting) {
        guard names.insert(value).inserted, let position = rewriting.index.producers[value] else { return }
        let node = rewriting.source[position]
        if products[position]?.node.qualifiedType == "Conv" { exclusive.insert(value) }
        if pass(position, rewriting) {
            exclusive.insert(value)
            if Self.moving.contains(node.qualifiedType) { sources[value] = node.inputs[0] }
        } else if Self.clipping.contains(node.qualifiedType), !node.inputs.isEmpty,
            let inner = rewriting.index.producers[node.inputs[0]], onlyReader(of: node.inputs[0], rewriting) != nil
        {
            let isConvolution = products[inner]?.node.qualifiedType == "Conv"
            let joins = Self.joining.contains(rewriting.source[inner].qualifiedType) && pass(inner, rewriting)
            if isConvolution || joins { exclusive.insert(value) }
        }
    }

    /// Makes a node between products read integers, if it can and what it reads is computed from such, and returns whether it does.
    private mutating func pass(_ position: Int, _ rewriting: GraphRewriting) -> Bool {
        if between.contains(position) { return true }
        let activations = activations(rewriting.source[position], rewriting)
        guard !activations.isEmpty, activations.allSatisfy(integral.contains) else { return false }
        between.insert(position)
        for activation in activations { require(activation, rewriting) }
        return true
    }

    /// Returns the values that a node between products would read as integers; none for other nodes.
    private func activations(_ node: Node, _ rewriting: GraphRewriting) -> [String] {
        guard !rewriting.exclude.contains(node.label), node.outputs.dropFirst().allSatisfy(\.isEmpty) else { return [] }
        if Self.moving.contains(node.qualifiedType) { return Array(node.inputs.prefix(1)) }
        return Self.joining.contains(node.qualifiedType) ? node.inputs : []
    }

    /// Returns the one node that reads a value which is no output of the model.
    private func onlyReader(of value: String, _ rewriting: GraphRewriting) -> Node? {
        guard !rewriting.outputs.contains(value), let readers = rewriting.index.consumers[value], readers.count == 1 else { return nil }
        let node = rewriting.source[readers[0]]
        return node.inputs.first == value ? node : nil
    }
}
