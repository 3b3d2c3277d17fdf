package import Reasons
internal import Signatures

/// Decides by its name alone whether a file can be an arrival at all.
package struct NameFilter: Sendable, Hashable {
    package enum Decision: Sendable, Hashable {
        case candidate
        case ignored(rule: Rule, reason: String)
        case refused(Explanation)
    }

    private let include: [Glob]

    package init(include: [String], ignoresSuffixCase: Bool = false) {
        self.include = include.map { Glob($0, ignoresSuffixCase: ignoresSuffixCase) }
    }

    package static func decide(relativePath: String, include: [String], ignoresSuffixCase: Bool = false) -> Decision {
        NameFilter(include: include, ignoresSuffixCase: ignoresSuffixCase).decide(relativePath: relativePath)
    }

    /// Applies the rules for names to every directory above the file and to its own name, and the patterns.
    package func decide(relativePath: String) -> Decision {
        var rest = relativePath[...]
        while let slash = rest.utf8.firstIndex(of: UInt8(ascii: "/")) {
            if let decision = Self.decide(directory: rest[..<slash]) { return decision }
            rest = rest[rest.utf8.index(after: slash)...]
        }
        return decide(name: rest, of: relativePath)
    }

    /// Returns nil for a directory to descend into.
    static func decide(directory name: Substring) -> Decision? {
        if let decision = hidden(name, isDirectory: true) ?? unprintable(name) { return decision }
        let utf8 = String(name).utf8
        return TemporaryNames.directories.first { $0.matches(utf8) }.map { .ignored(rule: $0.rule, reason: $0.reason) }
    }

    /// Decides by the last component only, for a file in a directory that was decided on already.
    func decide(name: Substring, of relativePath: String) -> Decision {
        if let decision = Self.hidden(name, isDirectory: false) { return decision }
        if name.utf8.count > 4, name.hasSuffix(DetachedSignature.suffix) {
            return .ignored(rule: .nameSignature, reason: "it is the signature of the file whose name it begins with")
        }
        // The patterns come before the table of temporary names: they end most names that are not wanted, and cheaply.
        if !include.isEmpty, !include.contains(where: { $0.matches(path: relativePath, name: name.utf8) }) {
            return .ignored(rule: .nameInclude, reason: "matches no pattern of the spool's include list")
        }
        let utf8 = String(name).utf8
        if let form = TemporaryNames.files.first(where: { $0.matches(utf8) }) {
            return .ignored(rule: form.rule, reason: form.reason)
        }
        return Self.unprintable(name) ?? .candidate
    }

    /// Returns whether the decision was that no pattern takes the file, and it is no temporary file either.
    func isUnmatched(_ name: Substring, _ decision: Decision) -> Bool {
        guard case .ignored(rule: .nameInclude, _) = decision else { return false }
        let utf8 = String(name).utf8
        return !TemporaryNames.files.contains { $0.matches(utf8) }
    }

    /// Returns whether some name ending in `suffix` could be a candidate.
    func mayTake(suffix: String) -> Bool {
        include.isEmpty || include.contains { glob in glob.matches(path: "x\(suffix)", name: "x\(suffix)"[...].utf8) || glob.isOverPath }
    }

    private static func hidden(_ name: Substring, isDirectory: Bool) -> Decision? {
        switch name.utf8.first {
        case UInt8(ascii: "."):
            .ignored(rule: .nameHidden, reason: "a hidden name: sync tools write under such names before they rename")
        case UInt8(ascii: "_") where !(isDirectory && name.utf8.contains(UInt8(ascii: "="))):
            .ignored(rule: .nameUnderscore, reason: "a name beginning with _ is a mark or work in progress of Spark, Hive or Databricks")
        default:
            nil
        }
    }

    private static func unprintable(_ name: Substring) -> Decision? {
        guard name.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else { return nil }
        return .refused(
            Explanation(
                reason: "the name has control characters, such as a newline", rule: .nameControl,
                remedy: "Rename it to printable characters"))
    }

    static let notUnicode = Explanation(
        reason: "the name is not valid UTF-8", rule: .nameEncoding, remedy: "Rename it to UTF-8, for example with convmv")
}
