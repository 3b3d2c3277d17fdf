extension Reason: ExpressibleByStringInterpolation {
    package init(stringLiteral text: String) { self.init(text) }

    package init(stringInterpolation parts: StringInterpolation) { self = parts.reason }

    /// Collects the sentence with and without values: `"\(cell: text) is no number"`.
    package struct StringInterpolation: StringInterpolationProtocol {
        private var text = "", sentence = ""
        private var values: [String] = []

        package init(literalCapacity: Int, interpolationCount: Int) {}

        package mutating func appendLiteral(_ literal: String) {
            text += literal
            sentence += literal
        }

        /// Adds something that is no value of a cell. The values of a reason, or of an error that has one, stay apart.
        package mutating func appendInterpolation<Part>(_ part: Part) {
            switch part {
            case let reason as Reason: append(reason)
            case let error as any Reasoned: append(error.reason)
            default: appendLiteral(String(describing: part).printable)
            }
        }

        /// Adds the value of a cell in quotes.
        package mutating func appendInterpolation(cell value: String, hidden: String = "the value") {
            appendInterpolation(cell: value, shown: "\"\(value)\"", hidden: hidden)
        }

        /// Adds the value of a cell, worded as `shown`. Where the value is not told, `hidden` takes its place.
        package mutating func appendInterpolation(cell value: String, shown: String, hidden: String = "the value") {
            text += hidden
            sentence += shown.printable
            values.append(value)
        }

        private mutating func append(_ reason: Reason) {
            text += reason.text
            sentence += reason.sentence
            values += reason.cells?.values ?? []
        }

        var reason: Reason { Reason(text, cells: values.isEmpty ? nil : CellValues(values: values, sentence: sentence)) }
    }
}
