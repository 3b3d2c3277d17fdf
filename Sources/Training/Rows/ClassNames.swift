import Columnar

/// Knows the classes by name. It finds the class that a label means, whatever the format of its file writes: `1`, `1.0` and `"1"` are one
/// number, and so is a class `1`; `true` and `True` are one boolean, and so are `1` and `0` where the classes are named by booleans, or the
/// other way round.
struct ClassNames {
    let names: [String]
    private var exact: [String: Int] = [:]
    private var numbers: [String: Int?] = [:]
    private var truths: [Bool: Int?] = [:]

    init(_ names: [String]) {
        self.names = names
        for (index, name) in names.enumerated() {
            if exact[name] == nil { exact[name] = index }
            // A text that could mean two classes means neither of them.
            if let number = DecimalText.canonical(name) { numbers.updateValue(numbers.keys.contains(number) ? nil : index, forKey: number) }
            if let truth = Self.truth(name) { truths.updateValue(truths.keys.contains(truth) ? nil : index, forKey: truth) }
        }
        if truths.count < 2 { truths = [:] }
    }

    /// Returns nil where the label is not a class.
    func index(of label: String) -> Int? {
        if let index = exact[label] { return index }
        if let number = DecimalText.canonical(label), let index = numbers[number] { return index }
        return Self.truth(label).flatMap { truths[$0] ?? nil }
    }

    private static func truth(_ text: String) -> Bool? {
        switch text.lowercased() {
        case "true": true
        case "false": false
        default:
            switch DecimalText.canonical(text) {
            case "1": true
            case "0": false
            default: nil
            }
        }
    }
}
