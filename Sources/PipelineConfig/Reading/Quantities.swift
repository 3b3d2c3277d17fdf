/// Reads durations and byte sizes as people write them; each needs its unit, so that no one has to guess.
package enum Quantities {
    private static let nanoseconds: [String: Int64] = [
        "ms": 1_000_000, "s": 1_000_000_000, "m": 60_000_000_000, "h": 3_600_000_000_000, "d": 86_400_000_000_000,
    ]
    private static let bytes: [String: Int] = [
        "B": 1, "kB": 1000, "KB": 1000, "MB": 1_000_000, "GB": 1_000_000_000, "TB": 1_000_000_000_000,
        "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
    ]

    /// Reads a duration: `500ms`, `2s`, `1.5s`, `10m`, `1h30m`, `1d`; returns nil for anything else, and for more than 292 years.
    package static func duration(_ text: String) -> Duration? {
        var rest = text[...]
        var total: Int64 = 0
        repeat {
            guard let (number, unit) = takeTerm(&rest), let scale = nanoseconds[unit],
                let value = Int64(exactly: (number * Double(scale)).rounded())
            else { return nil }
            let (sum, overflow) = total.addingReportingOverflow(value)
            if overflow { return nil }
            total = sum
        } while !rest.isEmpty
        return .nanoseconds(total)
    }

    /// Reads a size: `512MiB`, `4GiB`, `1.5GB`, `100kB`, `64B`; returns nil for anything else.
    package static func byteCount(_ text: String) -> Int? {
        var rest = text[...]
        guard let (number, unit) = takeTerm(&rest), rest.isEmpty, let scale = bytes[unit] else { return nil }
        return Int(exactly: (number * Double(scale)).rounded())
    }

    private static func takeTerm(_ rest: inout Substring) -> (Double, String)? {
        let digits = rest.prefix { ("0"..."9").contains($0) || $0 == "." }
        let unit = rest.dropFirst(digits.count).prefix { $0.isASCII && $0.isLetter }
        guard digits.first != ".", digits.last != ".", let number = Double(digits), !unit.isEmpty else { return nil }
        rest = rest.dropFirst(digits.count + unit.count)
        return (number, String(unit))
    }
}
