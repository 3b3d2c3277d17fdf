import FileSystem
import Foundation
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
