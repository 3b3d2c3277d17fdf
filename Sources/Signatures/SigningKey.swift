internal import Crypto
internal import Foundation

/// An Ed25519 private key, in the form in which `openssl genpkey -algorithm ed25519` writes one too.
package struct SigningKey: Sendable {
    private let key: Curve25519.Signing.PrivateKey
    package let publicKey: VerifyingKey

    /// Makes a new key.
    package init() { self.init(Curve25519.Signing.PrivateKey()) }

    /// Reads the armoured text of a key file, `-----BEGIN PRIVATE KEY-----`.
    package init(_ text: String) throws(SignatureError) {
        guard let part = try KeyFile.part(of: text) else { throw .badKey("it is no private key in PEM, as `millrace keys new` writes it") }
        switch part.label {
        case "PRIVATE KEY": break
        case "PUBLIC KEY": throw .badKey("it is a public key, with which nothing can be signed")
        case "ENCRYPTED PRIVATE KEY":
            throw .badKey("it is encrypted: write it without a password, with openssl pkey, to a file that only its owner may read")
        default: throw .badKey("it is a \(part.label.lowercased()), and no private key of Ed25519 in PKCS #8")
        }
        // A key file may go on with its public half, which is not needed.
        let prefix = KeyFile.privatePrefix
        let isBare = part.bytes.count == prefix.count + 32 && part.bytes.starts(with: prefix)
        guard isBare, let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: part.bytes.dropFirst(prefix.count)) else {
            throw .badKey("it is no private key of Ed25519 as openssl genpkey -algorithm ed25519 writes it")
        }
        self.init(key)
    }

    private init(_ key: Curve25519.Signing.PrivateKey) {
        self.key = key
        // A prefix and 32 bytes are always such a key.
        publicKey = try! VerifyingKey(bytes: KeyFile.publicPrefix + key.publicKey.rawRepresentation)
    }

    /// The armoured text, as OpenSSL reads it.
    package var text: String { KeyFile.armoured(KeyFile.privatePrefix + key.rawRepresentation, "PRIVATE KEY") }

    /// Returns the 64 bytes of the signature of a message.
    package func signature(of message: [UInt8]) throws(SignatureError) -> [UInt8] {
        do { return Array(try key.signature(for: message)) } catch { throw .badSignature("it cannot be signed: \(error)") }
    }
}
