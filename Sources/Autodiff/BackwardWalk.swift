import ONNX
import Tensors

/// Walks once from the seeds back to the wanted values. Rules give the gradients of one operator; everything else is decided here: which
/// nodes are on the path, sums over broadcast axes, sums over several uses of a value, branches, and the words of errors.
final class BackwardWalk {
    let graph: GradientGraph
    private let model: Model
    private let wanted: [String]
    private let options: GradientOptions
    private let constants: [String: StoredTensor]
    private let known: Set<String>
    /// The values that operators with poles read.
    private let feedsPole: Set<String>
    /// The values whose elements may be NaN on purpose, because Where leaves some out or IsNaN asks for them.
    private let selected: Set<String>
    /// The cotangents that each use of a value has given it so far.
    private var cotangents: [String: [Symbol]] = [:]
    /// The values that depend on a wanted one, each with the value before it on the path from there.
    private var origin: [String: String] = [:]
    /// The next value on the path to the loss, for each value with a cotangent.
    private var towardsLoss: [String: String] = [:]
    private var forms: [Gradients.ChosenForm] = []
    /// The operators with a zero gradient whose inputs depend on wanted values.
    private var ends: Set<String> = []
    /// Collects errors, so that the walk goes on after them; nil if the first error ends it.
    var survey: PathSurvey?

    init(_ model: Model, seeds: [String: String], wanted: [String], options: GradientOptions) throws(AutodiffError) {
        if let version = model.operatorSetVersion(), version < ReverseMode.oldestOperatorSet {
            let reason =
                "its operator set is version \(version), gradients are built from version \(ReverseMode.oldestOperatorSet) on: "
                + "raise it first"
            throw .invalid(place: "the model", reason: reason)
        }
        let types: InferredTypes
        do { types = try model.inferTypes() } catch { throw .invalid(place: "the model", reason: "\(error)") }
        self.model = model
        self.wanted = wanted
        self.options = options
        var known = Set(model.graph.inputs.map(\.name) + model.graph.initializers.map(\.name) + model.graph.sparseInitializers.map(\.name))
        for node in model.graph.nodes { known.formUnion(node.outputs) }
        self.known = known
        var feedsPole: Set<String> = [], selected: Set<String> = []
        model.graph.forEachNode {
            let traits = OperatorTable.record(of: $0).traits
            if traits.contains(.hasPole) { feedsPole.formUnion($0.inputs) }
            if traits.contains(.expectsNaN) { selected.formUnion($0.inputs) }
        }
        for node in model.graph.nodes.reversed() where OperatorTable.record(of: node).traits.contains(.copies) {
            if selected.contains(node.outputs[0]) { selected.formUnion(node.inputs) }
        }
        self.feedsPole = feedsPole
        self.selected = selected
        graph = GradientGraph(extending: model.graph, types: types.types)
        var variable = Set(wanted)
        variable.formUnion(model.graph.inputs.map(\.name))
        var constants: [String: StoredTensor] = [:]
        for tensor in model.graph.initializers where !variable.contains(tensor.name) { constants[tensor.name] = tensor }
        model.graph.forEachNode { node in
            for subgraph in node.subgraphs { for tensor in subgraph.initializers { constants[tensor.name] = tensor } }
            if node.operatorType == "Constant", let output = node.outputs.first, !variable.contains(output) {
                constants[output] = node.constantTensor
            }
        }
        self.constants = constants
        for name in wanted where !known.contains(name) { throw .unknownValue(name) }
        for (name, cotangent) in seeds.sorted(by: { $0.key < $1.key }) {
            for value in [name, cotangent] where !known.contains(value) { throw .unknownValue(value) }
            seed(name, graph.symbol(cotangent))
        }
    }

    func knows(_ name: String) -> Bool { known.contains(name) }

    func seed(_ name: String, _ cotangent: Symbol) {
        cotangents[name, default: []].append(cotangent)
    }

    func run() throws(AutodiffError) -> Gradients {
        for name in wanted {
            guard graph.type(name)?.elementType.map(\.isFloatingPoint) ?? true else {
                throw .invalid(
                    place: "'\(name)'",
                    reason: "it is \(graph.type(name)?.description ?? ""), and only floating point values have gradients")
            }
            origin[name] = name
        }
        try trace(model.graph.nodes)
        let seeded = cotangents.keys.sorted()
        guard seeded.contains(where: { origin[$0] != nil }) else {
            throw .nothingTrainable(reason: unreachable)
        }
        try walk(model.graph.nodes)
        var names: [String: String] = [:]
        for name in wanted { names[name] = cotangent(of: name)?.name }
        return Gradients(names: names, forms: forms)
    }

    /// The reason why no seed depends on a wanted value.
    private var unreachable: String {
        if wanted.isEmpty { return "the model has no floating point weights" }
        let names = wanted.prefix(5).map { "'\($0)'" }.joined(separator: ", ") + (wanted.count > 5 ? " and \(wanted.count - 5) more" : "")
        let way =
            ends.isEmpty
            ? "there is no way, or only through operators without one, as ArgMax, Round and comparisons are"
            : "the way ends at operators without one: \(ends.sorted().joined(separator: ", "))"
        return "no gradient leads back to \(names): \(way)"
    }

