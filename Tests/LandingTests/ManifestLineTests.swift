import Arrivals
import Foundation
import Testing

@testable import Landing

/// A manifest line is written without `JSONEncoder`, which is the oracle for its bytes.
@Suite struct ManifestLineTests {
    private static let texts = [
        "plain.csv", "a/b/c.csv", "", "quote\"back\\slash", "tab\tnewline\nbell\u{07}", "\u{7f}\u{80}\u{2028}\u{2029}", "grüße/日本語.csv",
        "🧪", "e\u{301}", "</script>",
    ]

    @Test(arguments: texts) func aLineHasTheBytesOfTheEncoder(text: String) throws {
        var line = ManifestLine(
            path: text, outputDigest: "o", bytes: 12, rows: nil, pipeline: "p", input: text, inputDigest: "i", modelVersion: nil,
            modelDigest: nil, revision: "r", arrival: 1, run: .max, publishedAt: "2026-01-02T03:04:05Z")
        try check(line)
        line.pins = ManifestPins(columns: [text: ["b", text, "a"]], types: nil)
        line.removedAt = text
        try check(line)
        try check(
            ManifestLine(
                path: "x", outputDigest: text, bytes: 0, rows: 7, pipeline: text, input: "y", inputDigest: text, modelVersion: 3,
                modelDigest: text, revision: text, arrival: -1, run: 0, publishedAt: text,
                execution: OutputExecution(way: text, formDigest: "f")))
    }

    private func check(_ line: ManifestLine) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var text = Array("before\n".utf8)
        try line.append(to: &text)
        #expect(String(decoding: text, as: UTF8.self) == "before\n" + String(decoding: try encoder.encode(line), as: UTF8.self) + "\n")
        #expect(try JSONDecoder().decode(ManifestLine.self, from: Data(text.dropFirst(7))) == line)
    }
}
