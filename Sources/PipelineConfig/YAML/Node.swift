internal import Reasons

/// A YAML value with its place: aliases and merges resolved, every key plain text.
struct Node {
    enum Content {
        /// `isPlain`: written without quotes, so that `null`, `true` and numbers mean what they look like.
        case scalar(String, isPlain: Bool)
        case sequence([Node])
        case mapping([Entry])
    }

    struct Entry {
        let key: String
        let position: Position
        let value: Node
    }

    let position: Position
    let content: Content

    var isNull: Bool {
        guard case .scalar(let text, isPlain: true) = content else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(text)
    }

    /// The value in an operator's words.
    var kind: String {
        switch content {
        case .scalar(_, isPlain: true) where isNull: "nothing"
        case .scalar(let text, isPlain: true): "`\(text.clipped)`"
        case .scalar(let text, isPlain: false): "the text \"\(text.clipped)\""
        case .sequence: "a list"
        case .mapping: "a mapping"
        }
    }
}

extension String {
    /// At most 60 characters of the text, on one line.
    var clipped: String {
        let line = String(map { $0.isNewline ? " " : $0 }).printable
        return line.count > 60 ? String(line.prefix(57)) + "..." : line
    }
}
