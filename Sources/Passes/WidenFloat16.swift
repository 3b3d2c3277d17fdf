package import ONNX
package import Tensors

/// Makes a model that stores weights or computes in float16 or bfloat16 do both in float32, as training needs it (`widen_float16`). Inputs
/// and outputs keep their types, and are cast.
///
/// To write trained weights back, take for each initializer of the original model the trained one of the same name, and
/// `Tensor.narrowed(to:)` with the type that the model stores.
package struct WidenFloat16: Pass {
    package let name = "widen_float16"
    package init() {}

    package func run(_ model: inout Model) throws(PassError) -> Bool {
        let original = model
        let directory: ExternalDataDirectory?
        do throws(ONNXError) { directory = model.hasExternalData ? try model.externalData() : nil } catch {
            throw PassError(pass: name, place: "model", reason: "\(error)", remedy: "put the weights files beside the model")
        }
        var widening = Widening(pass: name, externalData: directory)
        model.graph = try widening.graph(model.graph)
        guard widening.changed else {
            model = original
            return false
        }
        castAtBorder(&model.graph, original: original.graph)
        return true
    }

    /// Adds a Cast after each input and before each output of the 16-bit types, which keep names and types.
    private func castAtBorder(_ graph: inout Graph, original: Graph) {
        var names = graph.index
        var wide: [String: String] = [:]
        var before: [Node] = []
        var after: [Node] = []
        let initializers = Set(graph.initializers.map(\.name))
        for input in original.inputs where input.type?.elementType?.isHalf ?? false && !initializers.contains(input.name) {
            wide[input.name] = names.freshName(input.name + "/wide")
        }
        for input in original.inputs { if let name = wide[input.name] { before.append(cast(input.name, name, .float32)) } }
        graph.inputs = original.inputs.map { input in
            initializers.contains(input.name) ? graph.inputs.first { $0.name == input.name } ?? input : input
        }
        graph.nodes = graph.nodes.map { $0.reading(wide) }
        graph.outputs = original.outputs
        var renamed: [String: String] = [:]
        for output in original.outputs {
            guard let type = output.type?.elementType, type.isHalf, wide[output.name] == nil, renamed[output.name] == nil else { continue }
            let name = names.freshName(output.name + "/wide")
            renamed[output.name] = name
            after.append(cast(name, output.name, type))
        }
        graph.nodes = graph.nodes.map { node in
            var node = node.reading(renamed)
            node.outputs = node.outputs.map { renamed[$0] ?? $0 }
            return node
        }
        graph.values.removeAll { renamed[$0.name] != nil }
        // Some outputs are initializers or inputs.
        let made = Set(graph.nodes.flatMap(\.outputs))
        for (old, new) in renamed.sorted(by: { $0.key < $1.key }) where !made.contains(new) {
            before.append(Node("Identity", [wide[old] ?? old], [new]))
        }
        graph.nodes = before + graph.nodes + after
    }

    private func cast(_ source: String, _ result: String, _ type: ElementType) -> Node {
        Node("Cast", [source], [result], [Attribute("to", .int(Int64(type.rawValue)))])
    }
}

/// Rewrites every type and constant of a graph and its subgraphs.
private struct Widening {
    let pass: String
    let externalData: ExternalDataDirectory?
    private(set) var changed = false

    /// The attributes whose value is an element type.
    private static let typeAttributes: Set<String> = ["to", "dtype", "output_dtype", "output_datatype"]

    init(pass: String, externalData: ExternalDataDirectory?) {
        self.pass = pass
        self.externalData = externalData
    }

    mutating func graph(_ source: Graph) throws(PassError) -> Graph {
        var graph = source
        for position in graph.initializers.indices {
            try widen(&graph.initializers[position], "initializer '\(graph.initializers[position].name)'")
        }
        if let sparse = graph.sparseInitializers.first(where: { $0.values.elementType?.isHalf ?? false }) {
            throw refusal("sparse initializer '\(sparse.name)'", "sparse float16 weights are not widened")
        }
        for position in graph.inputs.indices { widen(&graph.inputs[position]) }
        for position in graph.outputs.indices { widen(&graph.outputs[position]) }
        for position in graph.values.indices { widen(&graph.values[position]) }
        for position in graph.nodes.indices { try widen(&graph.nodes[position]) }
        return graph
    }

