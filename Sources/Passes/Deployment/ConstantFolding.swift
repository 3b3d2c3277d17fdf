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
    /// What the engine has computed, whether it is stored or not.
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
        if let shape = knownShape(node) { return keep([shape], wanted, position, freed: 0) }
        if facts.type(node) == "Constant", facts.isConstant(wanted[0]), let tensor = try facts.tensor(wanted[0]) {
            return keep([tensor], wanted, position, freed: .max)
        }
        for output in wanted {
            guard let shape = facts.shape(output), let type = facts.elementType(output), let count = shape.elementCount else { continue }
            if let bytes = type.byteCount(elements: count), bytes > limits.outputBytes { return false }
        }
        let island = try island(position)
        if let known = computed[wanted] { return keep(known, wanted, position, freed: island.freed) }
        var model = frame
        model.graph.nodes = island.nodes
        model.graph.initializers = island.constants
        model.graph.outputs = wanted.map { Value($0, facts.types[$0]) }
        // Without a type an output is no valid one.
        guard model.graph.outputs.allSatisfy({ $0.type?.isDense ?? false }) else { return false }
        model.irVersion = max(model.irVersion, 4)
        guard let tensors = evaluate(model), tensors.count == wanted.count else { return false }
        computed[wanted] = tensors
        return keep(tensors, wanted, position, freed: island.freed)
    }

    private mutating func keep(_ tensors: [Tensor], _ wanted: [String], _ position: Int, freed: Int) -> Bool {
        for (tensor, output) in zip(tensors, wanted) {
            let bytes = tensor.strings.map { $0.reduce(0) { $0 + $1.utf8.count } } ?? tensor.bytes.count
            guard freed == .max || bytes <= limits.outputBytes && bytes - freed <= limits.growthBytes else { return false }
            if let type = facts.elementType(output), type != tensor.elementType { return false }
        }
        for (tensor, output) in zip(tensors, wanted) { results[output] = tensor }
        isDone[position] = true
        return true
    }

    private struct Island {
        var nodes: [Node] = []
        var constants: [StoredTensor] = []
        /// The number of bytes of the constants that nothing outside the island reads.
        var freed = 0
    }

    /// Returns the node with those that it needs, and the constants that they read. A result that is stored already is a constant.
    private func island(_ position: Int) throws(PassError) -> Island {
        var positions: Set<Int> = [position], waiting = [position]
        var names: Set<String> = []
        while let next = waiting.popLast() {
            guard knownShape(facts.nodes[next]) == nil else { continue }
            for input in facts.nodes[next].inputs where !input.isEmpty {
                if results[input] == nil, !facts.isConstant(input), let producer = facts.index.producers[input] {
                    if positions.insert(producer).inserted { waiting.append(producer) }
                } else {
                    names.insert(input)
                }
            }
        }
        var island = Island()
        for position in positions.sorted() {
            let node = facts.nodes[position]
            if let shape = knownShape(node) {
                island.constants.append(StoredTensor(node.outputs[0], shape))
            } else {
                island.nodes.append(node)
            }
        }
        for name in names.sorted() {
            if let tensor = results[name] {
                island.constants.append(StoredTensor(name, tensor))
            } else if let tensor = try facts.tensor(name) {
                island.constants.append(StoredTensor(name, tensor))
                let readers = facts.index.consumers[name] ?? []
                if !facts.outputs.contains(name), readers.allSatisfy({ positions.contains($0) || isDone[$0] }) {
                    island.freed += tensor.bytes.count
                }
            }
        }
        return island
    }
}

extension ValueType {
    fileprivate var isDense: Bool {
        guard case .tensor(.some, _) = self else { return false }
        return true
    }
}
