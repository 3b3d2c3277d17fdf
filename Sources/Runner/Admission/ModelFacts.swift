package import Names
package import ONNX
import Recipes
import Tensors

/// Holds the facts about a model that binding needs and that its session does not give.
package struct ModelFacts: Sendable {
    /// The float inputs whose missing values are NaN unless the pipeline says otherwise: all float inputs of models with trees, and those
    /// in which the graph looks for NaN.
    package let nanInputs: NameSet
    /// The inputs whose shape the model does not state.
    package let unranked: NameSet
    /// The versions of the operator sets, by domain, as the card names them.
    package let operatorSets: [String: Int]

    package init(_ model: Model) {
        let inputs = model.graph.requiredInputs
        let hasTrees = model.requiredOperators.contains { $0.type.hasPrefix("TreeEnsemble") }
        let looking = hasTrees ? [] : MissingValues.inputs(of: model.graph)
        nanInputs = NameSet(
            inputs.filter { $0.type?.elementType?.isFloatingPoint == true && (hasTrees || looking.contains($0.name)) }.map(\.name))
        operatorSets = Dictionary(
            model.operatorSets.merged.map { ($0.domain.isEmpty ? "ai.onnx" : $0.domain, Int($0.version)) },
            uniquingKeysWith: { _, last in last })
        unranked = NameSet(inputs.filter { if case .tensor(_, nil)? = $0.type { true } else { false } }.map(\.name))
    }
}

extension ModelFacts: Codable {
    private enum Key: CodingKey {
        case nanInputs, unranked, operatorSets
    }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: Key.self)
        nanInputs = NameSet(try values.decode([String].self, forKey: .nanInputs))
        unranked = NameSet(try values.decode([String].self, forKey: .unranked))
        operatorSets = try values.decode([String: Int].self, forKey: .operatorSets)
    }

    package func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: Key.self)
        try values.encode(nanInputs.sorted(), forKey: .nanInputs)
        try values.encode(unranked.sorted(), forKey: .unranked)
        try values.encode(operatorSets, forKey: .operatorSets)
    }
}

/// Finds the inputs that a graph sends to an operator that looks for NaN: an Imputer that replaces it, or IsNaN.
private enum MissingValues {
    /// Operators that pass values on unchanged, possibly to another place.
    private static let carrying: Set<String> = [
        "Identity", "Cast", "CastLike", "Concat", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Slice", "Split", "Gather",
        "GatherElements", "GatherND", "Expand", "Tile", "Pad", "ArrayFeatureExtractor", "FeatureVectorizer", "Dropout", "Where",
    ]

    static func inputs(of graph: Graph) -> NameSet {
        // The inputs whose values reach each value, by its name.
        var origins: NameMap<NameSet> = [:]
        var found: NameSet = []
        for input in graph.requiredInputs { origins[input.name] = [input.name] }
        for node in graph.nodes {
            let reaching = node.inputs.reduce(into: NameSet()) { $0.formUnion(origins[$1] ?? []) }
            if reaching.isEmpty { continue }
            if looksForNaN(node) { found.formUnion(reaching) }
            guard carrying.contains(node.operatorType) else { continue }
            for output in node.outputs where !output.isEmpty { origins[output] = reaching }
        }
        return found
    }

    private static func looksForNaN(_ node: Node) -> Bool {
        switch node.operatorType {
        case "IsNaN": canonicalDomain(node.domain).isEmpty
        case "Imputer": node.attribute("replaced_value_float")?.float?.isNaN == true
        default: false
        }
    }
}
