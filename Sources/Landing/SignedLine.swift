import Foundation
import Signatures

/// Represents a line of JSON that is signed: its last field, `signature`, is the Ed25519 signature of the line without that field and
/// without its end, in Base64. `sed 's/,"signature":"[^"]*"}$/}/'` and `tr -d '\n'` give what is signed.
package enum SignedLine {
    private static let start = Array(#","signature":""#.utf8)
    /// The length of a signature in Base64.
    private static let length = 88

    /// Divides a line into what is signed and the signature. Nil where it has none.
    package static func parts(of line: some BidirectionalCollection<UInt8>) -> (message: [UInt8], signature: [UInt8])? {
        let line = Array(line)
        let end = line.count - length - 2
        let start = end - Self.start.count
        guard start > 0, line[start..<end] == Self.start[...], line.suffix(2) == Array("\"}".utf8)[...],
            let signature = Data(base64Encoded: Data(line[end..<(end + length)]))
        else { return nil }
        return (line[..<start] + Array("}".utf8), Array(signature))
    }

    /// Signs the object that `text` has from `first` on, which ends with its brace.
    static func sign(_ text: inout [UInt8], from first: Int, by signer: SigningKey) throws(SignatureError) {
        let signature = try signer.signature(of: Array(text[first...]))
        text.removeLast()
        text += start
        text += Data(signature).base64EncodedString().utf8
        text += "\"}".utf8
    }
}
