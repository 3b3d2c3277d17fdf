import ONNX
import Tensors

/// One walk from the seeds back to the wanted values. Rules say what an operator's inputs get; everything else is decided here: what lies
/// on the path, sums over broadcast axes, sums of several uses, branches, and what is said where it cannot be done.
final class BackwardWalk {
    let graph: GradientGraph
    private let model: Model
    private let wanted: [String]
    private let options: GradientOptions
    private let constants: [String: StoredTensor]
    private let known: Set<String>
    /// Values that go into operators with poles.
    private let feedsPole: Set<String>
    /// Values of which some elements may be left out (by Where) or asked for (by IsNaN), perhaps since they are NaN.
    private let selected: Set<String>
    /// The cotangents that have come together so far, by value.
    private var cotangents: [String: [Symbol]] = [:]
    /// Values through which a wanted one can be reached, each with the value before it on the way there.
    private var origin: [String: String] = [:]
    /// For each value with a cotangent, the value after it on the way to the loss.
    private var towardsLoss: [String: String] = [:]
    private var forms: [Gradients.ChosenForm] = []
    /// Operators without a gradient whose inputs depend on wanted values.
    private var ends: Set<String> = []
    /// In a survey, errors are collected and the walk goes on.
    var survey: PathSurvey?

    init(_ model: Model, seeds: [String: String], wanted: [String], options: GradientOptions) throws(AutodiffError) {
        if let version = model.operatorSetVersion(), version < ReverseMode.oldestOperatorSet {
            throw .invalid(
                place: "the model",
                reason:
                    "its operator set is version \(version), gradients are built from version \(ReverseMode.oldestOperatorSet) on: raise it first"
            )
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
        let way = ends.isEmpty
            ? "there is no way, or only through operators without one, as ArgMax, Round and comparisons are"
            : "the way ends at operators without one: \(ends.sorted().joined(separator: ", "))"
        return "no gradient leads back to \(names): \(way)"
    }

    /// Marks what depends on the wanted values, in topological order.
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

    /// The values through which a node's outputs depend on the wanted ones.
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

    /// From the last node to the first: gives the inputs of each node on the path their part.
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
                // What lies behind it is surveyed as if it had a gradient.
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

    /// Computes the operator again as what it is made of, and differentiates that.
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

    /// The sum of what came together; taken once all uses of the value have been walked.
    private func cotangent(of name: String) -> Symbol? {
        guard let parts = cotangents[name], let first = parts.first else { return nil }
        if parts.count == 1 { return first }
        // ONNX Runtime takes three times as long for a Sum of four as for three of these.
        let sum = parts.dropFirst().reduce(first) { $0.apply("Add", [$1], extents: graph.extents(name)) }
        cotangents[name] = [sum]
        return sum
    }

    /// A gradient If with a branch for each of the forward's: the branch's own nodes again, since what is inside one is not seen outside,
    /// and behind them the cotangents of the outer values that either of them captures.
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

    /// The nodes of a branch under new names, its initializers as constants among them.
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

    /// The ends of a long chain.
    private static func shortened(_ names: [String]) -> [String] {
        names.count <= 8 ? names : names.prefix(4) + ["(\(names.count - 8) more)"] + names.suffix(4)
    }
}

extension Node {
    /// Replaces names, those that subgraphs take from here included.
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