    /// Marks the values that depend on wanted ones. `nodes` are in topological order.
    private func trace(_ nodes: [Node]) throws(AutodiffError) {
        for node in nodes {
            guard let source = paths(into: node).first else { continue }
            if case .zero = OperatorTable.record(of: node).gradient {
                ends.insert(node.qualifiedType)
                continue
            }
            for output in node.outputs where !output.isEmpty && mayHaveCotangent(output) && origin[output] == nil {
                origin[output] = source
            }
        }
    }

    /// Returns the values that a node reads and through which its outputs depend on wanted ones.
    private func paths(into node: Node) -> [String] {
        let constant = OperatorTable.record(of: node).inputsWithoutGradient(node)
        var found: [String] = []
        for (position, input) in node.inputs.enumerated()
        where !input.isEmpty && origin[input] != nil && !constant.contains(position) && mayHaveCotangent(input) {
            found.append(input)
        }
        for subgraph in node.subgraphs { found += subgraph.outerNames.filter { origin[$0] != nil && mayHaveCotangent($0) }.sorted() }
        return found
    }

    private func mayHaveCotangent(_ name: String) -> Bool {
        switch graph.type(name) {
        case .some(.tensor(let type?, _)): type.isFloatingPoint
        case .some(.tensor(nil, _)), nil: true
        default: true
        }
    }

    /// Goes from the last node to the first, and adds the gradients of each node on the path to those of its inputs.
    private func walk(_ nodes: [Node]) throws(AutodiffError) {
        for node in nodes.reversed() {
            guard node.outputs.contains(where: { cotangents[$0] != nil }) else { continue }
            if case .zero = OperatorTable.record(of: node).gradient { continue }
            let sources = Set(paths(into: node))
            guard !sources.isEmpty, node.outputs.contains(where: { cotangents[$0] != nil && origin[$0] != nil }) else { continue }
            for source in sources where towardsLoss[source] == nil {
                towardsLoss[source] = node.outputs.first { cotangents[$0] != nil }
            }
            do throws(AutodiffError) {
                try differentiate(node, sources)
                survey?.passed(node)
            } catch {
                let complete = self.complete(error, node, sources)
                guard survey != nil else { throw complete }
                survey?.refused(node, complete)
                // The nodes after it are surveyed as if it had a gradient.
                for source in sources { add(graph.symbol(source).zeros, to: source) }
            }
        }
    }

    private func differentiate(_ node: Node, _ sources: Set<String>) throws(AutodiffError) {
        let outputs = node.outputs.map { $0.isEmpty ? nil : cotangent(of: $0) }
        let record = OperatorTable.record(of: node)
        let excluded = record.inputsWithoutGradient(node)
        let context = RuleContext(
            node: node, graph: graph, cotangents: outputs,
            wanted: node.inputs.enumerated().map { sources.contains($1) && !excluded.contains($0) }, options: options,
            mayBeInfinite: node.outputs.contains(where: feedsPole.contains), mayHoldNaN: node.outputs.contains(where: selected.contains),
            constantValue: { name in
                guard let stored = self.constants[name], !stored.isExternal, (stored.elementCount ?? .max) <= 4096 else { return nil }
                do throws(ONNXError) { return try stored.tensor() } catch { return nil }
            },
            note: { self.forms.append(Gradients.ChosenForm(node: node.place, form: $0)) })
        let parts: [Symbol?]
        switch record.gradient {
        case .rule(let rule): parts = try rule(context)
        case .expansion(let expansion): return try differentiate(expansion, context, outputs, sources.sorted())
        case .branches: return try differentiateIf(node, outputs, sources.sorted())
        case .refused(let reason): throw context.refused(reason)
        case .zero: return
        }
        for position in node.inputs.indices where context.needs(position) {
            guard position < parts.count, let part = parts[position] else {
                if graph.type(node.inputs[position])?.elementType == nil { continue }
                throw context.refused("nothing is known of its gradient by input \(position), '\(node.inputs[position])'")
            }
            let input = graph.symbol(node.inputs[position])
            add(record.traits.contains(.broadcasts) ? Broadcasting.reduce(part, to: input) : part, to: node.inputs[position])
        }
    }

    /// Computes the operator again in simpler operators, and differentiates those.
    private func differentiate(
        _ expansion: Expansion, _ context: RuleContext, _ outputs: [Symbol?], _ sources: [String]
    ) throws(AutodiffError) {
        let (results, nodes) = try graph.recorded { () throws(AutodiffError) in try expansion(context) }
        let outside = (cotangents, origin, towardsLoss)
        cotangents = [:]
        for (position, cotangent) in outputs.enumerated() {
            guard let cotangent else { continue }
            guard position < results.count, let result = results[position] else {
                throw context.refused("the loss depends on its output \(position), which is not differentiated")
            }
            seed(result.name, cotangent)
        }
        try trace(nodes)
        try walk(nodes)
        let parts = sources.map { cotangent(of: $0) }
        (cotangents, origin, towardsLoss) = outside
        for (name, part) in zip(sources, parts) { if let part { add(part, to: name) } }
    }

