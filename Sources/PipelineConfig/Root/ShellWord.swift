/// Writes words for a shell.
package enum ShellWord {
    /// Returns whether a shell reads the text as one word, and as it stands.
    package static func isPlain(_ text: String) -> Bool {
        !text.isEmpty && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "_-./,:@%+=".contains($0)) }
    }

    /// Returns the text as one word, in quotes where it needs them.
    package static func quoted(_ text: String) -> String {
        isPlain(text) ? text : "'" + text.replacing("'", with: "'\\''") + "'"
    }
}
