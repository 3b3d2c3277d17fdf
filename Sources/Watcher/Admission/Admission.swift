package import Reasons

/// Whether a name can be an arrival at all, by name alone.
package struct Admission: Sendable, Hashable {
    package enum Verdict: Sendable, Hashable {
        case candidate
        case ignored(rule: Rule, reason: String)
        case refused(rule: Rule, reason: String, remedy: String)
    }

    private let include: [Glob]

    package init(include: [String], ignoresSuffixCase: Bool = false) {
        self.include = include.map { Glob($0, ignoresSuffixCase: ignoresSuffixCase) }
    }

    package static func judge(relativePath: String, include: [String], ignoresSuffixCase: Bool = false) -> Verdict {
        Admission(include: include, ignoresSuffixCase: ignoresSuffixCase).judge(relativePath: relativePath)
    }

    /// Judges every directory above the file, then its own name, then the patterns.
    package func judge(relativePath: String) -> Verdict {
        var rest = relativePath[...]
        while let slash = rest.utf8.firstIndex(of: UInt8(ascii: "/")) {
            if let verdict = Self.judge(directory: rest[..<slash]) { return verdict }
            rest = rest[rest.utf8.index(after: slash)...]
        }
        return judge(name: rest, of: relativePath)
    }

    /// Nil for a directory to descend into.
    static func judge(directory name: Substring) -> Verdict? {
        if let verdict = hidden(name, isDirectory: true) ?? unprintable(name) { return verdict }
        let utf8 = String(name).utf8
        return TemporaryNames.directories.first { $0.matches(utf8) }.map { .ignored(rule: $0.rule, reason: $0.reason) }
    }

    /// Judges the last component only, for a file in a directory that was judged already.
    func judge(name: Substring, of relativePath: String) -> Verdict {
        if let verdict = Self.hidden(name, isDirectory: false) { return verdict }
        // Patterns before the table of temporary names: most names that are not wanted end here, and cheaply.
        if !include.isEmpty, !include.contains(where: { $0.matches(path: relativePath, name: name.utf8) }) {
            return .ignored(rule: .nameInclude, reason: "matches no pattern of the spool's include list")
        }
        let utf8 = String(name).utf8
        if let form = TemporaryNames.files.first(where: { $0.matches(utf8) }) {
            return .ignored(rule: form.rule, reason: form.reason)
        }
        return Self.unprintable(name) ?? .candidate
    }

    /// Whether a file of that name, which was judged so, was dropped for nothing: no pattern takes it, and it is nobody's temporary file.
    func takesNothing(like name: Substring, _ verdict: Verdict) -> Bool {
        guard case .ignored(rule: .nameInclude, _) = verdict else { return false }
        let utf8 = String(name).utf8
        return !TemporaryNames.files.contains { $0.matches(utf8) }
    }

    /// Whether some name ending in `suffix` could be a candidate.
    func mayAdmit(suffix: String) -> Bool {
        include.isEmpty || include.contains { glob in glob.matches(path: "x\(suffix)", name: "x\(suffix)"[...].utf8) || glob.isOverPath }
    }

    private static func hidden(_ name: Substring, isDirectory: Bool) -> Verdict? {
        switch name.utf8.first {
        case UInt8(ascii: "."):
            .ignored(rule: .nameHidden, reason: "a hidden name: sync tools write under such names before they rename")
        case UInt8(ascii: "_") where !(isDirectory && name.utf8.contains(UInt8(ascii: "="))):
            .ignored(rule: .nameUnderscore, reason: "a name beginning with _ is a mark or work in progress of Spark, Hive or Databricks")
        default:
            nil
        }
    }

    private static func unprintable(_ name: Substring) -> Verdict? {
        guard name.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else { return nil }
        return .refused(
            rule: .nameControl, reason: "the name has control characters, such as a newline", remedy: "Rename it to printable characters")
    }

    static let notUnicode = Verdict.refused(
        rule: .nameEncoding, reason: "the name is not valid UTF-8", remedy: "Rename it to UTF-8, for example with convmv")
}
