/// Why something failed or waits, in one sentence for an operator. What the cells of a table hold may be personal data, so a sentence that tells
/// it exists a second time without it: the values can be shown or hidden.
package struct Reason: Hashable, Sendable {
    /// The sentence without what cells hold: `the value is no number`.
    package var text: String
    /// What cells hold. Nil where the sentence is about none, or where they are hidden.
    package var cells: CellValues?

    package init(_ text: String, cells: CellValues? = nil) {
        self.text = text
        self.cells = cells
    }

    /// The sentence with what cells hold, where that is known: `"abc" is no number`.
    package var sentence: String { cells?.sentence ?? text }

    package var withoutValues: Reason { Reason(text) }

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

/// What cells of a table hold, as far as a sentence tells it. It is a field of its own in everything that is stored or printed.
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
    package var description: String { sentence }
}

/// An error that can be said with and without what cells hold. Where it is interpolated into a `Reason`, its values stay apart.
package protocol Reasoned {
    var reason: Reason { get }
}

extension Reasoned {
    package func description(showingValues: Bool) -> String { showingValues ? reason.sentence : reason.text }
}
