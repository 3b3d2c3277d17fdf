/// One key of a recipe: how a pipeline spells it, which values it takes and what it means.
///
/// The tables of these (`GradientDescent.hyperparameters`, `Optimizer.options` and the like) are the only place that lists the keys of
/// training. The YAML reader, the revision, the model's card and the check before a training follow them.
package struct Hyperparameter<Root>: Sendable {
    package let key: String
    package let domain: HyperparameterDomain
    /// What it means, for documentation: a phrase without a full stop.
    package let meaning: String
    /// Nil where `Root` does not have it, or where it is off.
    package let value: @Sendable (Root) -> HyperparameterValue?
    package let set: @Sendable (inout Root, HyperparameterValue) -> Void

    /// Returns what is wrong with the value in `root`, such as "it is 0, and must be a number above 0"; nil where nothing is.
    package func fault(in root: Root) -> String? {
        func fault(_ value: some CustomStringConvertible, _ wanted: String) -> String { "it is \(value), and must be \(wanted)" }
        switch (domain, value(root)) {
        case (.integer(let range), .integer(let number)?):
            return range.contains(number) ? nil : fault(number, "from \(range.lowerBound) to \(range.upperBound)")
        case (.number(let range, _), .number(let number)?): return range.contains(number) ? nil : fault(number, range.text)
        case (.numbers(let range, let count, _), .numbers(let numbers)?):
            if let count, numbers.count != count { return fault(numbers, "\(count) numbers") }
            return numbers.allSatisfy(range.contains) ? nil : fault(numbers, "each \(range.text)")
        default: return nil
        }
    }

    /// Returns the same key as one of the value that holds the root.
    package func within<Whole>(_ path: any WritableKeyPath<Whole, Root> & Sendable) -> Hyperparameter<Whole> {
        Hyperparameter<Whole>(
            key: key, domain: domain, meaning: meaning, value: { [value] in value($0[keyPath: path]) },
            set: { [set] in set(&$0[keyPath: path], $1) })
    }
}

package enum HyperparameterValue: Hashable, Sendable {
    case integer(Int)
    case number(Double)
    case numbers([Double])
    case flag(Bool)
    case word(String)
    case names([String])

    /// The value as words of a revision.
    package var words: [String] {
        switch self {
        case .integer(let number): ["\(number)"]
        case .number(let number): ["\(number)"]
        case .numbers(let numbers): numbers.map { "\($0)" }
        case .flag(let flag): ["\(flag)"]
        case .word(let word): [word]
        case .names(let names): names.sorted()
        }
    }
}

package enum HyperparameterDomain: Sendable {
    case integer(ClosedRange<Int>)
    /// `like` is an example for messages.
    case number(NumberRange, like: String)
    /// `count` is how many there must be; nil takes any number of them.
    case numbers(NumberRange, count: Int?, like: String)
    case flag
    case word([String])
    /// Names or patterns of names, whose order has no meaning.
    case names
}

/// The numbers that a key takes, in words too.
package struct NumberRange: Sendable {
    package let contains: @Sendable (Double) -> Bool
    package let text: String

    package static let positive = NumberRange(contains: { $0 > 0 && $0.isFinite }, text: "a number above 0")
    package static let notNegative = NumberRange(contains: { $0 >= 0 && $0.isFinite }, text: "a number of at least 0")
    /// A share or a decay, which is never all of it.
    package static let belowOne = NumberRange(contains: { $0 >= 0 && $0 < 1 }, text: "a number of at least 0 and below 1")
    package static let between = NumberRange(contains: { $0 > 0 && $0 < 1 }, text: "a number between 0 and 1")
}

// MARK: Making them

extension Hyperparameter {
    package typealias Path<Value> = any WritableKeyPath<Root, Value> & Sendable

    static func integer(_ key: String, _ path: Path<Int>, _ range: ClosedRange<Int>, _ meaning: String) -> Self {
        .init(key: key, domain: .integer(range), meaning: meaning, value: { .integer($0[keyPath: path]) }) { root, value in
            if case .integer(let number) = value { root[keyPath: path] = number }
        }
    }

    static func integer(_ key: String, _ path: Path<Int?>, _ range: ClosedRange<Int>, _ meaning: String) -> Self {
        .init(key: key, domain: .integer(range), meaning: meaning, value: { $0[keyPath: path].map { .integer($0) } }) { root, value in
            if case .integer(let number) = value { root[keyPath: path] = number }
        }
    }

    static func number(_ key: String, _ path: Path<Double>, _ range: NumberRange, like: String, _ meaning: String) -> Self {
        .init(key: key, domain: .number(range, like: like), meaning: meaning, value: { .number($0[keyPath: path]) }) { root, value in
            if case .number(let number) = value { root[keyPath: path] = number }
        }
    }

    static func number(_ key: String, _ path: Path<Double?>, _ range: NumberRange, like: String, _ meaning: String) -> Self {
        .init(key: key, domain: .number(range, like: like), meaning: meaning, value: { $0[keyPath: path].map { .number($0) } }) { root, value in
            if case .number(let number) = value { root[keyPath: path] = number }
        }
    }

    static func numbers(
        _ key: String, _ path: Path<[Double]?>, _ range: NumberRange, count: Int? = nil, like: String, _ meaning: String
    ) -> Self {
        .init(key: key, domain: .numbers(range, count: count, like: like), meaning: meaning, value: { $0[keyPath: path].map { .numbers($0) } }) { root, value in
            if case .numbers(let numbers) = value { root[keyPath: path] = numbers }
        }
    }

    static func flag(_ key: String, _ path: Path<Bool?>, _ meaning: String) -> Self {
        .init(key: key, domain: .flag, meaning: meaning, value: { $0[keyPath: path].map { .flag($0) } }) { root, value in
            if case .flag(let flag) = value { root[keyPath: path] = flag }
        }
    }

    static func names(_ key: String, _ path: Path<[String]>, _ meaning: String) -> Self {
        .init(key: key, domain: .names, meaning: meaning, value: { .names($0[keyPath: path]) }) { root, value in
            if case .names(let names) = value { root[keyPath: path] = names }
        }
    }

    static func word<Word: RawRepresentable<String> & CaseIterable & Sendable>(_ key: String, _ path: Path<Word>, _ meaning: String) -> Self {
        .init(key: key, domain: .word(Word.allCases.map(\.rawValue)), meaning: meaning, value: { .word($0[keyPath: path].rawValue) }) { root, value in
            if case .word(let text) = value, let word = Word(rawValue: text) { root[keyPath: path] = word }
        }
    }

    static func word<Word: RawRepresentable<String> & CaseIterable & Sendable>(_ key: String, _ path: Path<Word?>, _ meaning: String) -> Self {
        .init(key: key, domain: .word(Word.allCases.map(\.rawValue)), meaning: meaning, value: { $0[keyPath: path].map { .word($0.rawValue) } }) { root, value in
            if case .word(let text) = value, let word = Word(rawValue: text) { root[keyPath: path] = word }
        }
    }
}
