import ONNX
import Tensors

/// Finds and computes the nodes of one graph that can be folded.
struct ConstantFolding {
    let facts: GraphFacts
    let limits: FoldingLimits
    let evaluate: ConstantEvaluator
    private let frame: Model
    /// The results that are stored, by name.
    private(set) var results: [String: Tensor] = [:]
    /// Tells of each node whether it goes: its results are stored, or read by nodes alone that go.
    private(set) var isDone: [Bool]
    private var isRefused: [Bool]
    /// What the engine has computed and is small enough, so that it is not computed again after another node was refused.
    private var computed: [[String]: [Tensor]] = [:]

    init(_ model: Model, _ facts: GraphFacts, _ limits: FoldingLimits, _ evaluate: @escaping ConstantEvaluator) {
        self.facts = facts
        self.limits = limits
        self.evaluate = evaluate
        var frame = model
        frame.graph = Graph(name: "constants")
        frame.functions = []
        frame.trainingInfo = []
        self.frame = frame
        isDone = facts.nodes.map { _ in false }
        isRefused = facts.nodes.map { _ in false }
    }

    /// Folds until nothing is refused any more: what made the inputs of a refused node is then stored itself.
    mutating func run() throws(PassError) {
        while true {
            results = [:]
            isDone = facts.nodes.map { _ in false }
            let candidates = candidates()
            var isComplete = true
            for (position, node) in facts.nodes.enumerated() where candidates[position] {
                let wanted = node.outputs.filter { output in
                    !output.isEmpty
                        && (facts.outputs.contains(output) || (facts.index.consumers[output] ?? []).contains { !candidates[$0] })
                }
                guard !wanted.isEmpty else { continue }
                if try !fold(position, wanted) {
                    isRefused[position] = true
                    isComplete = false
                }
            }
            guard isComplete else { continue }
            settle(candidates)
            return
        }
    }

    /// Marks the nodes behind stored results as done, back to those whose results nobody else reads.
    private mutating func settle(_ candidates: [Bool]) {
        for position in facts.nodes.indices.reversed() where candidates[position] && !isDone[position] {
            let readers = facts.nodes[position].outputs.flatMap { facts.index.consumers[$0] ?? [] }
            isDone[position] = !readers.isEmpty && readers.allSatisfy { isDone[$0] }
        }
    }

    /// Tells of each node whether it depends on constants alone.
    private func candidates() -> [Bool] {
        var known: Set<String> = []
        return facts.nodes.enumerated().map { position, node in
            guard !isRefused[position], canFold(node) else { return false }
            let isConstant =
                knownShape(node) != nil
                || node.inputs.allSatisfy { $0.isEmpty || known.contains($0) || facts.isConstant($0) }
            if isConstant { known.formUnion(node.outputs) }
            return isConstant
        }
    }

    /// The operators whose result is stored in fewer bits than it has.
    private static let expanding: Set<String> = ["DequantizeLinear"]

    private func canFold(_ node: Node) -> Bool {
        let type = facts.type(node)
        let domain = canonicalDomain(node.domain)
        guard !type.isEmpty, domain.isEmpty || domain == "ai.onnx.ml", node.subgraphs.isEmpty, !Node.randomOperators.contains(type),
            !Self.expanding.contains(type)
        else { return false }
        // A Constant that is an output stays as it is.
        if type == "Constant" { return node.outputs.count == 1 && !facts.outputs.contains(node.outputs[0]) }
        return true
    }

    /// Returns what a Shape or Size node makes, where the shape of its input is known.
    private func knownShape(_ node: Node) -> Tensor? {
        let type = facts.type(node)
        guard type == "Shape" || type == "Size", let shape = facts.shape(node.inputs[0]) else { return nil }
        if type == "Size" { return shape.elementCount.map { Tensor(.int64, [], [Int64($0)]) } }
        let rank = shape.rank
        func bound(_ name: String, _ fallback: Int) -> Int {
            let given = node.attribute(name)?.int.map { Int($0) } ?? fallback
            return min(max(given < 0 ? given + rank : given, 0), rank)
        }
        let start = bound("start", 0), end = bound("end", rank)
        let extents = start < end ? shape.dimensions[start..<end].map { Int64($0) } : []
        return Tensor(.int64, [extents.count], extents)
    }

