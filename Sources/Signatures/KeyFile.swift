internal import Foundation

/// Reads and writes the armour of key files, as OpenSSL does (RFC 7468), and knows the few bytes around an Ed25519 key in them (RFC 8410).
enum KeyFile {
    /// The bytes that stand before the 32 of a public key are a SubjectPublicKeyInfo with the algorithm 1.3.101.112.
    static let publicPrefix: [UInt8] = [0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00]
    /// The bytes that stand before the 32 of a private key are a PrivateKeyInfo (PKCS #8) of version 0.
    static let privatePrefix: [UInt8] = [
        0x30, 0x2E, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
    ]

    static func armoured(_ bytes: [UInt8], _ label: String) -> String {
        let text = Data(bytes).base64EncodedString(options: [.lineLength64Characters, .endLineWithLineFeed])
        return "-----BEGIN \(label)-----\n\(text)\n-----END \(label)-----\n"
    }

    /// Returns the label and the bytes of the only armoured part of a text; nil where it has none, or is no text. Throws where it has
    /// several: whoever adds a key to a file expects that it counts.
    static func part(of text: String) throws(SignatureError) -> (label: String, bytes: [UInt8])? {
        let lines = text.split(whereSeparator: \.isNewline).map { $0.trimming { $0 == " " || $0 == "\t" } }
        let starts = lines.indices.filter { lines[$0].hasPrefix("-----BEGIN ") && lines[$0].hasSuffix("-----") }
        guard let first = starts.first else { return nil }
        guard starts.count == 1 else { throw .badKey("it holds \(starts.count) keys, and a file is of one: give each its own file") }
        let label = String(lines[first].dropFirst(11).dropLast(5))
        guard let last = lines[first...].firstIndex(of: "-----END \(label)-----"),
            let bytes = Data(base64Encoded: lines[(first + 1)..<last].joined())
        else { return nil }
        return (label, Array(bytes))
    }
}

extension Substring {
    fileprivate func trimming(_ isSpace: (Character) -> Bool) -> Substring {
        var rest = drop(while: isSpace)
        while let last = rest.last, isSpace(last) { rest.removeLast() }
        return rest
    }
}
