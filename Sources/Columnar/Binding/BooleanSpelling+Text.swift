internal import Recipes

extension BooleanSpelling {
    /// Returns the boolean that a word means in the files of any tool.
    static func value(_ text: String) -> Bool? {
        switch text {
        case "true", "True", "TRUE": true
        case "false", "False", "FALSE": false
        default: nil
        }
    }

    /// Returns the boolean that a text means: by these words, or by the usual ones.
    func value(_ text: String) -> Bool? {
        guard case .words(let no, let yes) = self else { return Self.value(text) }
        return text == yes ? true : text == no ? false : Self.value(text)
    }

    /// Returns the word from `words` if the text means a boolean, and otherwise the text unchanged.
    func respelled(_ text: String) -> String {
        guard case .words(let no, let yes) = self, let value = Self.value(text) else { return text }
        return value ? yes : no
    }

    /// Returns the message that asks how booleans are spelled, for an input of text.
    static func question(_ input: String) -> String {
        "booleans are spelled in several ways as text: schema.inputs.\(input): { booleans: [\"False\", \"True\"] } says how the model "
            + "knows them, and `booleans: text` takes the text that a file has"
    }
}