    private func add(_ part: Symbol, to name: String) {
        graph.declare(part.name, graph.type(name))
        cotangents[name, default: []].append(part)
    }

    /// Returns the sum of the cotangents from all uses of a value. The walk must be past the last of them.
    private func cotangent(of name: String) -> Symbol? {
        guard let parts = cotangents[name], let first = parts.first else { return nil }
        if parts.count == 1 { return first }
        // ONNX Runtime takes three times as long for a Sum of four as for three of these.
        let sum = parts.dropFirst().reduce(first) { $0.apply("Add", [$1], extents: graph.extents(name)) }
        cotangents[name] = [sum]
        return sum
    }

    /// Appends an If that gives the cotangents of the outer values that the branches read. Each of its branches repeats the nodes of the
    /// model's branch, since values inside of that are not seen outside, and then computes the cotangents.
    private func differentiateIf(_ node: Node, _ outputs: [Symbol?], _ captured: [String]) throws(AutodiffError) {
        var attributes: [Attribute] = []
        for name in ["then_branch", "else_branch"] {
            guard let branch = node.attribute(name)?.graphs.first else { throw .invalid(place: node.place, reason: "it has no \(name)") }
            let outside = (cotangents, origin, towardsLoss)
            defer { (cotangents, origin, towardsLoss) = outside }
            cotangents = [:]
            let built = try graph.branch(name) { () throws(AutodiffError) in
                let (nodes, renamed) = copied(branch)
                for node in nodes { graph.append(node) }
                // Tensors that a branch owns are not seen outside it, so that nothing in them is wanted.
                for (output, cotangent) in zip(branch.outputs, outputs) {
                    if let cotangent { seed(renamed[output.name] ?? output.name, cotangent) }
                }
                try trace(nodes)
                try walk(nodes)
                return captured.map { name in cotangent(of: name) ?? graph.symbol(name).zeros }
            }
            attributes.append(Attribute(name, .graph(built)))
        }
        let types = captured.map { graph.type($0) }
        let parts = graph.emit("If", [graph.symbol(node.inputs[0])], outputs: captured.count, attributes, types: types)
        for (name, part) in zip(captured, parts) { add(part, to: name) }
    }

    /// Returns the nodes of a branch with new names of their outputs. Initializers of the branch become Constant nodes.
    private func copied(_ branch: Graph) -> (nodes: [Node], renamed: [String: String]) {
        var renamed: [String: String] = [:]
        var nodes: [Node] = []
        for tensor in branch.initializers {
            renamed[tensor.name] = graph.freshName(tensor.name)
            nodes.append(Node("Constant", [], [renamed[tensor.name] ?? ""], [Attribute("value", .tensor(tensor))]))
        }
        for var node in branch.nodes {
            for output in node.outputs where !output.isEmpty { renamed[output] = graph.freshName(output) }
            node.rename(renamed)
            nodes.append(node)
        }
        for (old, new) in renamed { graph.declare(new, graph.type(old)) }
        return (nodes, renamed)
    }

    private func complete(_ error: AutodiffError, _ node: Node, _ sources: Set<String>) -> AutodiffError {
        guard case .noRule(let place, let type, let path, let reason) = error, path.isEmpty else { return error }
        var upward: [String] = []
        var value = node.outputs.first { cotangents[$0] != nil } ?? ""
        while let next = towardsLoss[value], upward.count < 200 {
            upward.append(value)
            value = next
        }
        upward.append(value)
        var downward: [String] = []
        value = sources.sorted().first ?? ""
        while let next = origin[value], downward.count < 200 {
            downward.append(value)
            if next == value { break }
            value = next
        }
        return .noRule(node: place, operatorType: type, path: Self.shortened(upward.reversed()) + Self.shortened(downward), reason: reason)
    }

    /// Returns the names, or only the first and last four of more than eight.
    private static func shortened(_ names: [String]) -> [String] {
        names.count <= 8 ? names : names.prefix(4) + ["(\(names.count - 8) more)"] + names.suffix(4)
    }
}

extension Node {
    /// Replaces names of values, also where subgraphs read them.
    fileprivate mutating func rename(_ names: [String: String]) {
        inputs = inputs.map { names[$0] ?? $0 }
        outputs = outputs.map { names[$0] ?? $0 }
        for position in attributes.indices {
            guard case .graph(var graph) = attributes[position].value else { continue }
            let inner = names.filter { graph.outerNames.contains($0.key) }
            guard !inner.isEmpty else { continue }
            for node in graph.nodes.indices { graph.nodes[node].rename(inner) }
            for output in graph.outputs.indices {
                graph.outputs[output].name = inner[graph.outputs[output].name] ?? graph.outputs[output].name
            }
            attributes[position].value = .graph(graph)
        }
    }
}
