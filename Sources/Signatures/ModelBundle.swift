internal import Crypto
internal import Foundation

/// A signature by OpenSSF model signing, version 1, of the method "key": a Sigstore bundle that has an in-toto statement in a DSSE
/// envelope. The statement names every file of a model's folder with its digest. Bundles whose signer is an identity need the network or a
/// root of certificates, and are refused by name.
package struct ModelBundle: Sendable {
    private struct Document: Decodable {
        struct Material: Decodable {
            struct Key: Decodable { let hint: String? }
            struct Ignored: Decodable {}

            let publicKey: Key?
            let certificate: Ignored?
            let x509CertificateChain: Ignored?
        }

        struct Envelope: Decodable {
            struct Signature: Decodable { let sig: Data }

            let payload: Data
            let payloadType: String
            let signatures: [Signature]
        }

        let mediaType: String
        let verificationMaterial: Material
        let dsseEnvelope: Envelope
    }

    private struct Statement: Decodable {
        struct Subject: Decodable { let digest: [String: String] }

        struct Predicate: Decodable {
            struct Serialization: Decodable {
                let method: String
                let hashType: String

                enum CodingKeys: String, CodingKey {
                    case method
                    case hashType = "hash_type"
                }
            }

            struct Resource: Decodable {
                let name: String
                let algorithm: String
                let digest: String
            }

            let serialization: Serialization
            let resources: [Resource]
        }

        let type: String
        let predicateType: String
        let subject: [Subject]
        let predicate: Predicate

        enum CodingKeys: String, CodingKey {
            case predicateType, subject, predicate
            case type = "_type"
        }
    }

    private static let payloadType = "application/vnd.in-toto+json"

    private let payload: [UInt8]
    private let signature: [UInt8]
    private let predicate: Statement.Predicate

    init(_ content: [UInt8]) throws(SignatureError) {
        let document: Document
        do { document = try JSONDecoder().decode(Document.self, from: Data(content)) } catch {
            throw .badSignature("it is no OpenSSF bundle: \(error)")
        }
        let material = document.verificationMaterial
        guard material.certificate == nil, material.x509CertificateChain == nil, material.publicKey != nil else {
            throw .badSignature("its signer is an identity with a certificate; only the method \"key\" of OpenSSF model signing is taken")
        }
        guard document.mediaType.hasPrefix("application/vnd.dev.sigstore.bundle"),
            document.dsseEnvelope.payloadType == Self.payloadType,
            document.dsseEnvelope.signatures.count == 1
        else { throw .badSignature("it is a bundle of another kind than OpenSSF model signing writes") }
        payload = Array(document.dsseEnvelope.payload)
        signature = Array(document.dsseEnvelope.signatures[0].sig)
        let statement: Statement
        do { statement = try JSONDecoder().decode(Statement.self, from: document.dsseEnvelope.payload) } catch {
            throw .badSignature("it has no statement of OpenSSF model signing in version 1: \(error)")
        }
        guard statement.type == "https://in-toto.io/Statement/v1",
            statement.predicateType == "https://model_signing/signature/v1.0", statement.subject.count == 1
        else { throw .badSignature("its statement is of another kind than OpenSSF model signing writes in version 1") }
        predicate = statement.predicate
        guard predicate.serialization.method == "files", predicate.serialization.hashType == "sha256" else {
            throw .badSignature(
                "it names \(predicate.serialization.method) by \(predicate.serialization.hashType), and only whole files by sha256 count")
        }
        // The digest of the subject is over those of the files, in their order.
        var hash = SHA256()
        for resource in predicate.resources {
            guard resource.algorithm == "sha256", let digest = Self.bytes(resource.digest) else {
                throw .badSignature("its \(resource.name) has no digest by sha256")
            }
            hash.update(data: digest)
        }
        guard statement.subject[0].digest["sha256"].flatMap({ Self.bytes($0) }) == Array(hash.finalize()) else {
            throw .badSignature("it contradicts itself: the digest of its subject is not that of its files")
        }
    }

    private static func bytes(_ text: String) -> [UInt8]? {
        let digits = text.utf8.map { Character(UnicodeScalar($0)).hexDigitValue }
        guard digits.count == 64, !digits.contains(nil) else { return nil }
        return stride(from: 0, to: 64, by: 2).map { UInt8(digits[$0]! << 4 | digits[$0 + 1]!) }
    }

    /// Returns the key that the bundle is by, where it names these files; the folder may have had others. The model is meant by its name,
    /// or by `.` where it was signed alone.
    func verify(_ files: SignedFiles, by keys: [VerifyingKey]) throws(SignatureError) -> VerifyingKey {
        let message = Array("DSSEv1 \(Self.payloadType.utf8.count) \(Self.payloadType) \(payload.count) ".utf8) + payload
        guard let key = keys.first(where: { $0.verifies(signature, of: message) }) else {
            throw .notSigned("an OpenSSF bundle by none of \(DetachedSignature.listed(keys))")
        }
        let isAlone = predicate.resources.count == 1 && predicate.resources[0].name == "."
        for file in [files.file] + files.companions {
            let name = isAlone && file == files.file ? "." : file.name
            guard let resource = predicate.resources.first(where: { $0.name.utf8.elementsEqual(name.utf8) }) else {
                throw .notSigned("an OpenSSF bundle that does not name \(file.name)")
            }
            guard resource.digest.lowercased() == file.digest else {
                throw .notSigned("an OpenSSF bundle that names another content of \(file.name)")
            }
        }
        return key
    }
}
