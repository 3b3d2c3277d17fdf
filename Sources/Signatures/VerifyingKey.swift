internal import Crypto
internal import Foundation

/// A public key: of Ed25519, by which files are admitted and what landed is checked, or of an elliptic curve of NIST, which OpenSSF model
/// signing uses.
package struct VerifyingKey: Hashable, Sendable {
    enum Kind: Hashable, Sendable { case ed25519, p256, p384, p521 }

    let kind: Kind
    /// The SubjectPublicKeyInfo.
    let bytes: [UInt8]

    /// Reads a public key: the armoured text of a key file (`-----BEGIN PUBLIC KEY-----`), or the Base64 between its two lines alone.
    package init(_ text: String) throws(SignatureError) {
        if let part = try KeyFile.part(of: text) {
            guard part.label == "PUBLIC KEY" else {
                throw .badKey(
                    part.label.hasSuffix("PRIVATE KEY")
                        ? "it is a private key, which does not belong here" : "it is a \(part.label.lowercased()), and no public key")
            }
            try self.init(bytes: part.bytes)
        } else if let data = Data(base64Encoded: text.filter { !$0.isWhitespace }), !data.isEmpty {
            try self.init(bytes: Array(data))
        } else {
            throw .badKey("it is no public key: neither PEM, as `millrace keys new` and openssl write it, nor its Base64 alone")
        }
    }

    init(bytes: [UInt8]) throws(SignatureError) {
        let prefix = KeyFile.publicPrefix
        if bytes.count == prefix.count + 32, bytes.starts(with: prefix) {
            kind = .ed25519
            self.bytes = bytes
            // A point that is on no curve is refused when it is used; nothing can be signed by it.
            return
        }
        if let key = try? P256.Signing.PublicKey(derRepresentation: bytes) {
            (kind, self.bytes) = (.p256, Array(key.derRepresentation))
        } else if let key = try? P384.Signing.PublicKey(derRepresentation: bytes) {
            (kind, self.bytes) = (.p384, Array(key.derRepresentation))
        } else if let key = try? P521.Signing.PublicKey(derRepresentation: bytes) {
            (kind, self.bytes) = (.p521, Array(key.derRepresentation))
        } else {
            throw .badKey("its kind is not known here: a key is of Ed25519, or of P-256, P-384 or P-521")
        }
    }

    /// The armoured text, as OpenSSL reads it.
    package var text: String { KeyFile.armoured(bytes, "PUBLIC KEY") }

    /// A name that is short enough to be read: the first digits of the key's SHA-256.
    package var fingerprint: String {
        SHA256.hash(data: bytes).prefix(8).map { String(UInt16($0) | 0x100, radix: 16).dropFirst() }.joined()
    }

    /// The kind of the key in words.
    package var name: String {
        switch kind {
        case .ed25519: "Ed25519"
        case .p256: "P-256"
        case .p384: "P-384"
        case .p521: "P-521"
        }
    }

    /// Tells whether detached signatures can be by the key. One of a curve of NIST counts for OpenSSF bundles alone.
    package var isEd25519: Bool { kind == .ed25519 }

    /// Returns whether the signature is by this key and of this message. Ed25519 signs the message itself, the others sign its digest and
    /// write their signature as DER.
    package func verifies(_ signature: [UInt8], of message: [UInt8]) -> Bool {
        switch kind {
        case .ed25519:
            let raw = bytes.dropFirst(KeyFile.publicPrefix.count)
            return (try? Curve25519.Signing.PublicKey(rawRepresentation: raw))?.isValidSignature(signature, for: message) ?? false
        case .p256:
            guard let key = try? P256.Signing.PublicKey(derRepresentation: bytes),
                let signature = try? P256.Signing.ECDSASignature(derRepresentation: signature)
            else { return false }
            return key.isValidSignature(signature, for: SHA256.hash(data: message))
        case .p384:
            guard let key = try? P384.Signing.PublicKey(derRepresentation: bytes),
                let signature = try? P384.Signing.ECDSASignature(derRepresentation: signature)
            else { return false }
            return key.isValidSignature(signature, for: SHA384.hash(data: message))
        case .p521:
            guard let key = try? P521.Signing.PublicKey(derRepresentation: bytes),
                let signature = try? P521.Signing.ECDSASignature(derRepresentation: signature)
            else { return false }
            return key.isValidSignature(signature, for: SHA512.hash(data: message))
        }
    }
}
