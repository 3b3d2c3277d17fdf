/// Describes one key of a recipe: how a pipeline spells it, which values it takes and what it means.
///
/// The tables of these (`GradientDescent.hyperparameters`, `Optimizer.options` and the like) are the only place that lists the keys of
/// training. The YAML reader, the revision, the model's card and the check before a training use them.
package struct Hyperparameter<Root>: Sendable {
    package let key: String
    package let domain: HyperparameterDomain
    /// The meaning of the key, for documentation: a phrase without a full stop.
    package let meaning: String
    /// Returns the value of the key; nil where `Root` does not have it, or where it is off.
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

    /// Returns the same key as a key of the value that holds the root.
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
    /// The key takes a number. `like` is an example for messages.
    case number(NumberRange, like: String)
    /// The key takes a list of numbers. `count` is their number; nil takes any number of them.
    case numbers(NumberRange, count: Int?, like: String)
    case flag
    case word([String])
    /// The key takes names or patterns of names, whose order has no meaning.
    case names
}

/// Says which numbers a key takes, in words too.
package struct NumberRange: Sendable {
    package let contains: @Sendable (Double) -> Bool
    package let text: String

    package static let positive = NumberRange(contains: { $0 > 0 && $0.isFinite }, text: "a number above 0")
    package static let notNegative = NumberRange(contains: { $0 >= 0 && $0.isFinite }, text: "a number of at least 0")
    /// The range of a share or a decay, which is always less than 1.
    package static let belowOne = NumberRange(contains: { $0 >= 0 && $0 < 1 }, text: "a number of at least 0 and below 1")
    package static let upToOne = NumberRange(contains: { $0 >= 0 && $0 <= 1 }, text: "a number from 0 to 1")
    package static let between = NumberRange(contains: { $0 > 0 && $0 < 1 }, text: "a number between 0 and 1")
}

// MARK: Making them

extension Hyperparameter {
    package typealias Path<Value> = any WritableKeyPath<Root, Value> & Sendable

    /// Makes a key whose value `Root` may lack; setting it there has no effect.
    private static func key<Value>(
        _ key: String, _ domain: HyperparameterDomain, _ meaning: String, _ path: Path<Value?>,
        _ wrap: @escaping @Sendable (Value) -> HyperparameterValue, _ unwrap: @escaping @Sendable (HyperparameterValue) -> Value?
    ) -> Self {
        .init(key: key, domain: domain, meaning: meaning, value: { $0[keyPath: path].map(wrap) }) { root, value in
            if let value = unwrap(value) { root[keyPath: path] = value }
        }
    }

    /// Makes a key whose value `Root` always has.
    private static func key<Value>(
        _ key: String, _ domain: HyperparameterDomain, _ meaning: String, _ path: Path<Value>,
        _ wrap: @escaping @Sendable (Value) -> HyperparameterValue, _ unwrap: @escaping @Sendable (HyperparameterValue) -> Value?
    ) -> Self {
        .init(key: key, domain: domain, meaning: meaning, value: { wrap($0[keyPath: path]) }) { root, value in
            if let value = unwrap(value) { root[keyPath: path] = value }
        }
    }

    static func integer(_ key: String, _ path: Path<Int>, _ range: ClosedRange<Int>, _ meaning: String) -> Self {
        .key(key, .integer(range), meaning, path, { .integer($0) }, \.integer)
    }

    static func integer(_ key: String, _ path: Path<Int?>, _ range: ClosedRange<Int>, _ meaning: String) -> Self {
        .key(key, .integer(range), meaning, path, { .integer($0) }, \.integer)
    }

    static func number(_ key: String, _ path: Path<Double>, _ range: NumberRange, like: String, _ meaning: String) -> Self {
        .key(key, .number(range, like: like), meaning, path, { .number($0) }, \.number)
    }

    static func number(_ key: String, _ path: Path<Double?>, _ range: NumberRange, like: String, _ meaning: String) -> Self {
        .key(key, .number(range, like: like), meaning, path, { .number($0) }, \.number)
    }

    static func numbers(
        _ key: String, _ path: Path<[Double]?>, _ range: NumberRange, count: Int? = nil, like: String, _ meaning: String
    ) -> Self {
        .key(key, .numbers(range, count: count, like: like), meaning, path, { .numbers($0) }, \.numbers)
    }

    static func flag(_ key: String, _ path: Path<Bool?>, _ meaning: String) -> Self {
        .key(key, .flag, meaning, path, { .flag($0) }, \.flag)
    }

    static func names(_ key: String, _ path: Path<[String]>, _ meaning: String) -> Self {
        .key(key, .names, meaning, path, { .names($0) }, \.names)
    }

    static func word<Word: RawRepresentable<String> & CaseIterable & Sendable>(_ key: String, _ path: Path<Word>, _ meaning: String) -> Self
    {
        .key(key, .word(Word.allCases.map(\.rawValue)), meaning, path, { .word($0.rawValue) }, { $0.word.flatMap(Word.init) })
    }

    static func word<Word: RawRepresentable<String> & CaseIterable & Sendable>(
        _ key: String, _ path: Path<Word?>, _ meaning: String
    ) -> Self {
        .key(key, .word(Word.allCases.map(\.rawValue)), meaning, path, { .word($0.rawValue) }, { $0.word.flatMap(Word.init) })
    }
}

extension HyperparameterValue {
    fileprivate var integer: Int? { if case .integer(let number) = self { number } else { nil } }
    fileprivate var number: Double? { if case .number(let number) = self { number } else { nil } }
    fileprivate var numbers: [Double]? { if case .numbers(let numbers) = self { numbers } else { nil } }
    fileprivate var flag: Bool? { if case .flag(let flag) = self { flag } else { nil } }
    fileprivate var word: String? { if case .word(let word) = self { word } else { nil } }
    fileprivate var names: [String]? { if case .names(let names) = self { names } else { nil } }
}