    private mutating func widen(_ value: inout Value) {
        guard let type = value.type, let wide = type.widened else { return }
        value.type = wide
        changed = true
    }

    private mutating func widen(_ tensor: inout StoredTensor, _ place: String) throws(PassError) {
        guard let type = tensor.elementType, type.isHalf else { return }
        do throws(ONNXError) { tensor.replace(with: try tensor.tensor(externalData: externalData).widened()) } catch {
            throw refusal(place, "\(error)")
        }
        changed = true
    }

    private mutating func widen(_ node: inout Node) throws(PassError) {
        for position in node.attributes.indices {
            let name = node.attributes[position].name
            let place = "attribute '\(name)' of \(node.place)"
            switch node.attributes[position].value {
            case .tensor(var tensor):
                try widen(&tensor, place)
                node.attributes[position].value = .tensor(tensor)
            case .int(let code)
            where Self.typeAttributes.contains(name) && (ElementType(rawValue: Int32(truncatingIfNeeded: code))?.isHalf ?? false):
                if node.operatorType == "BitCast" { throw refusal(node.place, "the bits of a float16 are meant, not its value") }
                node.attributes[position].value = .int(Int64(ElementType.float32.rawValue))
                changed = true
            case .graph(let graph): node.attributes[position].value = .graph(try self.graph(graph))
            case .graphs(let graphs):
                var wide: [Graph] = []
                for graph in graphs { wide.append(try self.graph(graph)) }
                node.attributes[position].value = .graphs(wide)
            case .type(let stored):
                if let wide = stored.type?.widened {
                    node.attributes[position].value = .type(StoredType(wide))
                    changed = true
                }
            default: break
            }
        }
    }

    private func refusal(_ place: String, _ reason: String) -> PassError {
        PassError(pass: pass, place: place, reason: reason, remedy: "export the model in float32")
    }
}

extension ElementType {
    /// The 16-bit types, which are stored but not trained in.
    package var isHalf: Bool { self == .float16 || self == .bfloat16 }
}

extension ValueType {
    /// The type with float32 in place of a 16-bit type; nil if it has none.
    fileprivate var widened: ValueType? {
        switch self {
        case .tensor(.some(let type), let dimensions) where type.isHalf: .tensor(.float32, dimensions)
        case .sequence(let element): element?.widened.map { .sequence($0) }
        case .optional(let element): element?.widened.map { .optional($0) }
        case .map(let key, let value): value?.widened.map { .map(key: key, value: $0) }
        default: nil
        }
    }
}

extension Tensor {
    /// Returns the same values in float32, which has all values of the 16-bit types. Tensors of other types are returned unchanged.
    package func widened() -> Tensor {
        guard elementType.isHalf, let bits = values(as: UInt16.self) else { return self }
        let isHalf = elementType == .float16
        return Tensor(.float32, shape, bits.map { isHalf ? Float(Float16(bitPattern: $0)) : Float(bitPattern: UInt32($0) << 16) })
    }

    /// Returns float32 values rounded to the nearest ones in float16 or bfloat16, ties to even. Values that are too large become infinite.
    /// For other types, and if the tensor has `type` already, it is returned unchanged.
    package func narrowed(to type: ElementType) -> Tensor {
        guard type.isHalf, elementType == .float32, let numbers = values(as: Float.self) else { return self }
        return Tensor(type, shape, numbers.map { type == .float16 ? Float16($0).bitPattern : $0.roundedToBFloat16 })
    }
}

extension Float {
    /// The bits of the nearest bfloat16, ties to even.
    var roundedToBFloat16: UInt16 {
        if isNaN { return UInt16(truncatingIfNeeded: bitPattern >> 16) | 0x40 }
        return UInt16(truncatingIfNeeded: (UInt64(bitPattern) + 0x7FFF + UInt64(bitPattern >> 16 & 1)) >> 16)
    }
}
