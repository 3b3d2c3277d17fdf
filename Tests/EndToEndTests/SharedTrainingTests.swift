import FileSystem
import Foundation
import Landing
import TestSupport
import Testing

/// One training whose batches are cut into shares, with the built daemon: with workers of the same machine, and with workers that have joined
/// from elsewhere. The model has the same bytes.
@Suite(.serialized) struct SharedTrainingTests {
    private static let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    /// A daemon with the digits pipeline, whose batches have four shares.
    private func daemon(_ settings: String, epochs: Int = 60) throws -> DaemonProcess {
        let daemon = try DaemonProcess("shared")
        let pipeline = try String(contentsOfFile: Self.repository + "/pipelines/digits.yaml", encoding: .utf8)
        let gradient = try #require(pipeline.split(separator: "\n").first { $0.contains("epochs:") })
        let indent = gradient.prefix { $0 == " " }
        let cut = pipeline.replacing(gradient, with: "\(indent)epochs: \(epochs)\n\(indent)shares: 4\n\(indent)threads: 1")
        try daemon.root.write(cut, to: "pipelines/digits.yaml")
        try daemon.root.write(settings, to: "millrace.yaml")
        try daemon.start()
        try #require(eventually { daemon.logText.contains("notice running") }, "\(daemon.logText)")
        return daemon
    }

    private func drop(_ sample: String, at path: String, into daemon: DaemonProcess) throws {
        try daemon.drop(Data(contentsOf: URL(fileURLWithPath: Self.repository + "/samples/digits/" + sample)), at: path)
    }

    /// Trains, and returns the bytes of the new version, and the number of shares that others have computed.
    /// - Parameter meanwhile: is called while it trains.
    private func train(_ daemon: DaemonProcess, meanwhile: () throws -> Void = {}) throws -> (model: [UInt8], helped: Int64) {
        try drop("undertrained.onnx", at: "spool/digits/models/m.onnx", into: daemon)
        try #require(eventually { daemon.root.files().contains("out/digits/models/1/card.json") }, "\(daemon.logText)")
        try drop("labelled.csv", at: "spool/digits/labelled/l.csv", into: daemon)
        try meanwhile()
        try #require(eventually { daemon.root.files().contains("out/digits/models/2/card.json") }, "\(daemon.logText)")
        let card = try JSONDecoder().decode(Card.self, from: Data(try daemon.root.read("out/digits/models/2/card.json")))
        guard case .integer(let helped)? = card.decisions?["shares_computed_by_others"] else {
            Issue.record("the card does not say who has computed shares")
            return ([], 0)
        }
        return (try daemon.root.read("out/digits/models/2/model.onnx"), helped)
    }

    private func worker(_ daemon: DaemonProcess, _ name: String) throws -> Process {
        let process = Process()
        process.executableURL = DaemonProcess.binary
        process.arguments = [
            "worker", "--join", daemon.root(".millrace/workers"), "--cache", daemon.root("cache-" + name), "--workers", "1",
        ]
        process.standardInput = FileHandle.nullDevice
        let log = daemon.root(name + ".log")
        try Data().write(to: URL(fileURLWithPath: log))
        process.standardOutput = FileHandle(forWritingAtPath: log)
        process.standardError = process.standardOutput
        try process.run()
        return process
    }

    private func joined(_ daemon: DaemonProcess) -> Int { daemon.logText.components(separatedBy: " has joined from ").count - 1 }

    private static let listening = "workers: 1\nexecutor: { listen: \"127.0.0.1:0\" }\n"

    @Test func whoHelpsChangesNoByte() throws {
        let alone = try daemon("workers: 1\n")
        // The only worker helps as well: it has nothing else to do.
        let expected = try train(alone).model
        #expect(alone.stop() == 0)
        #expect(!expected.isEmpty)

        let local = try daemon("workers: 2\n")
        let helpedHere = try train(local)
        #expect(helpedHere.model == expected)
        #expect(local.stop() == 0)

        // One that has joined from elsewhere is killed in the middle, and another goes on.
        let away = try daemon(Self.listening)
        var workers = try ["one", "two"].map { try worker(away, $0) }
        defer { for worker in workers where worker.isRunning { kill(worker.processIdentifier, SIGKILL) } }
        try #require(eventually { joined(away) == 2 }, "\(away.logText)")
        let helpedElsewhere = try train(away) {
            #expect(
                eventually {
                    let status = try? DaemonProcess.command(["status", "--root", away.root.path])
                    return status?.output.contains("help") == true || away.root.files().contains("out/digits/models/2/card.json")
                }, "\(away.logText)")
            kill(workers[0].processIdentifier, SIGKILL)
            workers[0].waitUntilExit()
            workers[0] = try worker(away, "three")
        }
        #expect(helpedElsewhere.model == expected)
        #expect(helpedElsewhere.helped > 0, "\(away.logText)")
        #expect(try DaemonProcess.command(["check", "--root", away.root.path]).status == 0)
        #expect(away.stop() == 0)
    }

    /// The daemon executes nothing itself: one worker trains, and the other helps it, over the daemon.
    @Test func oneWorkerElsewhereHelpsAnother() throws {
        let alone = try daemon("workers: 1\n")
        let expected = try train(alone).model
        #expect(alone.stop() == 0)
        let away = try daemon("workers: 0\nexecutor: { listen: \"127.0.0.1:0\" }\n")
        let workers = try ["one", "two"].map { try worker(away, $0) }
        defer { for worker in workers where worker.isRunning { kill(worker.processIdentifier, SIGKILL) } }
        try #require(eventually { joined(away) == 2 }, "\(away.logText)")
        let helped = try train(away) {
            // What waits for a worker has it at once, though both are at work. Epochs enough follow for help to come back.
            try drop("data/digits-1.csv", at: "spool/digits/data/d.csv", into: away)
            #expect(eventually { away.root.files().contains("out/digits/predictions/d.csv") }, "\(away.logText)")
        }
        #expect(helped.model == expected && !expected.isEmpty)
        #expect(helped.helped > 0, "\(away.logText)")
        #expect(away.stop() == 0)
    }
}
