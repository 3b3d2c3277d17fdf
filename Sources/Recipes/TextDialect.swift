/// Describes the dialect of CSV files that are read. Files that are written are always RFC 4180 with a header.
package struct TextDialect: Sendable, Hashable, Codable {
    /// Lists the keys of `schema.dialect`, in the order of a revision's lines.
    package enum Key: String, Sendable, CaseIterable {
        case delimiter, quote, escape, encoding, header
        case nullWords = "null_words"
        case decimal
    }

    package enum Header: Sendable, Hashable, Codable {
        /// The pipeline does not say whether there is a header: the first line is one unless it holds only numbers, which is an error.
        case likely
        /// The first line is a header, whatever it holds.
        case present
        /// The first line is data; with nil, columns are named `f0`, `f1`, ….
        case absent(names: [String]?)
    }

    /// The ASCII byte between cells. In a file that is called `.tsv`, a comma stands for a tab.
    package var delimiter: UInt8
    /// The ASCII byte of quotes; with nil quotes have no meaning.
    package var quote: UInt8?
    /// The byte that is written in a quoted cell before a quote, or before itself, that belongs to the text; cells without quotes have
    /// none. Without quoting it is written before any character that would otherwise have a meaning. With nil, quotes inside a cell are
    /// doubled.
    package var escape: UInt8?
    package var encoding: Encoding
    package var header: Header
    /// The texts that mark a missing value where a number, a boolean or a time is wanted, and in CSV cells without quotes also where an
    /// input takes text; nil means Arrow's list (the empty cell, `NA`, `NaN`, `null` and the like). Kept columns of text keep them as text,
    /// except the empty cell without quotes, which is missing everywhere.
    package var nullWords: [String]?
    /// The decimal sign, `.` or `,`.
    package var decimal: UInt8

    /// Names the encoding of a file without a byte-order mark.
    package enum Encoding: String, Sendable, Hashable, Codable, CaseIterable {
        case utf8 = "utf-8"
        case latin1 = "latin-1"
        case windows1252 = "windows-1252"
        case utf16 = "utf-16"
    }

    package static let defaultNullWords = ["", "NA", "N/A", "NULL", "null"]

    package init(
        delimiter: UInt8 = UInt8(ascii: ","), quote: UInt8? = UInt8(ascii: "\""), escape: UInt8? = nil, encoding: Encoding = .utf8,
        header: Header = .likely,
        nullWords: [String]? = TextDialect.defaultNullWords, decimal: UInt8 = UInt8(ascii: ".")
    ) {
        self.delimiter = delimiter
        self.quote = quote
        self.escape = escape
        self.encoding = encoding
        self.header = header
        self.nullWords = nullWords
        self.decimal = decimal
    }
}
