import FileSystem
import Foundation
import TestSupport
import Testing

@testable import Signatures

/// The bundles were made by `model_signing sign key`, version 1.1.1, of OpenSSF model signing: `folder-CURVE.sig` of a folder with the
/// three files below, `alone-p256.sig` of its `model.onnx` alone.
@Suite struct ModelBundleTests {
    private static let bundles = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Bundles")
    private static let contents = ["model.onnx": "a model", "model.onnx.data": "its weights", "README.md": "read me"]

    private func content(_ name: String) throws -> [UInt8] { Array(try Data(contentsOf: Self.bundles.appendingPathComponent(name))) }

    private func key(_ curve: String) throws -> VerifyingKey {
        try VerifyingKey(String(decoding: try content(curve + ".pub"), as: UTF8.self))
    }

    private func files(_ companions: [String] = [], model: String = "a model", as name: String = "model.onnx") -> SignedFiles {
        SignedFiles(
            .init(name: name, digest: FileDigest.of(bytes: model.utf8)),
            companions: companions.map { .init(name: $0, digest: FileDigest.of(bytes: (Self.contents[$0] ?? "?").utf8)) })
    }

    @Test(arguments: ["p256", "p384", "p521"]) func aFolderThatWasSignedIsGood(curve: String) throws {
        let signature = try DetachedSignature(try content("folder-\(curve).sig"))
        #expect(try signature.verify(files(["model.onnx.data"]), by: [SigningKey().publicKey, key(curve)]) == key(curve))
        for wrong in [
            files(["model.onnx.data"], model: "a modem"), files(["model.onnx.data", "more.bin"]), files(as: "other.onnx"),
            SignedFiles(
                .init(name: "model.onnx", digest: FileDigest.of(bytes: "a model".utf8)),
                companions: [.init(name: "model.onnx.data", digest: FileDigest.of(bytes: "others".utf8))]),
        ] {
            #expect(throws: SignatureError.self) { try signature.verify(wrong, by: [key(curve)]) }
        }
        for other in ["p256", "p384", "p521"] where other != curve {
            #expect(throws: SignatureError.self) { try signature.verify(files(["model.onnx.data"]), by: [key(other)]) }
        }
    }

    @Test func aFileThatWasSignedAloneIsGoodUnderAnyName() throws {
        let signature = try DetachedSignature(try content("alone-p256.sig"))
        #expect(try signature.verify(files(as: "any.onnx"), by: [key("p256")]) == key("p256"))
        #expect(throws: SignatureError.self) { try signature.verify(files(model: "a modem"), by: [key("p256")]) }
        #expect(throws: SignatureError.self, "its data was not signed") {
            try signature.verify(files(["model.onnx.data"]), by: [key("p256")])
        }
    }

    /// Changes the statement in a bundle, as who has no key would.
    private func changed(_ change: (inout [String: Any]) -> Void, statement: ((String) -> String)? = nil) throws -> [UInt8] {
        var bundle = try #require(JSONSerialization.jsonObject(with: Data(try content("folder-p256.sig"))) as? [String: Any])
        if let statement {
            var envelope = try #require(bundle["dsseEnvelope"] as? [String: Any])
            let payload = try #require((envelope["payload"] as? String).flatMap { Data(base64Encoded: $0) })
            envelope["payload"] = Data(statement(String(decoding: payload, as: UTF8.self)).utf8).base64EncodedString()
            bundle["dsseEnvelope"] = envelope
        }
        change(&bundle)
        return Array(try JSONSerialization.data(withJSONObject: bundle))
    }

    @Test func aChangedStatementIsFound() throws {
        let other = FileDigest.of(bytes: "a modem".utf8), own = FileDigest.of(bytes: "a model".utf8)
        #expect(throws: SignatureError.self, "the digest of the subject") {
            try DetachedSignature(changed({ _ in }, statement: { $0.replacing(own, with: other) }))
        }
        let renamed = try DetachedSignature(changed({ _ in }, statement: { $0.replacing("README.md", with: "RAEDME.md") }))
        #expect(throws: SignatureError.self) { try renamed.verify(files(["model.onnx.data"]), by: [key("p256")]) }
        #expect(throws: Never.self, "unchanged") {
            try DetachedSignature(changed { _ in }).verify(files(["model.onnx.data"]), by: [key("p256")])
        }
    }

    /// A statement that names `.` beside others means the model by its own name.
    @Test(.enabled(if: OpenSSL.isThere, "needs openssl")) func onlyAFileThatWasSignedAloneIsMeantByADot() throws {
        let folder = try TemporaryDirectory("bundle")
        try OpenSSL.run(["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "k"], in: folder.path)
        try OpenSSL.run(["pkey", "-in", "k", "-pubout", "-out", "k.pub"], in: folder.path)
        let own = FileDigest.of(bytes: "a model".utf8), other = FileDigest.of(bytes: "a modem".utf8)
        func bundle(_ resources: [(name: String, digest: String)]) throws -> DetachedSignature {
            let digests = resources.flatMap { resource in
                stride(from: 0, to: 64, by: 2).map { UInt8(resource.digest.dropFirst($0).prefix(2), radix: 16)! }
            }
            let statement: [String: Any] = [
                "_type": "https://in-toto.io/Statement/v1", "predicateType": "https://model_signing/signature/v1.0",
                "subject": [["name": "m", "digest": ["sha256": FileDigest.of(bytes: digests)]]],
                "predicate": [
                    "serialization": ["method": "files", "hash_type": "sha256"],
                    "resources": resources.map { ["name": $0.name, "algorithm": "sha256", "digest": $0.digest] },
                ],
            ]
            let payload = try JSONSerialization.data(withJSONObject: statement), type = "application/vnd.in-toto+json"
            try folder.write(Array("DSSEv1 \(type.utf8.count) \(type) \(payload.count) ".utf8) + payload, to: "message")
            try OpenSSL.run(["dgst", "-sha256", "-sign", "k", "-out", "sig", "message"], in: folder.path)
            let whole: [String: Any] = [
                "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "verificationMaterial": ["publicKey": ["hint": "k"]],
                "dsseEnvelope": [
                    "payload": payload.base64EncodedString(), "payloadType": type,
                    "signatures": [["sig": Data(try folder.read("sig")).base64EncodedString()]],
                ],
            ]
            return try DetachedSignature(Array(try JSONSerialization.data(withJSONObject: whole)))
        }
        let key = try VerifyingKey(String(decoding: try folder.read("k.pub"), as: UTF8.self))
        #expect(try bundle([(".", own)]).verify(files(as: "any.onnx"), by: [key]) == key)
        #expect(throws: SignatureError.self) { try bundle([(".", own), ("model.onnx", other)]).verify(files(), by: [key]) }
        #expect(throws: SignatureError.self) { try bundle([(".", own), ("more", own)]).verify(files(), by: [key]) }
    }

    @Test func signersWithCertificatesAreRefusedByName() throws {
        let bundle = try changed { $0["verificationMaterial"] = ["certificate": ["rawBytes": "AA=="], "tlogEntries": [] as [Any]] }
        #expect {
            try DetachedSignature(bundle)
        } throws: {
            "\($0)".contains("only the method \"key\"")
        }
    }

    @Test func partsByShardsAreRefusedByName() throws {
        #expect {
            try DetachedSignature(changed({ _ in }, statement: { $0.replacing("\"files\"", with: "\"shards\"") }))
        } throws: {
            "\($0)".contains("only whole files")
        }
    }
}
