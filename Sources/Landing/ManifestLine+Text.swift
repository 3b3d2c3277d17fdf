import Foundation
import Signatures

extension ManifestLine {
    /// Appends the line as JSON and ends it. The bytes are those that `JSONEncoder` makes with sorted keys and without escaped slashes. The
    /// encoder takes fifteen times as long for them, and there is a line for every output.
    func append(to text: inout [UInt8], signedBy signer: SigningKey? = nil) throws {
        let start = text.count
        var fields = Fields(text: text)
        text = []
        fields.append("arrival", arrival)
        fields.append("bytes", bytes)
        if let execution { try fields.append("execution", execution) }
        if let formDigest { try fields.append("form_digest", formDigest) }
        try fields.append("input", input)
        try fields.append("input_digest", inputDigest)
        if let modelDigest { try fields.append("model_digest", modelDigest) }
        if let modelVersion { fields.append("model_version", Int64(modelVersion)) }
        try fields.append("output_digest", outputDigest)
        try fields.append("path", path)
        if let pins { fields.append("pins", json: try Fields.encoder.encode(pins)) }
        try fields.append("pipeline", pipeline)
        if let previous { try fields.append("previous", previous) }
        try fields.append("published_at", publishedAt)
        if let removedAt { try fields.append("removed_at", removedAt) }
        try fields.append("revision", revision)
        if let rows { fields.append("rows", Int64(rows)) }
        fields.append("run", run)
        if let sequence { fields.append("sequence", sequence) }
        text = fields.text
        text.append(UInt8(ascii: "}"))
        if let signer { try SignedLine.sign(&text, from: start, by: signer) }
        text.append(UInt8(ascii: "\n"))
    }

    private struct Fields {
        var text: [UInt8]
        private var isFirst = true

        init(text: [UInt8]) { self.text = text }

        static var encoder: JSONEncoder {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            return encoder
        }

        mutating func append(_ key: StaticString, _ value: Int64) { append(key, json: String(value).utf8) }

        mutating func append(_ key: StaticString, _ value: String) throws {
            if value.utf8.allSatisfy(Self.isPlain) {
                append(key, json: EmptyCollection())
                text.append(UInt8(ascii: "\""))
                text += value.utf8
                text.append(UInt8(ascii: "\""))
            } else {
                append(key, json: try Self.encoder.encode(value))
            }
        }

        mutating func append(_ key: StaticString, json: some Collection<UInt8>) {
            text.append(isFirst ? UInt8(ascii: "{") : UInt8(ascii: ","))
            isFirst = false
            text.append(UInt8(ascii: "\""))
            key.withUTF8Buffer { text += $0 }
            text.append(UInt8(ascii: "\""))
            text.append(UInt8(ascii: ":"))
            text += json
        }

        /// Returns whether the byte stands in a JSON string as it is.
        private static func isPlain(_ byte: UInt8) -> Bool {
            byte >= 0x20 && byte < 0x7f && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
        }
    }
}
