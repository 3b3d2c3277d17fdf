/// A shell-like pattern over the names of initializers and nodes: `*` is any run of characters, `?` one; the rest stands for itself.
package struct NamePattern: Sendable, Hashable {
    private let pattern: [UInt8]

    package init(_ pattern: String) { self.pattern = Array(pattern.utf8) }

    package func matches(_ name: String) -> Bool {
        let text = Array(name.utf8)
        var position = 0, at = 0
        var star: (pattern: Int, text: Int)?
        while at < text.count {
            if position < pattern.count, pattern[position] == UInt8(ascii: "*") {
                star = (position, at)
                position += 1
            } else if position < pattern.count, pattern[position] == UInt8(ascii: "?") || pattern[position] == text[at] {
                position += 1
                at += 1
            } else if let back = star {
                // The last star takes one character more.
                star = (back.pattern, back.text + 1)
                position = back.pattern + 1
                at = back.text + 1
            } else {
                return false
            }
        }
        return pattern[position...].allSatisfy { $0 == UInt8(ascii: "*") }
    }
}

extension [String] {
    /// Whether one of these patterns matches one of `names`.
    package func matchesAny(of names: String...) -> Bool {
        contains { pattern in names.contains { NamePattern(pattern).matches($0) } }
    }
}
