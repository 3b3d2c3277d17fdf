/// Holds one sentence that tells an operator why something failed or waits. Cells of a table may hold personal data, so a sentence that
/// quotes them exists a second time without them: the values can be shown or hidden.
package struct Reason: Hashable, Sendable {
    /// The sentence without what cells hold: `the value is no number`.
    package var text: String
    /// The values of the cells that the sentence is about. Nil where it is about none, or where they are hidden.
    package var cells: CellValues?

    package init(_ text: String, cells: CellValues? = nil) {
        self.text = text
        self.cells = cells
    }

    /// The sentence with what cells hold, where that is known: `"abc" is no number`.
    package var sentence: String { cells?.sentence ?? text }

    /// Returns the same sentence with the value of a cell that it is about and does not quote.
    package func about(cell value: String) -> Reason {
        Reason(text, cells: CellValues(values: (cells?.values ?? []) + [value], sentence: sentence))
    }

    /// Returns the sentence, in both forms, with other words in place of some.
    package func replacing(_ words: String, with others: String) -> Reason {
        Reason(
            text.replacing(words, with: others),
            cells: cells.map { CellValues(values: $0.values, sentence: $0.sentence.replacing(words, with: others)) })
    }

    package static func += (reason: inout Reason, words: String) {
        reason.text += words
        reason.cells?.sentence += words
    }

    package static func + (reason: Reason, words: String) -> Reason {
        var longer = reason
        longer += words
        return longer
    }
}

/// Holds the values of cells that a sentence tells. They are a field of their own in everything that is stored or printed.
package struct CellValues: Hashable, Codable, Sendable {
    package var values: [String]
    /// The whole sentence, with the values in it.
    package var sentence: String

    package init(values: [String], sentence: String) {
        self.values = values
        self.sentence = sentence
    }
}

extension Reason: CustomStringConvertible {
    /// The sentence without what cells hold: where a reason becomes a plain text, nobody can tell its values apart any more. Who may show
    /// them takes `sentence`.
    package var description: String { text }
}

/// Describes an error that can be worded with and without what cells hold. Where it is interpolated into a `Reason`, its values stay apart.
package protocol Reasoned {
    var reason: Reason { get }
}

extension Reasoned {
    package func description(showingValues: Bool) -> String { showingValues ? reason.sentence : reason.text }
}
