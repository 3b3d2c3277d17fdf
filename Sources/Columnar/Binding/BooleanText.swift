/// How booleans are spelled where they meet text.
package enum BooleanText: Hashable, Sendable {
    /// These words, for false and for true: an input of text gets them, an input of numbers or booleans takes a
    /// column of them, or of the usual ones.
    case words(no: String, yes: String)
    /// Text is taken as the file has it; a column of booleans has none.
    case text

    /// The boolean that a word of any tool's writer means.
    static func value(_ text: String) -> Bool? {
        switch text {
        case "true", "True", "TRUE": true
        case "false", "False", "FALSE": false
        default: nil
        }
    }

    /// The boolean that a text means: by these words, or by the usual ones.
    func value(_ text: String) -> Bool? {
        guard case .words(let no, let yes) = self else { return Self.value(text) }
        return text == yes ? true : text == no ? false : Self.value(text)
    }

    /// What an input of text gets for a text: one spelling of what means a boolean, everything else as it is.
    func respelled(_ text: String) -> String {
        guard case .words(let no, let yes) = self, let value = Self.value(text) else { return text }
        return value ? yes : no
    }

    /// What must be said before booleans can be text.
    static func question(_ input: String) -> String {
        "booleans are spelled in several ways as text: schema.inputs.\(input): { booleans: [\"False\", \"True\"] } says how the model knows them, "
            + "and `booleans: text` takes the text that a file has"
    }
}
