import FileSystem
import Recipes

extension GradientDescent {
    /// Returns the fields of a card that describe a training, under the pipeline's own keys: those that every training has, and those of
    /// the others that are not the default.
    /// - Parameter threads: the number of threads that the training had.
    func cardSettings(threads: Int) -> [String: JSONValue] {
        let alwaysThere: Set = [
            "epochs", "batch_size", "accumulate", "validation", "seed", "train_on", "learning_rate", "weight_decay", "warm_up", "every",
            "factor",
        ]
        var settings: [String: JSONValue] = [
            "loss": .text(loss.kind.rawValue), "optimizer": .text(optimizer.kind.rawValue), "schedule": .text(schedule.kind.rawValue),
            "threads": .integer(Int64(threads)),
        ]
        var standard = GradientDescent(loss: loss)
        standard.use(optimizer.kind)
        standard.schedule.kind = schedule.kind
        for key in Self.hyperparameters + Self.optimizerOptions + Self.scheduleOptions {
            guard let value = key.value(self), alwaysThere.contains(key.key) || value != key.value(standard) else { continue }
            settings[key.key] = JSONValue(value)
        }
        if !outputs.isEmpty { settings["output"] = .list(outputs.map { .text($0) }) }
        if let adapters {
            settings["adapters"] = .table([
                "rank": .integer(Int64(adapters.rank)), "targets": .list(adapters.targets.map { .text($0) }),
                "merge": .flag(adapters.merge),
            ])
        }
        if let patience = earlyStopping?.patience { settings["early_stopping"] = .integer(Int64(patience)) }
        return settings
    }
}

extension JSONValue {
    fileprivate init(_ value: HyperparameterValue) {
        self =
            switch value {
            case .integer(let number): .integer(Int64(number))
            case .number(let number): .number(number)
            case .numbers(let numbers): .list(numbers.map { .number($0) })
            case .flag(let flag): .flag(flag)
            case .word(let word): .text(word)
            case .names(let names): .list(names.map { .text($0) })
            }
    }
}
