/// Holds one element of a model input that no column fills, as the pipeline writes it. It is converted only when the input's type is known,
/// so that large integers stay exact.
package struct InputValue: Sendable, Equatable, Codable {
    package let text: String
    /// Tells whether the element is quoted, for an input of strings; otherwise it is a number, `true` or `false`.
    package let isText: Bool

    package init(text: String, isText: Bool) {
        self.text = text
        self.isText = isText
    }

    /// Returns nil where an unquoted text is not a value.
    package init?(plain text: String) {
        guard text == "true" || text == "false" || UInt64(text) != nil || Double(text) != nil else { return nil }
        self.init(text: text, isText: false)
    }
}
