/// One element of a model input that no column fills, as the pipeline writes it: what it becomes is for the input's type to say, so that large
/// integers stay exact.
package struct InputValue: Sendable, Equatable, Codable {
    package let text: String
    /// Whether it stands in quotes, for an input of strings; otherwise it is a number, `true` or `false`.
    package let isText: Bool

    package init(text: String, isText: Bool) {
        self.text = text
        self.isText = isText
    }

    /// Returns nil where an unquoted text is no value.
    package init?(plain text: String) {
        guard text == "true" || text == "false" || UInt64(text) != nil || Double(text) != nil else { return nil }
        self.init(text: text, isText: false)
    }
}
