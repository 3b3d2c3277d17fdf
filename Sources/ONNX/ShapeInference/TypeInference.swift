import Names
import Tensors

/// Holds the types of values as far as they follow from a graph's inputs, constants and operators.
package struct InferredTypes: Sendable {
    /// The types of the graph's own values by name: inputs, initializers, everything in between, outputs.
    fileprivate(set) var byName: NameMap<ValueType> = [:]
    /// The operators that no rule knows; the types of their outputs are those that the file states.
    package fileprivate(set) var operatorsWithoutRule: Set<String> = []
    /// The values whose inferred type contradicts the one that the file states. The inferred type counts.
    package fileprivate(set) var contradictions: [String] = []

    package subscript(name: String) -> ValueType? { byName[name] }

    /// The types by name, for callers whose models have no two names that only look alike: the passes refuse other models.
    package var types: [String: ValueType] { Dictionary(byName.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first }) }
}

extension Model {
    /// Infers element types and shapes, with symbolic extents kept. Throws where a node cannot be applied to its inputs, and names it; also
    /// where the work that is computed from constants alone exceeds `bounds`. Unknown types and extents stay open. Nothing is run;
    /// constants that hold shapes are followed through the operators that compute them.
    package func inferTypes(bounds: ModelBounds = ModelBounds()) throws(ONNXError) -> InferredTypes {
        let inference = TypeInference(model: self, bounds: bounds)
        try inference.run(graph, inputs: nil, imports: operatorSets, depth: 0)
        var result = InferredTypes()
        result.byName = inference.types
        result.operatorsWithoutRule = inference.unknown
        result.contradictions = inference.contradictions
        return result
    }
}

/// Walks once over a graph and what is in it. It is a class, since subgraphs see and add to the same facts; it never leaves one thread.
private final class TypeInference {
    private let functions: [String: Function]
    private(set) var types: NameMap<ValueType> = [:]
    private var contents: NameMap<[Dimension]> = [:]
    private var constants: NameMap<StoredTensor> = [:]
    /// The values that depend on no input of the model, whether their content is known or not.
    private var fixed: NameSet = []
    private var estimate: ConstantEstimate
    /// Tells whether a caller can override an initializer that is also an input, which is not possible before IR version 4.
    private let overridesInitializers: Bool
    private(set) var unknown: Set<String> = []
    private(set) var contradictions: [String] = []

    /// The depth to which function calls and subgraphs can nest in a model that passed the safety check; types at a greater depth stay
    /// open.
    private static let deepest = ModelBounds.deepestCalls + 40
    /// The size above which constants are never shapes.
    private static let largestContent = 1024

    init(model: Model, bounds: ModelBounds) {
        functions = Dictionary(
            model.functions.map { (FunctionTable.key($0.domain, $0.name), $0) }, uniquingKeysWith: { first, _ in first })
        estimate = ConstantEstimate(model, bounds)
        overridesInitializers = model.irVersion >= 4
    }

    @discardableResult
    func run(
        _ graph: Graph, inputs: [ValueType?]?, imports: [OperatorSet], depth: Int, keepsContents: Bool = false
    ) throws(ONNXError) -> [ValueType?] {
        let inputNames = NameSet(graph.inputs.map(\.name))
        for (position, input) in graph.inputs.enumerated() {
            let given = inputs.flatMap { position < $0.count ? $0[position] : nil }
            if !keepsContents { forget(input.name) }
            types[input.name] = agreed(given, input.type, input.name)
        }
        for tensor in graph.initializers {
            if !inputNames.contains(tensor.name) { forget(tensor.name) }
            note(tensor, as: tensor.name, isConstant: !inputNames.contains(tensor.name))
            if !overridesInitializers || !inputNames.contains(tensor.name) { fixed.insert(tensor.name) }
        }
        for sparse in graph.sparseInitializers {
            fixed.insert(sparse.name)
            types[sparse.name] = .tensor(sparse.values.elementType, sparse.shape.dimensions.map(Dimension.fixed))
        }
        let stated = NameMap((graph.values + graph.outputs).map { ($0.name, $0.type) }, uniquingKeysWith: { $0 ?? $1 })
        for node in graph.nodes {
            let inferred = try infer(node, imports: imports, depth: depth)
            for (position, output) in node.outputs.enumerated() where !output.isEmpty {
                let found = position < inferred.count ? inferred[position] : nil
                types[output] = agreed(found, stated[output] ?? nil, output)
            }
        }
        return graph.outputs.map { types[$0.name] }
    }

