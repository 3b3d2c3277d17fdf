extension String {
    /// The text as a person may see it: what would move a terminal's cursor, begin another line or turn the direction of writing is
    /// escaped, as `\n` or `\u{1B}`. Nothing else decides this; it is needed since names and cells come from others.
    package var printable: String { printable(keepingLines: false) }

    /// Returns the text as a person may see it.
    /// - Parameter keepingLines: whether line feeds stay, for a text that has lines of its own.
    package func printable(keepingLines: Bool) -> String {
        guard utf8.contains(where: { $0 < 0x20 || $0 == 0x7F || $0 == 0xC2 || $0 == 0xE2 || $0 == 0xEF }) else { return self }
        return unicodeScalars.reduce(into: "") { text, scalar in
            if scalar.isPrintable || keepingLines && scalar == "\n" {
                text.unicodeScalars.append(scalar)
            } else {
                text += scalar.escaped(asASCII: true)
            }
        }
    }
}

extension Unicode.Scalar {
    /// Tells whether it is no control character, no separator of lines, and does not change the direction of what follows.
    fileprivate var isPrintable: Bool {
        switch value {
        case 0..<0x20, 0x7F..<0xA0, 0x2028...0x202E, 0x2066...0x2069, 0xFFF9...0xFFFB: false
        default: true
        }
    }
}
