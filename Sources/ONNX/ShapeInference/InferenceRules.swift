/// Holds one entry per operator, grouped by family; each family is a file.
enum InferenceRules {
    static func rule(domain: String, type: String) -> InferenceRule? {
        switch domain {
        case "": standard[type]
        case "ai.onnx.ml": machineLearning[type]
        case "ai.onnx.preview": preview[type]
        default: nil
        }
    }

    static let standard: [String: InferenceRule] = table(
        elementwise, products, windows, reductions, layout, indexing, generators, normalization, quantization, recurrent, controlFlow,
        sequences, miscellaneous)

    private static func table(_ families: [String: InferenceRule]...) -> [String: InferenceRule] {
        families.reduce(into: [:]) { table, family in table.merge(family) { first, _ in first } }
    }

    static func family(_ names: [String], _ rule: @escaping InferenceRule) -> [String: InferenceRule] {
        Dictionary(uniqueKeysWithValues: names.map { ($0, rule) })
    }
}