    /// Computes a node with all that it needs and keeps the wanted results. Returns false where it stays.
    private mutating func fold(_ position: Int, _ wanted: [String]) throws(PassError) -> Bool {
        let node = facts.nodes[position]
        if let shape = knownShape(node) { return keep([shape], wanted, position) }
        if facts.type(node) == "Constant", facts.isConstant(wanted[0]), let tensor = try facts.tensor(wanted[0]) {
            return keep([tensor], wanted, position)
        }
        let island = island(position)
        // Where sizes are known before, nothing is computed in vain.
        guard island.positions.allSatisfy({ facts.nodes[$0].outputs.allSatisfy { byteCount($0) ?? 0 <= limits.outputBytes } }),
            fits(wanted.reduce(0) { $0 + (byteCount($1) ?? 0) }, island)
        else { return false }
        if let known = computed[wanted] { return keep(known, wanted, position) }
        // Without a type an output is no valid one.
        let outputs = wanted.map { Value($0, facts.types[$0]) }
        guard outputs.allSatisfy({ $0.type?.isDense ?? false }), let tensors = evaluate(try model(of: island, giving: outputs)),
            tensors.count == wanted.count, zip(tensors, wanted).allSatisfy({ $0.elementType == facts.elementType($1) }),
            tensors.allSatisfy({ $0.storedBytes <= limits.outputBytes }), fits(tensors.reduce(0) { $0 + $1.storedBytes }, island)
        else { return false }
        computed[wanted] = tensors
        return keep(tensors, wanted, position)
    }

    private mutating func keep(_ tensors: [Tensor], _ wanted: [String], _ position: Int) -> Bool {
        for (tensor, output) in zip(tensors, wanted) { results[output] = tensor }
        isDone[position] = true
        return true
    }

    private func fits(_ bytes: Int, _ island: Island) -> Bool { bytes - island.freedBytes <= limits.growthBytes }

    /// Returns the number of bytes of a value, where its type and shape are known before it is computed.
    private func byteCount(_ value: String) -> Int? {
        guard !value.isEmpty, let shape = facts.shape(value), let type = facts.elementType(value), let count = shape.elementCount else {
            return nil
        }
        return type.byteCount(elements: count)
    }

    /// A node with those that it needs.
    private struct Island {
        var positions: Set<Int> = []
        /// The constants that the nodes read, and results that are stored already.
        var constants: Set<String> = []
        /// The number of bytes of the constants that nothing outside the island reads.
        var freedBytes = 0
    }

    private func island(_ position: Int) -> Island {
        var island = Island(positions: [position]), waiting = [position]
        while let next = waiting.popLast() {
            guard knownShape(facts.nodes[next]) == nil else { continue }
            for input in facts.nodes[next].inputs where !input.isEmpty {
                if results[input] == nil, !facts.isConstant(input), let producer = facts.index.producers[input] {
                    if island.positions.insert(producer).inserted { waiting.append(producer) }
                } else {
                    island.constants.insert(input)
                }
            }
        }
        for name in island.constants where !facts.outputs.contains(name) {
            let readers = facts.index.consumers[name] ?? []
            guard readers.allSatisfy({ island.positions.contains($0) || isDone[$0] }) else { continue }
            island.freedBytes += facts.constant(name)?.byteCount ?? 0
        }
        return island
    }

    /// Returns a model of the nodes of an island, with constants in place of all that they read.
    private func model(of island: Island, giving outputs: [Value]) throws(PassError) -> Model {
        var model = frame
        model.graph.outputs = outputs
        model.irVersion = max(model.irVersion, 4)
        for position in island.positions.sorted() {
            let node = facts.nodes[position]
            if let shape = knownShape(node) {
                model.graph.initializers.append(StoredTensor(node.outputs[0], shape))
            } else {
                model.graph.nodes.append(node)
            }
        }
        for name in island.constants.sorted() {
            if let tensor = results[name] {
                model.graph.initializers.append(StoredTensor(name, tensor))
            } else if let tensor = try facts.tensor(name) {
                model.graph.initializers.append(StoredTensor(name, tensor))
            }
        }
        return model
    }
}

extension Tensor {
    /// The number of bytes that a file takes for the elements.
    fileprivate var storedBytes: Int { strings.map { $0.reduce(0) { $0 + $1.utf8.count } } ?? bytes.count }
}

extension ValueType {
    fileprivate var isDense: Bool {
        guard case .tensor(.some, _) = self else { return false }
        return true
    }
}
