import Foundation
import TestSupport
import Testing

@testable import WorkerProtocol

/// Foundation reads what is written here, and what Foundation writes is read here.
@Suite struct JSONObjectTests {
    private static let texts = [
        "", "plain", "with \"quotes\" and \\ and /", "line\nbreak\ttab\r\u{0}\u{1}\u{1f}\u{7f}", "Zürich 東京 😀", "\u{2028}\u{fffd}",
        "a:b,c}d]e{f[g",
        String(repeating: "long ", count: 500),
    ]
    private static let numbers = [0, -0.0, 1, -1.5, 0.1, 1e300, .leastNonzeroMagnitude, 1.7976931348623157e308, 123456789.123456789]

    private func read<Value>(
        _ text: some Sequence<UInt8>, _ body: (inout JSONObjectReader) throws(JSONObjectReader.Malformed) -> Value
    ) throws -> Value {
        let bytes = Array(text)
        return try bytes.withUnsafeBytes { bytes in
            var reader = try JSONObjectReader(bytes)
            return try body(&reader)
        }
    }

    @Test func foundationReadsWhatIsWritten() throws {
        for text in Self.texts {
            var writer = JSONObjectWriter()
            writer.field("a", text)
            writer.field("b", Int64.min)
            writer.field("c", UInt64.max)
            writer.field("d", [text: text])
            writer.field("e", [text, "x", text])
            writer.field("f", Dictionary(uniqueKeysWithValues: Self.numbers.enumerated().map { ("\($0)", $1) }))
            writer.object("g") { $0.field("h", [String]()) }
            writer.objects("i", [1, 2]) { $0.field("j", $1) }
            let line = writer.line()
            #expect(line.last == UInt8(ascii: "\n") && !line.dropLast().contains(UInt8(ascii: "\n")))
            let read = try #require(try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any])
            #expect(read["a"] as? String == text)
            #expect((read["b"] as? NSNumber)?.int64Value == .min && (read["c"] as? NSNumber)?.uint64Value == .max)
            #expect(read["d"] as? [String: String] == [text: text] && read["e"] as? [String] == [text, "x", text])
            let numbers = try #require(read["f"] as? [String: Double])
            for (place, number) in Self.numbers.enumerated() { #expect(numbers["\(place)"] == number) }
            #expect((read["g"] as? [String: [String]]) == ["h": []])
            #expect((read["i"] as? [[String: Int]]) == [["j": 1], ["j": 2]])
        }
    }

    @Test func whatFoundationWritesIsRead() throws {
        for text in Self.texts {
            for options in [JSONSerialization.WritingOptions(), .prettyPrinted, .withoutEscapingSlashes] {
                let written = try JSONSerialization.data(
                    withJSONObject: [
                        "text": text, "list": [text, text], "pairs": [text: text], "unknown": [["x": [1, 2.5, true, NSNull()]], text],
                    ],
                    options: options)
                var found = 0
                try read(written) { (reader) throws(JSONObjectReader.Malformed) in
                    while let key = try reader.key() {
                        found += 1
                        switch key {
                        case "text": #expect(try reader.string() == text)
                        case "list": #expect(try reader.strings() == [text, text])
                        case "pairs": #expect(try reader.texts() == [text: text])
                        default: try reader.anything()
                        }
                    }
                }
                #expect(found == 4)
            }
        }
        for number in Self.numbers {
            let written = try JSONEncoder().encode(["a": number])
            #expect(
                try read(written) { (reader) throws(JSONObjectReader.Malformed) in
                    _ = try reader.key(); return try reader.number()
                } == number)
        }
        let escaped = #"{"a":"\u00fc\ud83d\ude00\b\f\/"}"#
        #expect(
            try read(escaped.utf8) { (reader) throws(JSONObjectReader.Malformed) in
                _ = try reader.key(); return try reader.string()
            } == "ü😀\u{8}\u{c}/")
    }

    /// Whatever the bytes are, reading ends, with an error or without.
    @Test func anyBytesEnd() throws {
        var generator = SeededGenerator(seed: 5)
        let good = Array(#"{"a":"x\u00fc","b":[1,{"c":null}],"d":{"e":"f"},"g":12.5e3}"#.utf8)
        for _ in 0..<5_000 {
            var bytes = good
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                bytes[Int.random(in: bytes.indices, using: &generator)] = UInt8.random(in: 0...127, using: &generator)
            }
            bytes.removeLast(Int.random(in: 0...10, using: &generator))
            try? read(bytes) { (reader) throws(JSONObjectReader.Malformed) in
                while try reader.key() != nil { try reader.anything() }
            }
        }
        for text in ["", "{", "[", "{\"a\"", "{\"a\":", "{\"a\":\"", "{\"a\":\"\\", "{\"a\":\"\\ud800\"}", "{\"a\" 1}", "{,}"] {
            #expect(throws: JSONObjectReader.Malformed.self, "\(text)") {
                try read(text.utf8) { (reader) throws(JSONObjectReader.Malformed) in
                    while try reader.key() != nil { _ = try reader.string() }
                }
            }
        }
    }
}
