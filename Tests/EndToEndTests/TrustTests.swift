import FileSystem
import Foundation
import Ledger
import Signatures
import TestSupport
import Testing

/// Only files that are signed are admitted. The keys are OpenSSL's, and so are the signatures where it says so.
@Suite(.serialized, .enabled(if: OpenSSL.isThere, "needs openssl")) struct TrustTests {
    static let pipeline = """
        name: p
        spool: { models: spool/models, labelled: spool/labelled, data: spool/data }
        settle: { quiet: 100ms, give_up: 1s }
        schema: { key: [id], keep: [id], label: y, inputs: { x: { columns: x } } }
        stages:
          - deserialize: {}
          - optimize:
              gradient: { loss: mean_squared_error, optimizer: { sgd: { learning_rate: 0.5 } }, epochs: 2, train: [addend] }
              gate: { metric: mae, rows_at_least: 4 }
          - forward: {}
        land: { models: out/models, outputs: { path: out/outputs, format: csv } }

        """

    func world(_ lines: String = "trust: { models: { keys: [author.pub] } }", start: Bool = true) throws -> DaemonProcess {
        let daemon = try DaemonProcess("trust")
        try OpenSSL.makeKey("author", in: daemon.root.path)
        try OpenSSL.makeKey("stranger", in: daemon.root.path)
        try daemon.root.write(Self.pipeline + lines + "\n", to: "pipelines/p.yaml")
        if start { try run(daemon) }
        return daemon
    }

    func run(_ daemon: DaemonProcess) throws {
        let before = daemon.logText.components(separatedBy: "notice running").count
        try daemon.start()
        try #require(eventually { daemon.logText.components(separatedBy: "notice running").count > before }, "\(daemon.logText)")
    }

    /// Signs a file of the root with OpenSSL, after `sha256sum`.
    func sign(_ file: String, by key: String = "author", to signature: String? = nil, in daemon: DaemonProcess) throws {
        try daemon.root.write("\(FileDigest.of(bytes: daemon.root.read(file)))  -\n", to: "statement")
        try OpenSSL.sign("statement", by: key, to: "signature", in: daemon.root.path)
        try daemon.drop(try daemon.root.read("signature"), at: signature ?? file + ".sig")
    }

    func command(_ words: [String], _ daemon: DaemonProcess, status: Int32 = 0) throws -> String {
        let answer = try DaemonProcess.command(words, in: daemon.root.path)
        #expect(answer.status == status, "\(words): \(answer.output)\(answer.error)")
        return answer.output + answer.error
    }

    func active(_ daemon: DaemonProcess) -> String? {
        (try? daemon.root.read("out/models/ACTIVE")).map { String(decoding: $0, as: UTF8.self) }
    }

    func reason(_ name: String, _ daemon: DaemonProcess) -> String? {
        (try? daemon.root.read("quarantine/p/\(name).reason.json")).map { String(decoding: $0, as: UTF8.self) }
    }

    func explain(_ file: String, _ daemon: DaemonProcess) throws -> String { try command(["explain", file], daemon) }

    func isPublished(_ version: Int, _ daemon: DaemonProcess) -> Bool { eventually { active(daemon) == "\(version)\n" } }

    // MARK: Models

    @Test func anUnsignedModelWaitsIsRefusedAndAdmittedOnceItIsSigned() throws {
        let daemon = try world()
        try daemon.drop(TinyModel.adding(1), at: "spool/models/m.onnx")
        try #require(eventually { reason("m.onnx", daemon)?.contains("trust.missing") == true }, "\(daemon.logText)")
        #expect(active(daemon) == nil)
        let told = try explain("spool/models/m.onnx", daemon)
        #expect(told.contains("m.onnx.sig is not there") && told.contains("quarantined"), "\(told)")
        #expect(try explain("spool/models/n.onnx.sig", daemon).contains("name.signature"))
        try sign("spool/models/m.onnx", in: daemon)
        try #require(isPublished(1, daemon), "\(daemon.logText)")
        #expect(eventually { reason("m.onnx", daemon) == nil })
        // Neither a restart nor a signature that goes has anything done again.
        try FileManager.default.removeItem(atPath: daemon.root("spool/models/m.onnx.sig"))
        #expect(daemon.stop() == 0)
        let arrivals = try RunLedger(stateDirectory: daemon.root(".millrace"), readOnly: true).arrivals(after: 0).count
        try run(daemon)
        usleep(1_500_000)
        #expect(try command(["check"], daemon).contains("0 differences"))
        #expect(try RunLedger(stateDirectory: daemon.root(".millrace"), readOnly: true).arrivals(after: 0).count == arrivals)
        #expect(reason("m.onnx", daemon) == nil && active(daemon) == "1\n")
    }

    @Test func aSignatureThatComesLaterIsWaitedFor() throws {
        let daemon = try world()
        try sign("author.pub", to: "spool/models/other.onnx.sig", in: daemon)
        try daemon.drop(TinyModel.adding(1), at: "spool/models/m.onnx")
        usleep(300_000)
        #expect(active(daemon) == nil)
        #expect(try explain("spool/models/m.onnx", daemon).contains("its signature m.onnx.sig is not there"))
        try sign("spool/models/m.onnx", in: daemon)
        #expect(isPublished(1, daemon), "\(daemon.logText)")
    }

    @Test(arguments: ["another key", "another content", "a changed signature"])
    func aWrongSignatureIsRefusedAndReplaced(how: String) throws {
        let daemon = try world()
        try daemon.root.write(TinyModel.adding(1), to: "m.onnx")
        try sign("m.onnx", by: how == "another key" ? "stranger" : "author", to: "spool/models/m.onnx.sig", in: daemon)
        if how == "a changed signature" {
            var signature = try daemon.root.read("spool/models/m.onnx.sig")
            signature[40] ^= 1
            try daemon.drop(signature, at: "spool/models/m.onnx.sig")
        }
        try daemon.drop(TinyModel.adding(how == "another content" ? 2 : 1), at: "spool/models/m.onnx")
        try #require(eventually { reason("m.onnx", daemon)?.contains("trust.invalid") == true }, "\(daemon.logText)")
        let told = try explain("spool/models/m.onnx", daemon)
        #expect(told.contains("is by none of the key") && told.contains("quarantined"), "\(told)")
        #expect(active(daemon) == nil)
        // It stays refused when the daemon starts again, and is not read again.
        #expect(daemon.stop() == 0)
        let arrivals = try RunLedger(stateDirectory: daemon.root(".millrace"), readOnly: true).arrivals(after: 0).count
        try run(daemon)
        usleep(700_000)
        #expect(try RunLedger(stateDirectory: daemon.root(".millrace"), readOnly: true).arrivals(after: 0).count == arrivals)
        try sign("spool/models/m.onnx", in: daemon)
        #expect(isPublished(1, daemon), "\(daemon.logText)")
        #expect(eventually { reason("m.onnx", daemon) == nil })
    }

    @Test func aFileIsTriedAgainAfterItsSignersKeyWasAdded() throws {
        let daemon = try world()
        try daemon.root.write(TinyModel.adding(1), to: "m.onnx")
        try sign("m.onnx", by: "stranger", to: "spool/models/m.onnx.sig", in: daemon)
        try daemon.drop(TinyModel.adding(1), at: "spool/models/m.onnx")
        try #require(eventually { reason("m.onnx", daemon) != nil }, "\(daemon.logText)")
        // Tried again under the same keys it is refused again.
        func refusals() -> Int { daemon.logText.components(separatedBy: "is by none of the key").count - 1 }
        try #require(eventually { refusals() == 1 }, "\(daemon.logText)")
        #expect(try command(["retry", "spool/models/m.onnx"], daemon).contains("waits again"))
        try #require(eventually { refusals() == 2 }, "\(daemon.logText)")
        try daemon.drop((Self.pipeline + "trust: { models: { keys: [author.pub, stranger.pub] } }\n").utf8, at: "pipelines/p.yaml")
        try #require(eventually { daemon.logText.contains("pipelines re-read") }, "\(daemon.logText)")
        usleep(500_000)
        #expect(active(daemon) == nil)
        #expect(try command(["retry", "spool/models/m.onnx"], daemon).contains("waits again"))
        #expect(isPublished(1, daemon), "\(daemon.logText)")
    }

    @Test func externalDataIsSignedWithItsModel() throws {
        let daemon = try world()
        let models = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("ExternalData")
        func data(_ name: String) throws -> [UInt8] { Array(try Data(contentsOf: models.appendingPathComponent(name))) }
        for name in ["one.onnx", "one.onnx.data"] { try daemon.root.write(try data(name), to: name) }
        #expect(try command(["sign", "one.onnx", "--key", "author"], daemon) == "")
        let statement = try command(["sign", "one.onnx", "--statement"], daemon)
        #expect(statement.split(separator: "\n").count == 2 && statement.hasSuffix("  one.onnx.data\n"), "\(statement)")
        try daemon.root.write(statement, to: "statement")
        #expect(try OpenSSL.verifies("statement", "one.onnx.sig", by: "author.pub", in: daemon.root.path))
        var other = try data("one.onnx.data")
        other[0] ^= 1
        try daemon.drop(other, at: "spool/models/one.onnx.data")
        try daemon.drop(try daemon.root.read("one.onnx.sig"), at: "spool/models/one.onnx.sig")
        try daemon.drop(try data("one.onnx"), at: "spool/models/one.onnx")
        try #require(eventually { reason("one.onnx", daemon)?.contains("trust.invalid") == true }, "\(daemon.logText)")
        try daemon.drop(try data("one.onnx.data"), at: "spool/models/one.onnx.data")
        #expect(isPublished(1, daemon), "\(daemon.logText)")
        // It is known when the daemon starts again, with or without its signature.
        try FileManager.default.removeItem(atPath: daemon.root("spool/models/one.onnx.sig"))
        #expect(daemon.stop() == 0)
        try run(daemon)
        usleep(2_000_000)
        #expect(reason("one.onnx", daemon) == nil)
        #expect(try explain("spool/models/one.onnx", daemon).contains("done"))
    }

    // MARK: Labels

    @Test func labelsAreLearntFromOnceTheyAreSigned() throws {
        let daemon = try world("trust: { labelled: { keys: [author.pub] } }\nafter: archive\narchive: put")
        try daemon.drop(TinyModel.adding(1), at: "spool/models/m.onnx")
        try #require(isPublished(1, daemon), "\(daemon.logText)")
        let rows = (0..<20).map { "l\($0),\(Double($0) / 20),\(Double($0) / 20 + 2)\n" }.joined()
        try daemon.drop(("id,x,y\n" + rows).utf8, at: "spool/labelled/l.csv")
        try #require(eventually { reason("l.csv", daemon)?.contains("trust.missing") == true }, "\(daemon.logText)")
        #expect(FileManager.default.fileExists(atPath: daemon.root("spool/labelled/l.csv")), "it stays where its signature is awaited")
        try sign("spool/labelled/l.csv", in: daemon)
        #expect(isPublished(2, daemon), "\(daemon.logText)")
        // Its signature leaves with it.
        #expect(eventually { daemon.root.files().filter { $0.hasPrefix("put/") } == ["put/l.csv", "put/l.csv.sig", "put/m.onnx"] })
        #expect(daemon.root.files().filter { $0.hasPrefix("spool/labelled/l") } == [])
    }

    @Test func signaturesThatNobodyAsksForAreLeftAlone() throws {
        let daemon = try world("")
        try daemon.drop(TinyModel.adding(1), at: "spool/models/m.onnx")
        for name in ["spool/models/m.onnx.sig", "spool/data/a.csv.sig"] { try daemon.drop("no signature".utf8, at: name) }
        try daemon.drop("id,x\na,1\n".utf8, at: "spool/data/a.csv")
        #expect(eventually { (try? daemon.root.read("out/outputs/a.csv")) != nil }, "\(daemon.logText)")
        usleep(1_500_000)
        #expect(daemon.root.files().filter { $0.hasPrefix("quarantine/") } == [])
        #expect(!daemon.logText.contains("files that nothing takes"))
    }

    @Test func aWrongKeyRefusesThePipeline() throws {
        let daemon = try world("trust: { models: { keys: [author] } }", start: false)
        try daemon.start()
        daemon.process?.waitUntilExit()
        #expect(daemon.process?.terminationStatus == 2)
        #expect(daemon.logText.contains("trust.models.keys: author: it is a private key"), "\(daemon.logText)")
    }
}
