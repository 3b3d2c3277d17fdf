internal import Reasons

/// Reads `retain`, of a pipeline and of `ROOT/millrace.yaml`.
enum RetainReader {
    /// - Parameter defaults: the settings for keys that are not given.
    static func retain(_ top: Section, defaults: Retain) -> Retain {
        var retain = defaults
        guard let section = top.section("retain", keys: ["archive", "quarantine", "history", "labels"]) else { return retain }
        if let limit = limit(section, "archive") { retain.archive = limit.value }
        if let limit = limit(section, "quarantine") { retain.quarantine = limit.value }
        if let limit = limit(section, "labels") { retain.labels = limit.value }
        if let limit = limit(section, "history") {
            switch limit.value {
            case .age(let age): retain.history = age
            case nil: retain.history = nil
            case .bytes: section.refuse(.badValue, "history", "history is kept by age", "write a duration, like 180d")
            }
        }
        return retain
    }

    private struct Given { let value: Retain.Limit? }

    /// Reads a limit. The word `forever` in a pipeline takes back a limit of millrace.yaml.
    private static func limit(_ section: Section, _ key: String) -> Given? {
        guard let node = section.node(key) else { return nil }
        guard case .scalar(let text, isPlain: _) = node.content else {
            section.refuse(.wrongType, key, "\(node.kind) stands where an age or a size belongs", "write one, like 30d or 10GiB")
            return nil
        }
        if text == "forever" { return Given(value: nil) }
        if let age = Quantities.duration(text) {
            guard age >= .seconds(60) else {
                section.refuse(.badValue, key, "\(text) is too short", "write at least 1m")
                return nil
            }
            return Given(value: .age(age))
        }
        if let bytes = Quantities.byteCount(text) { return Given(value: .bytes(bytes)) }
        section.refuse(.wrongType, key, "\(node.kind) is neither an age nor a size", "write one, like 30d or 10GiB, or forever")
        return nil
    }
}
