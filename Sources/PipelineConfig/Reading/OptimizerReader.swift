internal import Reasons
internal import Recipes

/// Reads `optimizer` and `schedule`, each of which is a word, or a word with options.
struct OptimizerReader {
    private let gradient: Section

    init(_ gradient: Section) { self.gradient = gradient }

    func read(into descent: inout GradientDescent) {
        if let (kind, path, node) = gradient.variant("optimizer", of: Optimizer.Kind.self, like: "adamw: { learning_rate: 1.0e-3 }") {
            descent.use(kind)
            let options = GradientDescent.optimizerOptions.filter { $0.value(descent) != nil }
            if let node, let section = Section(node, path, keys: options.map(\.key), in: gradient.reading) {
                section.read(options, into: &descent)
                for fault in descent.conflicts where section.has(fault.key) {
                    section.refuse(.badValue, fault.key, fault.reason, fault.remedy)
                }
            }
        }
        if let (kind, path, node) = gradient.variant("schedule", of: Schedule.Kind.self, like: "cosine: { warm_up: 100 }") {
            descent.schedule.kind = kind
            let options = GradientDescent.scheduleOptions.filter { $0.value(descent) != nil }
            if let node { Section(node, path, keys: options.map(\.key), in: gradient.reading)?.read(options, into: &descent) }
        }
    }
}
