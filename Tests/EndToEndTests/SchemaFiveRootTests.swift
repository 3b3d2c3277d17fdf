import Foundation
import Ledger
import TestSupport
import Testing

/// A root that the release before left, whose ledger has schema 5 (`SchemaFiveRoot/make`): it opens, nothing that is done is redone, and
/// what was under way goes on.
@Suite(.serialized) struct SchemaFiveRootTests {
    private static let archive = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/SchemaFiveRoot/root.tar.gz"

    /// The root, unpacked, with the absolute paths of its ledger changed to where it is now.
    private func world() throws -> DaemonProcess {
        let daemon = try DaemonProcess("five")
        try run("tar", ["-C", daemon.root.path, "-xzf", Self.archive])
        try sql(
            daemon,
            [("roots", "path"), ("model_versions", "card")].map {
                "UPDATE \($0) SET \($1) = replace(\($1), '/srv/millrace', '\(daemon.root.path)')"
            })
        return daemon
    }

    private func sql(_ daemon: DaemonProcess, _ statements: [String]) throws {
        let script =
            "import sqlite3, sys\nledger = sqlite3.connect(sys.argv[1])\nfor text in sys.argv[2:]: ledger.execute(text)\nledger.commit()"
        try run("python3", ["-c", script, daemon.root(".millrace/ledger.sqlite")] + statements)
    }

    private func run(_ program: String, _ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [program] + arguments
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "\(program)")
    }

    private func command(_ arguments: [String], _ daemon: DaemonProcess) throws -> DaemonProcess.CommandOutput {
        try DaemonProcess.command(arguments + ["--root", daemon.root.path])
    }

    private func published(_ daemon: DaemonProcess) throws -> [String: [UInt8]] {
        let paths = daemon.root.files().filter { $0.hasPrefix("out/") && !$0.contains("_millrace") }
        return try Dictionary(uniqueKeysWithValues: paths.map { ($0, try daemon.root.read($0)) })
    }

    @Test func whatIsDoneStaysDoneAndWhatIsUnderWayGoesOn() throws {
        let daemon = try world()
        let before = try published(daemon)
        #expect(before.count == 8, "\(before.keys)")
        usleep(400_000)
        let answer = try command(["run", "--once", daemon.root("pipelines")], daemon)
        #expect(answer.status == 3 || answer.status == 1, "w.csv waits for a model: \(answer.error)")
        let after = try published(daemon)
        for (path, bytes) in before { #expect(after[path] == bytes, "\(path)") }
        #expect(Set(after.keys).subtracting(before.keys) == ["out/p/outputs/delayed.csv", "out/p/outputs/killed.csv"])
        #expect(after["out/p/outputs/delayed.csv"] == Array("id,y\ne,3.0\n".utf8))
        let ledger = try RunLedger(stateDirectory: daemon.root(".millrace"), readOnly: true)
        let runs = try ledger.runs(RunFilter(limit: 100))
        let again = runs.filter { $0.attemptCount == 2 }.map(\.path).sorted()
        #expect(runs.count == 10 && again == ["delayed.csv", "killed.csv"], "\(runs)")
        #expect(
            try ledger.arrivals().map(\.state) == [
                .done, .done, .done, .done, .done, .done, .rejected, .quarantined, .waiting, .done, .done,
            ])
        // What that release did does not say on what; what is done now does.
        #expect(runs.allSatisfy { ($0.machine != nil) == again.contains($0.path) }, "\(runs)")
        #expect(try ledger.activeVersion(pipeline: "p") == 1)
        let check = try command(["check"], daemon)
        #expect(check.status == 0, "\(check.output)")
        #expect(try command(["plan"], daemon).output.contains("nothing that is done would be redone"))
    }

    @Test func itsWaitingWorkIsDoneUnderAnEditedPipelineByTheRevisionThatIsSaid() throws {
        let daemon = try world()
        // Both, since they have one revision: that of the other would tell what it was.
        for name in ["p", "waiting"] {
            let text = String(decoding: try daemon.root.read("pipelines/\(name).yaml"), as: UTF8.self)
            try daemon.root.write(text.replacing("scale: 2", with: "scale: 4"), to: "pipelines/\(name).yaml")
        }
        usleep(400_000)
        _ = try command(["run", "--once", daemon.root("pipelines")], daemon)
        // Its ledger kept only the digest of the old one.
        #expect(try daemon.root.read("out/p/outputs/delayed.csv") == Array("id,y\ne,5.0\n".utf8))
        let ledger = try RunLedger(stateDirectory: daemon.root(".millrace"), readOnly: true)
        let runs = try ledger.runs(RunFilter(pipeline: "p", limit: 100))
        let new = try #require(runs.first { $0.path == "delayed.csv" }?.revision)
        #expect(new != runs.first { $0.path == "b.csv" }?.revision)
        #expect(try command(["plan", "--json"], daemon).output.contains("\"revision\" : \"\(new)\""))
    }

    /// What an older millrace says of a ledger that a newer one has written.
    @Test func aNewerRootIsRefusedByName() throws {
        let daemon = try world()
        _ = try RunLedger(stateDirectory: daemon.root(".millrace"))
        try sql(daemon, ["INSERT INTO grdb_migrations VALUES ('10')"])
        let before = try published(daemon)
        for arguments in [["run", "--once", daemon.root("pipelines")], ["status"], ["rebuild"], ["retry", "--all"], ["check"]] {
            let answer = try command(arguments, daemon)
            #expect(
                answer.status != 0 && answer.error.contains("newer millrace (schema 10, this one knows up to 9)"),
                "\(arguments): \(answer.error)")
        }
        #expect(try published(daemon) == before)
    }
}
