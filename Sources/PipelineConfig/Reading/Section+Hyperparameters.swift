internal import Recipes

extension Section {
    /// Reads each of `keys` that is in this section into `root`.
    func read<Root>(_ keys: [Hyperparameter<Root>], into root: inout Root) {
        for key in keys {
            if let value = value(of: key) { key.set(&root, value) }
        }
    }

    private func value<Root>(of key: Hyperparameter<Root>) -> HyperparameterValue? {
        switch key.domain {
        case .integer(let range): integer(key.key, in: range).map { .integer($0) }
        case .number(let range, let example): number(key.key, range, like: example).map { .number($0) }
        case .numbers(let range, let count, let example): numbers(key.key, range, count: count, like: example).map { .numbers($0) }
        case .flag: boolean(key.key).map { .flag($0) }
        case .word(let words): node(key.key).flatMap { reading.word($0, path(of: key.key), of: words) }.map { .word($0) }
        case .names: names(key.key).map { .names($0) }
        }
    }
}
