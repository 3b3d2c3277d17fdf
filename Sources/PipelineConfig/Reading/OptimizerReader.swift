internal import Reasons

/// Reads `optimizer` and `schedule`: each a word, or a word with options.
struct OptimizerReader {
    private let gradient: Section

    init(_ gradient: Section) { self.gradient = gradient }

    func optimizer() -> OptimizerSetting {
        guard let (kind, path, node) = gradient.variant("optimizer", of: OptimizerSetting.Kind.self, like: "adamw: { learning_rate: 1.0e-3 }")
        else { return .default }
        guard let node, let options = Section(node, path, keys: ["learning_rate", "weight_decay"] + kind.options, in: gradient.reading)
        else { return OptimizerSetting(kind) }
        let momentum = options.number("momentum", .belowOne, like: "0.9") ?? 0
        let nesterov = options.boolean("nesterov") ?? false
        if nesterov, momentum == 0 {
            options.refuse(.badValue, "nesterov", "there is no momentum to look ahead by", "write momentum: 0.9, or remove it")
        }
        return OptimizerSetting(
            kind, learningRate: options.number("learning_rate", .positive, like: "1.0e-3"),
            weightDecay: options.number("weight_decay", .notNegative, like: "0.01"), momentum: momentum, nesterov: nesterov,
            alpha: options.number("alpha", .belowOne, like: "0.99") ?? 0.99,
            betas: options.numbers("betas", .belowOne, count: 2, like: "[0.9, 0.999]"),
            epsilon: options.number("epsilon", .positive, like: "1.0e-8"))
    }

    func schedule() -> ScheduleSetting {
        guard let (kind, path, node) = gradient.variant("schedule", of: ScheduleSetting.Kind.self, like: "cosine: { warm_up: 100 }") else {
            return ScheduleSetting()
        }
        let keys: [String] =
            switch kind {
            case .constant, .oneCycle: ["warm_up"]
            case .linear, .cosine: ["warm_up", "end"]
            case .step: ["warm_up", "every", "factor"]
            }
        guard let node, let options = Section(node, path, keys: keys, in: gradient.reading) else { return ScheduleSetting(kind) }
        return ScheduleSetting(
            kind, warmUp: options.integer("warm_up", in: 0...1_000_000_000) ?? 0, every: options.integer("every", in: 1...100_000) ?? 1,
            factor: options.number("factor", .between, like: "0.1") ?? 0.1, end: options.number("end", .belowOne, like: "0.1") ?? 0)
    }
}
