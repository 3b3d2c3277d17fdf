internal import Foundation

/// Represents what `NAME.sig` beside a file holds: an Ed25519 signature of the file's statement, as its 64 bytes or as their Base64; or an OpenSSF
/// bundle.
package enum DetachedSignature: Sendable {
    case ed25519([UInt8])
    case bundle(ModelBundle)

    package static let suffix = ".sig"
    /// The most bytes that a signature file may have: a bundle names every file of a model's folder.
    package static let largest: Int64 = 1 << 20

    /// Returns the name of the signature of a file.
    package static func name(of file: String) -> String { file + suffix }

    /// Reads what a signature file holds. Throws `badSignature` where it holds no signature, or not all of one yet.
    package init(_ content: [UInt8]) throws(SignatureError) {
        if content.count == 64 {
            self = .ed25519(content)
        } else if content.first(where: { !Self.isSpace($0) }) == UInt8(ascii: "{") {
            self = .bundle(try ModelBundle(content))
        } else if content.count <= 256, let data = Data(base64Encoded: Data(content.filter { !Self.isSpace($0) })), data.count == 64 {
            self = .ed25519(Array(data))
        } else {
            throw .badSignature(
                "it is no signature: neither the 64 bytes of an Ed25519 signature, nor their Base64, nor an OpenSSF bundle")
        }
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

    /// Returns the key of `keys` that the signature is by, where it is of these files; throws `notSigned` where there is none.
    @discardableResult
    package func verify(_ files: SignedFiles, by keys: [VerifyingKey]) throws(SignatureError) -> VerifyingKey {
        switch self {
        case .ed25519(let signature):
            let statement = try files.statement()
            guard let key = keys.first(where: { $0.isEd25519 && $0.verifies(signature, of: statement) }) else {
                throw .notSigned(
                    keys.contains(where: \.isEd25519)
                        ? "by none of \(Self.listed(keys)), or it is of another content"
                        : "of Ed25519, and \(Self.listed(keys)) can only have made OpenSSF bundles")
            }
            return key
        case .bundle(let bundle): return try bundle.verify(files, by: keys)
        }
    }

    static func listed(_ keys: [VerifyingKey]) -> String {
        (keys.count == 1 ? "the key " : "the keys ") + keys.map(\.fingerprint).joined(separator: ", ")
    }
}
