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

/// Brings numbers in text to one form.
enum DecimalText {
    /// Returns the one text of a plain decimal number: `1` for `1`, `1.0` and `1.00`, `0.5` for `0.50`. Returns nil for other texts, such
    /// as `01`, `+1` and `1e3`, since only names and codes are written so.
    static func canonical(_ text: String) -> String? {
        var text = text
        return text.withUTF8 { bytes -> String? in
            var digits = bytes[...]
            let isNegative = digits.first == UInt8(ascii: "-")
            if isNegative { digits = digits.dropFirst() }
            let whole = digits.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            guard !whole.isEmpty, whole.count == 1 || whole.first != UInt8(ascii: "0") else { return nil }
            var fraction = digits[whole.endIndex...]
            if let point = fraction.first {
                fraction = fraction.dropFirst()
                guard point == UInt8(ascii: "."), !fraction.isEmpty,
                    fraction.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
                else { return nil }
                while fraction.last == UInt8(ascii: "0") { fraction = fraction.dropLast() }
            }
            let isZero = fraction.isEmpty && whole.count == 1 && whole.first == UInt8(ascii: "0")
            return (isNegative && !isZero ? "-" : "") + String(decoding: whole, as: UTF8.self)
                + (fraction.isEmpty ? "" : "." + String(decoding: fraction, as: UTF8.self))
        }
    }

    /// Returns the canonical text of a number: the digits without an exponent for a whole number that fits 64 bits.
    static func canonical(_ value: Double) -> String {
        if let whole = Int64(exactly: value) { return "\(whole)" }
        if let whole = UInt64(exactly: value) { return "\(whole)" }
        return canonical("\(value)") ?? "\(value)"
    }
}
