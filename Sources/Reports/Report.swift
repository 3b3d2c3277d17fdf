import Foundation

/// Describes a value that tells something about a root: as JSON for programs, and in words for people.
package protocol Report: Encodable {
    /// The report in words, line by line.
    var lines: [Printed] { get }
}

extension Encodable {
    /// Returns the value as one JSON document with sorted keys.
    package func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .iso8601
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
}
