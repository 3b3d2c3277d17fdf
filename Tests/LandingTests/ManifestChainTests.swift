import Arrivals
import FileSystem
import Foundation
import Signatures
import SystemPackage
import TestSupport
import Testing

@testable import Landing

/// Signed lines follow each other by number and by the digest of the line before, and the head names the newest.
@Suite struct ManifestChainTests {
    private let scene: Scene
    private let key = SigningKey()
    private static let day: Int64 = 86_400_000
    private static let start: Int64 = 1_795_470_000_123

    init() throws { scene = try Scene("chained") }

    private func round(day: Int64 = 0, _ signer: SigningKey?) -> LandingRound {
        LandingRound(areas: [scene.area], now: UTCTime(milliseconds: Self.start + day * Self.day), signer: signer)
    }

    @discardableResult
    private func publish(_ names: [String], run: Int64, day: Int64 = 0, signed: Bool = true) throws -> [StagedOutput] {
        let outputs = try names.enumerated().map { try scene.stage($1, $1, run: run * 100 + Int64($0)) }
        for result in try round(day: day, signed ? key : nil).publish(outputs, intend: allow) { _ = try result.get() }
        return outputs
    }

    private var files: [FilePath] { (try? Manifest(outputRoot: scene.out, pipeline: "digits").files()) ?? [] }
    private var headPath: FilePath { scene.out.appending("_millrace/head-digits.json") }

    /// The lines of all files, as text without their ends.
    private func texts() throws -> [String] {
        try files.flatMap { String(decoding: try JSONFile.read($0), as: UTF8.self).split(separator: "\n").map(String.init) }
    }

    private func lines() throws -> [ManifestLine] { try scene.manifest() }

    private func head() throws -> ManifestHead {
        let text = try JSONFile.read(headPath)
        let (message, signature) = try #require(SignedLine.parts(of: text.dropLast()))
        #expect(key.publicKey.verifies(signature, of: message))
        return try JSONDecoder().decode(ManifestHead.self, from: Data(message))
    }

    @Test func linesGoOnFromOneRoundAndFileToTheNext() throws {
        try publish(["a", "b"], run: 1)
        try publish(["c"], run: 2)
        try publish(["d"], run: 3, day: 1)
        #expect(files.count == 2)
        let digests = try texts().map { FileDigest.of(bytes: $0.utf8) }
        #expect(try lines().map(\.sequence) == [1, 2, 3, 4])
        #expect(try lines().map(\.previous) == [nil] + digests.dropLast())
        #expect(try head() == ManifestHead(digest: digests.last, pipeline: "digits", sequence: 4))
    }

    @Test func withoutAKeyNothingIsChained() throws {
        try publish(["a"], run: 1, signed: false)
        #expect(try lines().map(\.sequence) == [nil] && lines().map(\.previous) == [nil])
        #expect(try Disk.status(headPath) == nil)
        // A root that is signed from here on begins its chain, and one that was not signed for a while goes on with it.
        try publish(["b"], run: 2)
        try publish(["c"], run: 3, signed: false)
        try publish(["d"], run: 4, day: 1)
        #expect(try lines().map(\.sequence) == [nil, 1, nil, 2])
        #expect(try lines()[3].previous == FileDigest.of(bytes: texts()[1].utf8))
    }

    /// A removal is a line like any other, and says nothing of its own of the line that it repeats.
    @Test func aRemovalIsInTheChain() throws {
        try publish(["a"], run: 1)
        let manifest = Manifest(outputRoot: scene.out, pipeline: "digits", signer: key)
        try manifest.appendRemovals(of: try lines(), at: UTCTime(milliseconds: Self.start))
        #expect(try lines().map(\.sequence) == [1, 2])
        #expect(try texts()[1].firstRange(of: "signature") != nil && lines()[1].previous == FileDigest.of(bytes: texts()[0].utf8))
    }

    /// A daemon that was killed between the lines and the head writes the head when it recovers, and the lines only once.
    @Test func theHeadIsWrittenAfterACrash() throws {
        try publish(["a"], run: 1)
        let before = try JSONFile.read(headPath)
        let outputs = try publish(["b", "c"], run: 2)
        let after = try head()
        try JSONFile.write(before, to: headPath)
        #expect(try head().sequence == 1)
        _ = try round(key).recover(outputs)
        #expect(try head() == after && lines().map(\.sequence) == [1, 2, 3])
    }

    @Test func theHeadStandsBeforeTheFirstLineDoes() throws {
        let acts = Acts()
        try acts.record(below: scene.folder.path) { try publish(["a"], run: 1) }
        let manifest = try acts.first { $0.isWriteOfManifest }
        let head = headPath
        let heads = acts.all.indices.filter {
            if case .act(.rename(_, let to)) = acts.all[$0] { to == head } else { false }
        }
        #expect(heads.count == 2 && heads[0] < manifest && heads[1] > manifest, "\(acts.all)")
        guard case .act(.write(let file)) = acts.all[manifest] else { return }
        #expect(acts.has(.sync(file), in: manifest..<heads[1]), "a head names no line that a power cut may take")
    }

    /// Otherwise the next round would hide that lines were taken away.
    @Test func theNextLinesDoNotHideThatLinesAreGone() throws {
        try publish(["a", "b", "c"], run: 1)
        let file = try #require(files.first)
        let kept = try texts()
        try JSONFile.write(Array((kept[0] + "\n").utf8), to: file)
        try publish(["d"], run: 2)
        #expect(try lines().map(\.sequence) == [1, 4])
        #expect(try lines()[1].previous == FileDigest.of(bytes: kept[2].utf8))
    }

    /// Who may write into the folder may write any number there.
    @Test func noNumberEndsTheDaemon() throws {
        try publish(["a"], run: 1)
        let file = try #require(files.first)
        var text = try JSONFile.read(file)
        text += Array("{\"sequence\":9223372036854775807}\n{\"sequence\":-5}\n".utf8)
        try JSONFile.write(text, to: file)
        try JSONFile.write(Array("{\"pipeline\":\"digits\",\"sequence\":9223372036854775807}\n".utf8), to: headPath)
        try publish(["b"], run: 2)
        #expect(try texts().last?.contains("\"sequence\":2,") == true)
    }

    @Test(.enabled(if: OpenSSL.isThere, "needs openssl")) func openSSLChecksTheHead() throws {
        try publish(["a"], run: 1)
        let text = String(decoding: try JSONFile.read(headPath), as: UTF8.self)
        #expect(text.hasSuffix("\"}\n") && text.split(separator: "\n").count == 1)
        try scene.folder.write(key.publicKey.text, to: "k.pub")
        try scene.folder.write(text.replacing(/,"signature":"[^"]*"}\n$/, with: "}"), to: "m")
        let signature = try #require(text.firstMatch(of: /,"signature":"([^"]*)"}\n$/)?.1)
        try scene.folder.write(try #require(Data(base64Encoded: String(signature))), to: "s")
        #expect(try OpenSSL.verifies("m", "s", by: "k.pub", in: scene.folder.path))
    }
}
