/// Brings numbers in text to one form.
package enum DecimalText {
    /// Returns the one text of a plain decimal number: `1` for `1`, `1.0` and `1.00`, `0.5` for `0.50`. Returns nil for other texts, such
    /// as `01`, `+1` and `1e3`, since only names and codes are written so.
    package static func canonical(_ text: String) -> String? {
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
    package static func canonical(_ value: Double) -> String {
        if let whole = Int64(exactly: value) { return "\(whole)" }
        if let whole = UInt64(exactly: value) { return "\(whole)" }
        return canonical("\(value)") ?? "\(value)"
    }
}
