import Autodiff
import ONNX
import Tensors

/// Builds dropout in training, of operators whose result depends on nothing but a key that is an input of the step. The same key gives the
/// same masks, so that a resumed run goes on as if it had not stopped. (ONNX Runtime's own random operators hide their state.)
enum DropoutMasks {
    /// Replaces every Dropout of a positive ratio. The names of its outputs stay.
    /// - Returns: the name of the new input for the key, a uint32 scalar; nil if there is no such Dropout.
    /// - Throws: `invalid` for a ratio that is not a constant from 0 to below 1.
    static func activate(in model: inout Model) throws(AutodiffError) -> String? {
        let types: InferredTypes
        do { types = try model.inferTypes() } catch { throw .invalid(place: "the model", reason: "\(error)") }
        var builder = GraphBuilder(extending: model.graph, prefix: "train/dropout/")
        var nodes: [Node] = []
        var key: String?
        var count: UInt32 = 0
        for node in model.graph.nodes {
            for subgraph in node.subgraphs {
                try subgraph.forEachNode { (inner) throws(AutodiffError) in
                    guard !isDropout(inner) else {
                        throw .invalid(
                            place: inner.place,
                            reason: "a Dropout inside of \(node.operatorType) cannot be made active; export the model without it")
                    }
                }
            }
            let ratio = isDropout(node) ? try ratio(of: node, in: model) : 0
            guard ratio > 0 else {
                nodes.append(node)
                continue
            }
            let emitted = builder.nodes.count
            let name = key ?? builder.name("key")
            key = name
            count += 1
            append(node, ratio: ratio, key: name, number: count, type: types[node.inputs[0]]?.elementType ?? .float32, to: &builder)
            nodes += builder.nodes[emitted...]
        }
        guard let key else { return nil }
        model.graph.nodes = nodes
        model.graph.initializers += builder.initializers
        model.graph.inputs.append(Value(key, .tensor(.uint32, [])))
        return key
    }

    /// Makes every Dropout return its input, as in inference, even if the model sets its training mode.
    static func deactivate(in model: inout Model) {
        for position in model.graph.nodes.indices where isDropout(model.graph.nodes[position]) {
            model.graph.nodes[position].inputs = Array(model.graph.nodes[position].inputs.prefix(2))
        }
    }

    private static func isDropout(_ node: Node) -> Bool { node.operatorType == "Dropout" && canonicalDomain(node.domain).isEmpty }

    /// Returns the ratio, which is 0.5 by default (ONNX operator Dropout-13).
    private static func ratio(of node: Node, in model: Model) throws(AutodiffError) -> Double {
        guard node.inputs.count > 1, !node.inputs[1].isEmpty else { return 0.5 }
        let stored =
            model.graph.initializer(node.inputs[1])
            ?? model.graph.nodes.first { $0.operatorType == "Constant" && $0.outputs == [node.inputs[1]] }?.attribute("value")?.tensor
        guard let stored else { throw .invalid(place: node.place, reason: "its ratio is computed in the graph, and must be a constant") }
        let tensor: Tensor
        do throws(ONNXError) { tensor = try stored.tensor() } catch {
            throw .invalid(place: node.place, reason: "its ratio cannot be read: \(error)")
        }
        guard let ratio = tensor.values(as: Float.self)?.first.map(Double.init) ?? tensor.values(as: Double.self)?.first,
            (0..<1).contains(ratio)
        else {
            throw .invalid(place: node.place, reason: "its ratio is not a number from 0 to below 1")
        }
        return ratio
    }

    /// Appends `y = drop ? 0 : x / (1 - ratio)`. `drop` is true if a hash of key, node and position lies in the first `ratio` of its range.
    private static func append(_ node: Node, ratio: Double, key: String, number: UInt32, type: ElementType, to builder: inout GraphBuilder)
    {
        func number32(_ value: UInt32, _ builder: inout GraphBuilder) -> String { builder.constant(.uint32, [], [value], stem: "number") }
        let x = node.inputs[0]
        let start = builder.constant(.int64, [], [0] as [Int64]), one = builder.constant(.int64, [], [1] as [Int64])
        let positions = builder.add("Range", [start, builder.add("Size", [x]), one])
        let counter = builder.add("Cast", [positions], [Attribute("to", .int(Int64(ElementType.uint32.rawValue)))])
        // Each node has a stream of its own: the key is hashed with the node's number before the positions are.
        let own = hash(builder.add("Add", [key, number32(number &* 0x9E37_79B9, &builder)]), &builder)
        let bits = hash(builder.add("BitwiseXor", [hash(counter, &builder), own]), &builder)
        let threshold = number32(UInt32(min(ratio * 4_294_967_296, 4_294_967_295)), &builder)
        let drop = builder.add("Reshape", [builder.add("Less", [bits, threshold]), builder.add("Shape", [x])])
        let scaled = builder.add("Mul", [x, builder.scalar(1 / (1 - ratio), type)])
        builder.append(Node("Where", [drop, builder.scalar(0, type), scaled], [node.outputs[0]], name: node.name))
        if node.outputs.count > 1, !node.outputs[1].isEmpty { builder.append(Node("Not", [drop], [node.outputs[1]])) }
    }

    /// Returns a hash of 32 bits in which every bit of the input changes about half of the bits (Wellons, `lowbias32`).
    private static func hash(_ value: String, _ builder: inout GraphBuilder) -> String {
        func shifted(_ value: String, _ bits: UInt32, _ builder: inout GraphBuilder) -> String {
            let moved = builder.add(
                "BitShift", [value, builder.constant(.uint32, [], [bits], stem: "number")], [Attribute("direction", .string("RIGHT"))])
            return builder.add("BitwiseXor", [value, moved])
        }
        func times(_ value: String, _ factor: UInt32, _ builder: inout GraphBuilder) -> String {
            builder.add("Mul", [value, builder.constant(.uint32, [], [factor], stem: "number")])
        }
        let first = times(shifted(value, 16, &builder), 0x7FEB_352D, &builder)
        let second = times(shifted(first, 15, &builder), 0x846C_A68B, &builder)
        return shifted(second, 16, &builder)
    }
}
