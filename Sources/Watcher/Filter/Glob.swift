/// Matches names by a shell pattern: `*` and `?` stop at `/`, `**` does not, `[a-z]` and `[!a-z]` are sets. The case of letters counts, but
/// with `ignoresSuffixCase` not in the suffix, which begins with the first dot after the last wildcard or slash: it names the format.
struct Glob: Sendable, Hashable {
    /// Tells whether it matches whole relative paths, because the pattern has a `/`.
    let isOverPath: Bool
    private let pattern: [UInt8]
    /// The suffix of a pattern `*.suffix`, which almost every pipeline has; nil for other patterns.
    private let plainSuffix: [UInt8]?
    /// The number of bytes at the end in which letters may have any case.
    private let caselessCount: Int

    init(_ pattern: String, ignoresSuffixCase: Bool = false) {
        self.pattern = Array(pattern.utf8)
        isOverPath = pattern.utf8.contains(UInt8(ascii: "/"))
        let rest = self.pattern.dropFirst()
        let special: [UInt8] = Array("*?[/\\".utf8)
        plainSuffix = self.pattern.first == UInt8(ascii: "*") && !rest.contains(where: special.contains) ? Array(rest) : nil
        let ends: [UInt8] = Array("*?]/".utf8)
        let start = self.pattern.lastIndex(where: ends.contains).map { $0 + 1 } ?? 0
        let tail = self.pattern[start...]
        caselessCount = ignoresSuffixCase ? tail.drop { $0 != UInt8(ascii: ".") }.count : 0
    }

    /// Returns whether the pattern takes the file.
    /// - Parameters:
    ///   - path: the path of the file, relative to the spool.
    ///   - name: its last component.
    func matches(path: String, name: Substring.UTF8View) -> Bool {
        if let plainSuffix {
            guard name.count >= plainSuffix.count else { return false }
            let end = name.suffix(plainSuffix.count)
            if caselessCount == 0 { return end.elementsEqual(plainSuffix) }
            return Self.folded(end, last: caselessCount).elementsEqual(Self.folded(plainSuffix, last: caselessCount))
        }
        let text = isOverPath ? Array(path.utf8) : Array(name)
        if caselessCount == 0 { return Self.match(pattern[...], text[...]) }
        return Self.match(Self.folded(pattern, last: caselessCount)[...], Self.folded(text, last: caselessCount)[...])
    }

    /// Returns the bytes with the last `count` ones in lower case.
    private static func folded(_ bytes: some Collection<UInt8>, last count: Int) -> [UInt8] {
        bytes.enumerated().map { index, byte in
            let isCapital = byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z")
            return isCapital && index >= bytes.count - count ? byte | 0x20 : byte
        }
    }

    /// Returns whether the pattern takes the whole text. It goes back to the last star only, so that no pattern takes more than its length
    /// times the name's; `**` is tried by recursion.
    private static func match(_ pattern: ArraySlice<UInt8>, _ text: ArraySlice<UInt8>) -> Bool {
        var p = pattern.startIndex
        var t = text.startIndex
        var star: (pattern: Int, text: Int)?
        while true {
            if p < pattern.endIndex, pattern[p] == UInt8(ascii: "*") {
                if p + 1 < pattern.endIndex, pattern[p + 1] == UInt8(ascii: "*") {
                    // `**/` also stands for no directory at all.
                    var rest = pattern[(p + 2)...]
                    if rest.first == UInt8(ascii: "/"), match(rest.dropFirst(), text[t...]) { return true }
                    if rest.first == UInt8(ascii: "*") { rest = rest.drop { $0 == UInt8(ascii: "*") } }
                    return (t...text.endIndex).contains { match(rest, text[$0...]) }
                }
                star = (p + 1, t)
                p += 1
                continue
            }
            if t == text.endIndex { return p == pattern.endIndex }
            if p < pattern.endIndex, let next = step(pattern, at: p, over: text[t]) {
                p = next
                t += 1
                continue
            }
            guard let last = star, text[last.text] != UInt8(ascii: "/") else { return false }
            star = (last.pattern, last.text + 1)
            p = last.pattern
            t = last.text + 1
        }
    }

    /// Returns the index at which the pattern goes on if its element at `index` takes `byte`; nil if it does not.
    private static func step(_ pattern: ArraySlice<UInt8>, at index: Int, over byte: UInt8) -> Int? {
        switch pattern[index] {
        case UInt8(ascii: "?"):
            return byte == UInt8(ascii: "/") ? nil : index + 1
        case UInt8(ascii: "["):
            guard let end = pattern[(index + 1)...].dropFirst().firstIndex(of: UInt8(ascii: "]")) else {
                return byte == pattern[index] ? index + 1 : nil
            }
            var set = pattern[(index + 1)..<end]
            let isNegated = set.first == UInt8(ascii: "!") || set.first == UInt8(ascii: "^")
            if isNegated { set = set.dropFirst() }
            return byte != UInt8(ascii: "/") && contains(set, byte) != isNegated ? end + 1 : nil
        default:
            return pattern[index] == byte ? index + 1 : nil
        }
    }

    private static func contains(_ set: ArraySlice<UInt8>, _ byte: UInt8) -> Bool {
        var index = set.startIndex
        while index < set.endIndex {
            if index + 2 < set.endIndex, set[index + 1] == UInt8(ascii: "-") {
                if set[index] <= byte, byte <= set[index + 2] { return true }
                index += 3
            } else {
                if set[index] == byte { return true }
                index += 1
            }
        }
        return false
    }
}
