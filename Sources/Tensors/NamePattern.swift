/// Matches the names of tensors, nodes and columns: `*` is any run of characters, `?` is one; every other character stands for itself.
/// Names are no paths, and no character is special in them: patterns over files, whose `*` stops at `/`, are the Watcher's.
package struct NamePattern: Sendable, Hashable {
    private let pattern: [Character]

    package init(_ pattern: String) { self.pattern = Array(pattern) }

    /// Returns whether a text is a pattern, and more than a name that stands for itself.
    package static func isPattern(_ text: String) -> Bool { text.contains { $0 == "*" || $0 == "?" } }

    package func matches(_ name: String) -> Bool {
        let text = Array(name)
        var position = 0, at = 0
        var star: (pattern: Int, text: Int)?
        while at < text.count {
            if position < pattern.count, pattern[position] == "*" {
                star = (position, at)
                position += 1
            } else if position < pattern.count, pattern[position] == "?" || pattern[position].isSame(text[at]) {
                position += 1
                at += 1
            } else if let back = star {
                // The last star matches one character more.
                star = (back.pattern, back.text + 1)
                position = back.pattern + 1
                at = back.text + 1
            } else {
                return false
            }
        }
        return pattern[position...].allSatisfy { $0 == "*" }
    }
}

extension Character {
    /// Returns whether both have the same bytes: characters that only look alike are different.
    fileprivate func isSame(_ other: Character) -> Bool { self == other && (isASCII || utf8.elementsEqual(other.utf8)) }
}

extension [String] {
    /// Returns whether one of these patterns matches one of `names`.
    package func matchesAny(of names: String...) -> Bool {
        contains { pattern in names.contains { NamePattern(pattern).matches($0) } }
    }
}
