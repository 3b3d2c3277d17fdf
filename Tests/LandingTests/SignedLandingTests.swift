import Arrivals
import FileSystem
import Foundation
import Signatures
import SystemPackage
import TestSupport
import Testing

@testable import Landing

/// What lands is signed without being changed, and OpenSSL finds the signatures good.
@Suite struct SignedLandingTests {
    private let scene: Scene
    private let key = SigningKey()

    init() throws {
        scene = try Scene("signed")
        try scene.folder.write(key.publicKey.text, to: "k.pub")
    }

    private func round(_ signer: SigningKey?) -> LandingRound {
        LandingRound(areas: [scene.area], now: .init(milliseconds: 1_795_470_000_123), signer: signer)
    }

    private func manifestLines() throws -> [String] {
        let file = try #require(try Manifest(outputRoot: scene.out, pipeline: "digits").files().first)
        return String(decoding: try JSONFile.read(file), as: UTF8.self).split(separator: "\n").map(String.init)
    }

    @Test(.enabled(if: OpenSSL.isThere, "needs openssl")) func eachLineOfAManifestIsSigned() throws {
        _ = try round(key).publish([try scene.stage("a \"b\".csv", "a", run: 1), try scene.stage("c.csv", "c", run: 2)], intend: allow)
        let lines = try manifestLines()
        #expect(lines.count == 2)
        for line in lines {
            // As the documentation says, with sed.
            try scene.folder.write(line.replacing(/,"signature":"[^"]*"}$/, with: "}"), to: "m")
            let signature = try #require(line.firstMatch(of: /,"signature":"([^"]*)"}$/)?.1)
            try scene.folder.write(try #require(Data(base64Encoded: String(signature))), to: "s")
            #expect(try OpenSSL.verifies("m", "s", by: "k.pub", in: scene.folder.path))
            let signed = try #require(SignedLine.parts(of: Array(line.utf8)))
            #expect(try signed.message == scene.folder.read("m") && signed.signature == scene.folder.read("s"))
        }
    }

    @Test func aSignedLineSaysTheSameAndIsFoundAfterACrash() throws {
        let output = try scene.stage("a.csv", "a", run: 1)
        var stopped = round(key)
        stopped.onStep = { if $0 == .manifestAppended { throw Stopped() } }
        #expect(throws: (any Error).self) { _ = try stopped.publish([output], intend: allow) }
        let first = try manifestLines()
        #expect(try round(key).recover([output]).count == 1)
        #expect(try manifestLines() == first, "it is not written twice")
        let plain = try Scene("plain")
        _ = try plain.round().publish([try plain.stage("a.csv", "a", run: 1)], intend: allow)
        var signed = try #require(try scene.manifest().first)
        #expect(signed.signature != nil)
        signed = try JSONDecoder().decode(ManifestLine.self, from: Data(try #require(SignedLine.parts(of: Array(first[0].utf8))).message))
        #expect(signed.sequence == 1 && signed.previous == nil)
        signed.sequence = nil
        #expect(try signed == plain.manifest().first)
    }

    @Test func aLineWithoutAWholeSignatureHasNone() {
        for line in [#"{"a":1}"#, #"{"a":1,"signature":"AAAA"}"#, "", #","signature":"""#] {
            #expect(SignedLine.parts(of: Array(line.utf8)) == nil)
        }
    }

    private func publish(_ signer: SigningKey?, in scene: Scene) throws -> FilePath {
        let models = ModelVersionDirectory(path: scene.root.appending("models"), area: scene.area, signer: signer)
        let directory = try scene.area.directory(run: 1, attempt: 1)
        let names = ["model.onnx", "model.onnx.data", "adapter.safetensors", "model.int8.onnx"]
        for name in names { try Data(name.utf8).write(to: URL(fileURLWithPath: directory.appending(name).string)) }
        let card = Card(
            pipeline: "digits", version: 1, revision: "r", verdict: .ungated, arrival: 1, arrivalPath: "m.onnx", arrivalDigest: "d",
            tool: .init(name: "millrace", version: "0.1"))
        let staged = try models.stage(
            run: 1, attempt: 1,
            files: names.map { .init(name: $0, staged: directory.appending($0), isOfModel: $0 != "model.int8.onnx") }, card: card)
        #expect(try models.land(staged))
        #expect(try models.differences(in: 1).isEmpty)
        return models.directory(of: 1)
    }

    @Test(.enabled(if: OpenSSL.isThere, "needs openssl")) func aVersionAppearsWithItsSignatures() throws {
        let version = try publish(key, in: scene)
        let names = try Disk.names(in: version).map(\.string).sorted()
        #expect(names.filter { $0.hasSuffix(".sig") } == ["card.json.sig", "model.onnx.sig"])
        func sum(_ name: String) throws -> String { try FileDigest.of(version.appending(name)).digest }
        try scene.folder.write("\(sum("card.json"))  -\n", to: "card")
        try scene.folder.write("\(sum("model.onnx"))  -\n\(sum("model.onnx.data"))  model.onnx.data\n", to: "model")
        for (message, signature) in [("card", "card.json.sig"), ("model", "model.onnx.sig")] {
            #expect(try OpenSSL.verifies(message, version.appending(signature).string, by: "k.pub", in: scene.folder.path), "\(signature)")
        }
        // Signing changes no file.
        let other = try Scene("plain")
        let plain = try publish(nil, in: other)
        defer { withExtendedLifetime(other) {} }
        for name in names where !name.hasSuffix(".sig") { #expect(try sum(name) == FileDigest.of(plain.appending(name)).digest, "\(name)") }
    }

    /// The signature is of the number and of the card of that version, as `sha256sum` prints them.
    @Test(.enabled(if: OpenSSL.isThere, "needs openssl")) func theActiveVersionIsSigned() throws {
        let version = try publish(key, in: scene)
        let models = ModelVersionDirectory(path: scene.root.appending("models"), area: scene.area, signer: key)
        try models.activate(1)
        let path = models.path
        #expect(try JSONFile.read(path.appending("ACTIVE")) == Array("1\n".utf8))
        let active = try FileDigest.of(path.appending("ACTIVE")).digest, card = try FileDigest.of(version.appending("card.json")).digest
        try scene.folder.write("\(active)  -\n\(card)  1/card.json\n", to: "statement")
        #expect(try OpenSSL.verifies("statement", path.appending("ACTIVE.sig").string, by: "k.pub", in: scene.folder.path))
        #expect(try Disk.status(path.appending("_millrace/ACTIVE.sig")) == nil)
        // Without a key the old signature would be of another version.
        try ModelVersionDirectory(path: path, area: scene.area).activate(1)
        #expect(try Disk.status(path.appending("ACTIVE.sig")) == nil)
    }

    @Test func theCardOfAnOldVersionKeepsItsSignature() throws {
        let version = try publish(key, in: scene)
        let signature = try JSONFile.read(version.appending("card.json.sig"))
        let models = ModelVersionDirectory(path: scene.root.appending("models"), area: scene.area)
        #expect(try models.remove([1]) == [1])
        #expect(try JSONFile.read(models.path.appending("_millrace/cards/1.json.sig")) == signature)
        #expect(try PublishedModels(path: models.path).survey().entries.map(\.isPruned) == [true])
    }
}
