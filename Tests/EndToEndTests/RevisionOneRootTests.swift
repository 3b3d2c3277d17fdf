import Foundation
import Ledger
import TestSupport
import Testing

/// A root that an earlier build left, whose ledger, manifests and cards know revisions by version 1 of the canonical form
/// (`RevisionOneRoot/make`): what is done stays done, and what is under way goes on.
@Suite(.serialized) struct RevisionOneRootTests {
    private static let archive = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/RevisionOneRoot/root.tar.gz"
    private static let pipelines = ["digits", "later", "penguins", "tumours", "unfinished"]

    /// The root, unpacked. It was made at /srv/millrace, so that the absolute paths in its ledger are changed to where it is now.
    private func world() throws -> DaemonProcess {
        let daemon = try DaemonProcess("former")
        try run("tar", ["-C", daemon.root.path, "-xzf", Self.archive])
        let move = """
            import sqlite3, sys
            ledger = sqlite3.connect(sys.argv[1] + "/.millrace/ledger.sqlite")
            for table, column in [("roots", "path"), ("model_versions", "card")]:
                ledger.execute(f"UPDATE {table} SET {column} = replace({column}, '/srv/millrace', ?)", [sys.argv[1]])
            ledger.commit()
            """
        try run("python3", ["-c", move, daemon.root.path])
        return daemon
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

    private func once(_ daemon: DaemonProcess) throws -> DaemonProcess.CommandOutput {
        usleep(500_000)
        return try command(["run", "--once"] + Self.pipelines.map { daemon.root("pipelines/\($0).yaml") }, daemon)
    }

    private func ledger(_ daemon: DaemonProcess) throws -> RunLedger {
        try RunLedger(stateDirectory: daemon.root(".millrace"), readOnly: true)
    }

    private func expectNothingToRedo(_ daemon: DaemonProcess, _ when: String) throws {
        let plan = try command(["plan"], daemon)
        #expect(plan.status == 0 && plan.output.contains("nothing that is done would be redone"), "\(when): \(plan.output)")
        #expect(!plan.output.contains("done under revision"), "\(when): \(plan.output)")
    }

    private func published(_ daemon: DaemonProcess) throws -> [String: [UInt8]] {
        let paths = daemon.root.files().filter { $0.hasPrefix("out/") && !$0.contains("_millrace") && !$0.hasSuffix("ACTIVE") }
        return try Dictionary(uniqueKeysWithValues: paths.map { ($0, try daemon.root.read($0)) })
    }

    @Test func whatIsDoneStaysDoneAndWhatIsUnderWayGoesOn() throws {
        let daemon = try world()
        let root = daemon.root
        try expectNothingToRedo(daemon, "before the ledger was opened for writing")
        let before = try published(daemon), runsBefore = try ledger(daemon).runs(RunFilter(limit: 1000))
        #expect(before.count == 17 && runsBefore.count == 17)
        try #require(runsBefore.filter { $0.state == .open }.map(\.path).sorted() == ["l.csv", "penguins-2009.csv.gz"])

        // The second attempt is due a minute after the first, which is long ago; the killed training is taken up.
        _ = try once(daemon)
        let after = try published(daemon)
        for (path, bytes) in before { #expect(after[path] == bytes, "\(path)") }
        #expect(
            Set(after.keys).subtracting(before.keys) == [
                "out/penguins/predictions/penguins-2009.jsonl", "out/unfinished/models/2/card.json", "out/unfinished/models/2/model.onnx",
            ])
        let runs = try ledger(daemon).runs(RunFilter(limit: 1000))
        #expect(runs.count == runsBefore.count, "no run was opened beside those that were there")
        #expect(runs.filter { $0.attemptCount == 2 }.map(\.path).sorted() == ["l.csv", "penguins-2009.csv.gz"])
        #expect(!runs.contains { run in Self.revisionsOfOld.contains(run.revision) })
        try expectNothingToRedo(daemon, "after it was opened")
        let status = try command(["status"], daemon).output
        #expect(status.contains("waits.csv: for a first model version"), "\(status)")
        let check = try command(["check"], daemon)
        #expect(check.status == 0, "\(check.output)\(check.error)")

        // What waited is scored once there is a model.
        try root.write(root.read("spool/tumours/models/m.onnx"), to: "spool/later/models/m.onnx")
        _ = try once(daemon)
        #expect(try published(daemon)["out/later/predictions/waits.parquet"] != nil)
    }

    @Test func pinnedColumnsHoldForRetriesReplaysAndNewFiles() throws {
        let daemon = try world()
        let root = daemon.root
        try root.write(root.read("spool/tumours/data/swapped.csv") + Array("\n".utf8), to: "spool/tumours/data/new.csv")
        #expect(try command(["retry", root("spool/tumours/data/swapped.csv")], daemon).status == 0)
        #expect(try command(["replay", root("spool/tumours/data/second.csv")], daemon).status == 0)
        _ = try once(daemon)
        for name in ["swapped.csv", "new.csv"] {
            let explained = try command(["explain", root("spool/tumours/data/\(name)")], daemon).output
            #expect(explained.contains("not those of the first file") && explained.contains("was \"mean_radius\""), "\(explained)")
        }
        let runs = try ledger(daemon).runs(RunFilter(pipeline: "tumours", path: "second.csv"))
        try #require(runs.map(\.state) == [.done, .done] && runs.map(\.kind) == [.replay, .normal], "\(runs)")
        #expect(try ledger(daemon).columnOrders(pipeline: "tumours", revision: runs[0].revision)["measurements"]?.first == "mean_radius")
    }

    @Test func labelsOfThenAreLearntFromWithThoseOfNow() throws {
        let daemon = try world()
        let root = daemon.root
        let lines = try String(decoding: root.read("spool/digits/labelled/l.csv"), as: UTF8.self).split(separator: "\n")
        try root.write((lines[...40].joined(separator: "\n") + "\n"), to: "spool/digits/labelled/more.csv")
        _ = try once(daemon)
        let run = try #require(try ledger(daemon).runs(RunFilter(pipeline: "digits", path: "more.csv")).first)
        #expect(try ledger(daemon).labels(ofRun: run.number).map(\.path) == ["l.csv", "more.csv"])
        #expect(run.version == 2, "it starts from the version that was trained before")
    }

    @Test func aLedgerIsRebuiltFromManifestsAndCardsOfBothVersions() throws {
        let daemon = try world()
        let root = daemon.root
        try root.write(root.read("spool/penguins/data/penguins-2007.csv") + Array("\n".utf8), to: "spool/penguins/data/new.csv")
        // Manifests of then do not tell which columns were pinned: this file would come first, and pin its own.
        try FileManager.default.removeItem(atPath: root("spool/tumours/data/swapped.csv"))
        _ = try once(daemon)
        try FileManager.default.removeItem(atPath: root(".millrace/ledger.sqlite"))
        for name in ["ledger.sqlite-wal", "ledger.sqlite-shm"] { try? FileManager.default.removeItem(atPath: root(".millrace/" + name)) }
        let rebuilt = try command(["rebuild"], daemon)
        #expect(
            rebuilt.status == 0 && rebuilt.output.contains("penguins: 4 outputs, 1 model versions, version 1 active"),
            "\(rebuilt.output)\(rebuilt.error)")
        #expect(rebuilt.output.contains("digits: 2 outputs, 2 model versions, version 2 active"), "\(rebuilt.output)")
        try expectNothingToRedo(daemon, "after the rebuild")
        let before = try published(daemon)
        _ = try once(daemon)
        let after = try published(daemon)
        #expect(Set(after.keys).symmetricDifference(before.keys).isEmpty)
        for (path, bytes) in before { #expect(after[path] == bytes, "\(path)") }
        try expectNothingToRedo(daemon, "after the next run")
    }

    /// The revisions of the five pipelines by version 1; `later` does the same as `tumours` and has the same revision.
    private static let revisionsOfOld: Set<String> = [
        "d1da2060cdfbefadd6fe915921fe6bd0eb91bf4a08efbc3d54103f047340ba03",
        "cf6d8f9fa650418695d0c0c4850f17316840f8ba7307ac75ca3751bde3d5c2f9",
    ]
}
