internal import Reasons

/// Holds a YAML value with its place. Aliases and merges are resolved, and every key is plain text.
struct Node {
    enum Content {
        /// The value is a scalar. `isPlain` tells whether it was written without quotes, so that `null`, `true` and numbers are what they
        /// look like.
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

    /// The value in words for an operator.
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
    /// The text on one line, cut to at most 60 characters.
    var clipped: String {
        let line = String(map { $0.isNewline ? " " : $0 }).printable
        return line.count > 60 ? String(line.prefix(57)) + "..." : line
    }
}