    private func infer(_ node: Node, imports: [OperatorSet], depth: Int) throws(ONNXError) -> [ValueType?] {
        for output in node.outputs where !output.isEmpty { forget(output) }
        let domain = canonicalDomain(node.domain)
        let inputs = node.inputs.map { $0.isEmpty ? nil : types[$0] }
        if let function = functions[FunctionTable.key(node.domain, node.operatorType)] {
            guard depth < Self.deepest else { return [] }
            // A body has names of its own: the facts around it are set aside meanwhile, except those about its inputs.
            let outside = (types, contents, constants, fixed)
            (types, contents, constants, fixed) = ([:], [:], [:], [])
            for (formal, actual) in zip(function.inputs, node.inputs) {
                contents[formal] = outside.1[actual]
                constants[formal] = outside.2[actual]
                if outside.3.contains(actual) { fixed.insert(formal) }
            }
            defer {
                let known = zip(function.outputs, node.outputs).filter { fixed.contains($0.0) }.map(\.1)
                (types, contents, constants, fixed) = outside
                fixed.formUnion(known)
            }
            return try run(
                function.body(for: node), inputs: inputs, imports: function.operatorSets, depth: depth + 1, keepsContents: true)
        }
        let facts = InferenceNode(
            node: node, version: imports.version(of: domain) ?? 1, inputs: inputs,
            contents: node.inputs.map { contents[$0] },
            constant: { position in
                guard position < node.inputs.count, let stored = self.constants[node.inputs[position]] else { return nil }
                guard (stored.elementCount ?? .max) <= Self.largestContent else { return nil }
                do throws(ONNXError) { return try stored.tensor() } catch { return nil }
            },
            infer: { (graph, inputs) throws(ONNXError) in
                depth < Self.deepest ? try self.run(graph, inputs: inputs, imports: imports, depth: depth + 1) : []
            })
        guard let rule = InferenceRules.rule(domain: domain, type: node.operatorType) else {
            unknown.insert(node.qualifiedType)
            return []
        }
        let result = try inLoop(node, isLoop: domain.isEmpty && node.operatorType == "Loop") { () throws(ONNXError) in try rule(facts) }
        if domain.isEmpty, let output = node.outputs.first, !output.isEmpty {
            if node.operatorType == "Constant", let tensor = node.attribute("value")?.tensor {
                note(tensor, as: output, isConstant: true)
            } else if let content = ContentRules.rules[node.operatorType]?(facts), content.count <= Self.largestContent {
                contents[output] = content
            }
        }
        try follow(facts, result)
        return result
    }

    private func forget(_ name: String) {
        types[name] = nil
        contents[name] = nil
        constants[name] = nil
        fixed.remove(name)
    }

    /// Marks a node's outputs as fixed where its inputs are, and counts what it takes to compute them.
    private func follow(_ facts: InferenceNode, _ outputs: [ValueType?]) throws(ONNXError) {
        let node = facts.node
        guard node.attributes.allSatisfy({ $0.graphs.isEmpty }) else { return }
        if node.inputs.allSatisfy({ $0.isEmpty || fixed.contains($0) }) {
            for output in node.outputs where !output.isEmpty { fixed.insert(output) }
            // The value of a Constant is stored, not computed.
            if node.operatorType != "Constant" { try estimate.add(facts, outputs: outputs) }
        } else if let output = node.outputs.first, contents[output]?.fixed != nil {
            fixed.insert(output)
        }
    }

    /// Runs `body` with the turns of the loop counted, where they are known.
    private func inLoop(
        _ node: Node, isLoop: Bool, _ body: () throws(ONNXError) -> [ValueType?]
    ) throws(ONNXError) -> [ValueType?] {
        guard isLoop, let turns = certainTurns(node) else { return try body() }
        let around = try estimate.enterLoop(turns, node)
        defer { estimate.leaveLoop(around) }
        return try body()
    }

    /// Returns the trip count of a loop that nothing else ends, `Int.max` where it has none: its condition is constant from the first turn
    /// to the last. Exporters write the largest number as the trip count of a loop that its condition ends, so the number alone says
    /// nothing.
    private func certainTurns(_ node: Node) -> Int? {
        let count = node.inputs.first ?? ""
        guard let turns = count.isEmpty ? .max : contents[count]?.first?.value,
            case .graph(let body)? = node[attribute: "body"], body.inputs.count >= 2, var condition = body.outputs.first?.name
        else { return nil }
        if node.inputs.count > 1, !node.inputs[1].isEmpty, !isTrue(constants[node.inputs[1]]) { return nil }
        for producer in body.nodes.reversed() where producer.outputs.first?.isName(condition) ?? false {
            switch producer.operatorType {
            case "Identity", "Cast": condition = producer.inputs.first ?? ""
            case "Constant": return isTrue(producer.constantTensor) ? turns : nil
            default: return nil
            }
        }
        if condition.isName(body.inputs[1].name) { return turns }
        return isTrue(body.initializer(condition) ?? constants[condition]) ? turns : nil
    }

    private func isTrue(_ tensor: StoredTensor?) -> Bool {
        guard let tensor, tensor.elementCount == 1, !tensor.isExternal else { return false }
        let value: Tensor
        do throws(ONNXError) { value = try tensor.tensor() } catch { return false }
        return withExtendedLifetime(value) { value.bytes.contains { $0 != 0 } }
    }

    private func note(_ tensor: StoredTensor, as name: String, isConstant: Bool) {
        types[name] = .tensor(tensor.elementType, tensor.shape.dimensions.map(Dimension.fixed))
        guard isConstant, !tensor.isExternal else { return }
        constants[name] = tensor
        guard tensor.shape.rank <= 1, (tensor.elementCount ?? .max) <= Self.largestContent else { return }
        let read: Tensor?
        do throws(ONNXError) { read = try tensor.tensor() } catch { read = nil }
        switch tensor.elementType {
        case .int64: contents[name] = read?.values(as: Int64.self)?.map { .fixed(Int($0)) }
        case .int32: contents[name] = read?.values(as: Int32.self)?.map { .fixed(Int($0)) }
        default: break
        }
    }

    private func agreed(_ inferred: ValueType?, _ stated: ValueType?, _ name: String) -> ValueType? {
        if let both = ValueType.merge(inferred, stated) { return both }
        contradictions.append("'\(name)' is stated as \(stated?.description ?? "") but follows to be \(inferred?.description ?? "")")
        return inferred
    }
}
