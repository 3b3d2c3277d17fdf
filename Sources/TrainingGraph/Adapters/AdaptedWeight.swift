import Autodiff
import ONNX
import Recipes
import Tensors

/// Describes a weight with low-rank factors: the layer computes with `W + scale * A B`, where `W` is `[K, M]`, `A` `[K, rank]` and `B`
/// `[rank, M]`.
struct AdaptedWeight: Sendable, Hashable {
    /// The name of the initializer.
    let weight: String
    /// The names of the parameters `A` and `B`.
    let down: String
    let up: String
    let scale: Double
    /// Tells whether the initializer holds `W` transposed, `[M, K]`.
    let isTransposed: Bool
}

extension AdaptedWeight {
    /// Adds factors to every weight that the patterns match, with initializers for their first values: those of `start` if it has some for
    /// that weight.
    static func attach(
        _ adapters: GradientDescent.Adapters, startingFrom start: LowRankAdapter? = nil, seed: UInt64, to model: inout Model
    ) throws(AutodiffError) -> [AdaptedWeight] {
        guard adapters.rank > 0, adapters.scale.isFinite else {
            throw .invalid(
                place: "adapters", reason: "the rank is \(adapters.rank) and the scale \(adapters.scale): both must be numbers above 0")
        }
        let index = model.graph.index
        var builder = GraphBuilder(extending: model.graph, prefix: "adapter/")
        var random = SplitMix(seed: seed)
        var adapted: [AdaptedWeight] = []
        var nodes: [Node] = []
        var candidates: Set<String> = []
        for node in model.graph.nodes {
            guard let (stored, transposed) = weight(of: node, model.graph, index) else {
                nodes.append(node)
                continue
            }
            candidates.insert(stored.name)
            guard adapters.targets.matchesAny(of: stored.name, node.name, node.outputs[0]) else {
                nodes.append(node)
                continue
            }
            let extents = transposed ? stored.shape.dimensions.reversed() : stored.shape.dimensions
            let known = adapted.first { $0.weight == stored.name }
            if let known, known.isTransposed != transposed {
                throw .invalid(place: "adapters", reason: "'\(stored.name)' is multiplied by both as it is and transposed")
            }
            let made: AdaptedWeight
            if let known {
                made = known
            } else {
                made = AdaptedWeight(
                    weight: stored.name, down: builder.name(stored.name + "/down"), up: builder.name(stored.name + "/up"),
                    scale: adapters.scale / Double(adapters.rank), isTransposed: transposed)
                adapted.append(made)
                let known = start?.factors.first { $0.weight == stored.name }
                model.graph.initializers += try made.firstValues(
                    extents: extents, rank: adapters.rank, type: stored.elementType ?? .float32, known, &random)
            }
            let emitted = builder.nodes.count
            made.append(beside: node, type: stored.elementType ?? .float32, to: &builder)
            nodes += builder.nodes[emitted...]
        }
        guard !adapted.isEmpty else {
            let names = candidates.sorted()
            throw .nothingTrainable(
                reason: "adapters.targets (\(adapters.targets.joined(separator: ", "))) match no weight of a MatMul or Gemm; there are "
                    + (names.isEmpty ? "none" : names.prefix(12).joined(separator: ", ") + (names.count > 12 ? ", …" : "")))
        }
        for weight in adapted { try weight.checkReaders(index, model.graph) }
        let weights = Set(adapted.map(\.weight))
        if let left = start?.factors.first(where: { !weights.contains($0.weight) }) {
            throw .invalid(
                place: "adapters",
                reason: "there is an adapter of '\(left.weight)' already, and adapters.targets leave that out: merge it first")
        }
        model.graph.nodes = nodes
        model.graph.initializers += builder.initializers
        return adapted
    }

    /// Returns the initializer that is the right operand of a MatMul or Gemm, perhaps through a Transpose, and whether it is stored
    /// transposed.
    private static func weight(of node: Node, _ graph: Graph, _ index: GraphIndex) -> (StoredTensor, isTransposed: Bool)? {
        guard canonicalDomain(node.domain).isEmpty, node.operatorType == "MatMul" || node.operatorType == "Gemm", node.inputs.count > 1,
            (node.attribute("transA")?.int ?? 0) == 0
        else { return nil }
        var isTransposed = (node.attribute("transB")?.int ?? 0) != 0
        var name = node.inputs[1]
        if let producer = index.producers[name].map({ graph.nodes[$0] }), producer.operatorType == "Transpose" {
            isTransposed.toggle()
            name = producer.inputs[0]
        }
        guard let stored = graph.initializer(name), stored.shape.rank == 2, stored.elementType == .float32 || stored.elementType == .float64
        else { return nil }
        return (stored, isTransposed)
    }

    /// Returns whether training can start from these factors.
    func takes(_ factors: LowRankAdapter.Factors, rank: Int) -> Bool {
        factors.weight == weight && factors.isTransposed == isTransposed && factors.scale == scale
            && factors.down.shape.dimensions.last == rank
    }

    /// Returns the known factors, or else `A` uniform from `-1 / sqrt(K)` to `1 / sqrt(K)` and `B` 0, with which the model computes what it
    /// did without them.
    private func firstValues(
        extents: [Int], rank: Int, type: ElementType, _ known: LowRankAdapter.Factors?, _ random: inout SplitMix
    ) throws(AutodiffError) -> [StoredTensor] {
        if let known {
            let fits = takes(known, rank: rank) && known.down.shape == [extents[0], rank] && known.up.shape == [rank, extents[1]]
            guard fits, known.down.elementType == type, known.up.elementType == type else {
                throw .invalid(
                    place: "adapters", reason: "the adapter of '\(weight)' that is there has another rank, scale or shape: merge it first")
            }
            return [StoredTensor(down, known.down), StoredTensor(up, known.up)]
        }
        let bound = 1 / Double(extents[0]).squareRoot()
        let a = (0..<extents[0] * rank).map { _ in random.symmetric() * bound }
        let shape: Shape = [extents[0], rank]
        let zeros = Tensor(zeros: type, shape: [rank, extents[1]])
        let first = type == .float64 ? Tensor(.float64, shape, a) : Tensor(.float32, shape, a.map { Float($0) })
        return [StoredTensor(down, first)] + (zeros.map { [StoredTensor(up, $0)] } ?? [])
    }

    /// Replaces the node by `y = node(x) + scale * alpha * (x A) B`.
    private func append(beside node: Node, type: ElementType, to builder: inout GraphBuilder) {
        var own = node
        own.outputs[0] = builder.name(node.outputs[0] + "/frozen")
        builder.append(own)
        let product = builder.add("MatMul", [builder.add("MatMul", [node.inputs[0], down]), up])
        let factor = scale * Double(node.attribute("alpha")?.float ?? 1)
        let scaled = factor == 1 ? product : builder.add("Mul", [product, builder.scalar(factor, type)])
        builder.append(Node("Add", [own.outputs[0], scaled], [node.outputs[0]]))
    }

    /// Throws `invalid` if another node reads the weight: the factors will be merged into it.
    private func checkReaders(_ index: GraphIndex, _ graph: Graph) throws(AutodiffError) {
        for position in index.consumers[weight] ?? [] {
            let node = graph.nodes[position]
            let reads = node.operatorType == "Transpose" ? (index.consumers[node.outputs[0]] ?? []).map { graph.nodes[$0] } : [node]
            for reader in reads where Self.weight(of: reader, graph, index)?.0.name != weight {
                throw .invalid(
                    place: reader.place,
                    reason: "it also reads '\(weight)', which adapters would change for it too: take it out of adapters.targets")
            }
        }
    }
}
