import Foundation
import Ledger
import TestSupport
import Testing

/// No output carries a revision that could not have made it, however the pipeline is edited between the attempts (SEMANTICS 1): attempts
/// keep the revision that their run was opened with, and the command `retry` binds it to the one in force.
@Suite(.serialized) struct RevisionBindingTests {
    /// An edit of the pipeline, and where the output of work from before it lands.
    private struct Edit {
        let name: String
        let old: String
        let new: String
        var output = "out/outputs/a.csv"
        /// What the output holds under the revision of now.
        var after = "id,y\na,3.0\n"
        var outputAfter: String?
        /// Whether the edit makes another revision.
        var changesRevision = true
    }

    /// x is 1, and the model adds 1 to twice that.
    private static let before = "id,y\na,3.0\n"
    private static let edits = [
        Edit(name: "scale", old: "scale: 2", new: "scale: 5", after: "id,y\na,6.0\n"),
        Edit(name: "missing", old: "scale: 2", new: "scale: 2, missing: 0"),
        Edit(name: "stages", old: "forward: {}", new: "forward: { outputs: { y: other } }", after: "id,other\na,3.0\n"),
        Edit(name: "keep", old: "keep: [id]", new: "keep: []", after: "y\n3.0\n"),
        Edit(name: "key", old: "key: [id]", new: "key: [x]", after: "id,y\na,3.0\n"),
        Edit(name: "threads", old: "forward: {}", new: "forward: { threads: 1 }"),
        Edit(
            name: "format", old: "format: csv", new: "format: jsonl", after: "{\"id\":\"a\",\"y\":3.0}\n",
            outputAfter: "out/outputs/a.jsonl"),
        Edit(name: "path", old: "path: out/outputs", new: "path: out/moved", output: "out/moved/a.csv", changesRevision: false),
        Edit(
            name: "include", old: "data: include/data }", new: "data: { path: include/data, include: [\"a*.csv\", \"*.jsonl\"] } }",
            changesRevision: false),
        // The name is no longer one that the spool takes; the work was begun.
        Edit(
            name: "narrowed", old: "data: narrowed/data }", new: "data: { path: narrowed/data, include: [\"z*.csv\"] } }",
            changesRevision: false),
        Edit(name: "partition", old: "format: csv", new: "format: csv, partition_by: [stem]", outputAfter: "out/outputs/stem=a/a.csv"),
    ]

    private static func pipeline(_ name: String, backoff: String = "1s") -> String {
        """
        name: \(name)
        spool: { models: \(name)/models, data: \(name)/data }
        settle: { quiet: 200ms }
        on_error: { attempts: 9, backoff: \(backoff), quarantine: \(name)/quarantine }
        schema: { key: [id], keep: [id], inputs: { x: { columns: x, scale: 2 } } }
        stages: [ deserialize: {}, forward: {} ]
        land: { models: \(name)/out/models, outputs: { path: \(name)/out/outputs, format: csv } }
        """
    }

    private func edited(_ edit: Edit) -> String {
        let text = Self.pipeline(edit.name).replacing(
            edit.old.replacing("out/", with: "\(edit.name)/out/"), with: edit.new.replacing("out/", with: "\(edit.name)/out/"))
        precondition(text != Self.pipeline(edit.name))
        return text
    }

    private func ledger(_ daemon: DaemonProcess) throws -> RunLedger {
        try RunLedger(stateDirectory: daemon.root(".millrace"), readOnly: true)
    }

    /// The revisions of the pipeline files as they stand, by pipeline.
    private func revisions(_ daemon: DaemonProcess) throws -> [String: String] {
        struct Report: Decodable {
            struct Plan: Decodable {
                let pipeline: String
                let revision: String
            }
            let pipelines: [Plan]
        }
        let answer = try DaemonProcess.command(["plan", "--json", "--root", daemon.root.path])
        let report = try JSONDecoder().decode(Report.self, from: Data(answer.output.utf8))
        return Dictionary(uniqueKeysWithValues: report.pipelines.map { ($0.pipeline, $0.revision) })
    }

    /// One pipeline for each edit, each with a version 1.
    private func world(_ edits: [Edit] = Self.edits) throws -> DaemonProcess {
        let daemon = try DaemonProcess("revision")
        for edit in edits {
            try daemon.root.write(Self.pipeline(edit.name), to: "pipelines/\(edit.name).yaml")
            try daemon.root.write(TinyModel.adding(1), to: "\(edit.name)/models/m.onnx")
        }
        try daemon.start()
        #expect(
            eventually(within: 30) { edits.allSatisfy { daemon.root.files().contains("\($0.name)/out/models/ACTIVE") } },
            "\(daemon.logText)")
        return daemon
    }

    /// Takes the models away, so that every attempt fails and waits for another, until `body` has returned. A daemon that has a model
    /// loaded does without its file, so that it starts again.
    private func withoutModels(_ daemon: DaemonProcess, _ edits: [Edit], _ body: () throws -> Void) throws {
        #expect(daemon.stop() == 0)
        for edit in edits {
            try FileManager.default.moveItem(
                atPath: daemon.root("\(edit.name)/out/models/1/model.onnx"), toPath: daemon.root("\(edit.name).onnx"))
        }
        try daemon.start()
        for edit in edits { try daemon.drop(Array("id,x\na,1\n".utf8), at: "\(edit.name)/data/a.csv") }
        let failed = eventually(within: 30) {
            edits.allSatisfy { edit in (try? ledger(daemon).runs(RunFilter(pipeline: edit.name, path: "a.csv")).first?.nextAttemptAt) != nil
            }
        }
        #expect(failed, "\(daemon.logText)")
        try body()
        for edit in edits {
            try FileManager.default.moveItem(
                atPath: daemon.root("\(edit.name).onnx"), toPath: daemon.root("\(edit.name)/out/models/1/model.onnx"))
        }
    }

    private func isDone(_ daemon: DaemonProcess, _ edits: [Edit], _ path: String = "a.csv") -> Bool {
        eventually(within: 60) {
            edits.allSatisfy { edit in (try? ledger(daemon).runs(RunFilter(pipeline: edit.name, path: path)).first?.state) == .done }
        }
    }

    private func expect(_ daemon: DaemonProcess, _ edits: [Edit], madeBy revisions: [String: String], isAfter: Bool = false) throws {
        for edit in edits {
            let run = try #require(try ledger(daemon).runs(RunFilter(pipeline: edit.name, path: "a.csv")).first)
            #expect(run.revision == revisions[edit.name], "\(edit.name)")
            let path = edit.name + "/" + (isAfter ? edit.outputAfter ?? edit.output : edit.output)
            let text = (try? daemon.root.read(path)).map { String(decoding: $0, as: UTF8.self) }
            #expect(
                text == (isAfter ? edit.after : Self.before),
                "\(edit.name): \(text ?? "no \(path) among \(daemon.root.files().filter { $0.hasPrefix(edit.name + "/out") })")")
            let folder = path.components(separatedBy: "/").prefix(3).joined(separator: "/")
            let manifest = daemon.root.files().filter { $0.hasPrefix(folder + "/_millrace/manifest-") }
            let lines = try manifest.map { String(decoding: try daemon.root.read($0), as: UTF8.self) }.joined().split(separator: "\n")
            #expect(lines.last?.contains("\"revision\":\"\(revisions[edit.name]!)\"") == true, "\(edit.name): \(lines)")
        }
    }

    @Test func anEditWhileAnAttemptIsAwaited() throws {
        let daemon = try world()
        let before = try revisions(daemon)
        try withoutModels(daemon, Self.edits) {
            for edit in Self.edits { try daemon.root.write(edited(edit), to: "pipelines/\(edit.name).yaml") }
            let after = try revisions(daemon)
            for edit in Self.edits { #expect((after[edit.name] != before[edit.name]) == edit.changesRevision, "\(edit.name)") }
            #expect(eventually { daemon.logText.contains("pipelines re-read") })
            usleep(500_000)
        }
        #expect(isDone(daemon, Self.edits), "\(daemon.logText)")
        try expect(daemon, Self.edits, madeBy: before)
        #expect(daemon.stop() == 0)
    }

    @Test func anEditBetweenAKillAndTheRestartAndRetryAfterIt() throws {
        let daemon = try world()
        let before = try revisions(daemon)
        try withoutModels(daemon, Self.edits) {
            daemon.kill()
            for edit in Self.edits { try daemon.root.write(edited(edit), to: "pipelines/\(edit.name).yaml") }
        }
        try daemon.start()
        #expect(isDone(daemon, Self.edits), "\(daemon.logText)")
        try expect(daemon, Self.edits, madeBy: before)
    }

    @Test func retryTakesTheRevisionOfNowAndSaysSo() throws {
        let daemon = try world()
        var after: [String: String] = [:]
        try withoutModels(daemon, Self.edits) {
            for edit in Self.edits { try daemon.root.write(edited(edit), to: "pipelines/\(edit.name).yaml") }
            after = try revisions(daemon)
            #expect(eventually { daemon.logText.contains("pipelines re-read") })
            usleep(500_000)
            let answer = try DaemonProcess.command(["retry", "--all", "--root", daemon.root.path])
            #expect(answer.status == 0, "\(answer.output)\(answer.error)")
        }
        #expect(isDone(daemon, Self.edits), "\(daemon.logText)")
        // Those whose next attempt came before the command have kept theirs.
        let runs = try Self.edits.map { try #require(try ledger(daemon).runs(RunFilter(pipeline: $0.name, path: "a.csv")).first) }
        let rebound = zip(Self.edits, runs).filter { $1.revision == after[$0.name] }.map(\.0)
        #expect(rebound.count > Self.edits.count / 2, "\(runs)")
        try expect(daemon, rebound, madeBy: after, isAfter: true)
    }

    /// The case that was found: a file that the old revision cannot score at all.
    @Test func whatAMendedPipelineTakesIsRecordedUnderIt() throws {
        let edit = Self.edits[1]
        let daemon = try world([edit])
        try daemon.drop(Array("id,x\na,\n".utf8), at: "missing/data/a.csv")
        #expect(
            eventually { (try? ledger(daemon).runs(RunFilter(pipeline: "missing", path: "a.csv")).first?.state) == .quarantined },
            "\(daemon.logText)")
        try daemon.root.write(edited(edit), to: "pipelines/missing.yaml")
        #expect(eventually { daemon.logText.contains("pipelines re-read") })
        usleep(300_000)
        #expect(try DaemonProcess.command(["retry", daemon.root("missing/data/a.csv"), "--root", daemon.root.path]).status == 0)
        #expect(isDone(daemon, [edit]), "\(daemon.logText)")
        #expect(try daemon.root.read("missing/out/outputs/a.csv") == Array("id,y\na,1.0\n".utf8))
        let run = try #require(try ledger(daemon).runs(RunFilter(pipeline: "missing", path: "a.csv")).first)
        #expect(try run.revision == revisions(daemon)["missing"])
        let plan = try DaemonProcess.command(["plan", "--root", daemon.root.path]).output
        #expect(!plan.contains("done under revision") || plan.contains("1 model"), "\(plan)")
    }

    @Test func anEditWhileAnAttemptRuns() throws {
        let edits = Self.edits.filter { ["scale", "format", "stages"].contains($0.name) }
        let daemon = try world(edits)
        let before = try revisions(daemon)
        let rows = "id,x\n" + String(repeating: "a,1\n", count: 400_000)
        for edit in edits { try daemon.drop(Array(rows.utf8), at: "\(edit.name)/data/a.csv") }
        #expect(eventually(within: 30) { (try? ledger(daemon).openRuns().count) == edits.count }, "\(daemon.logText)")
        for edit in edits { try daemon.root.write(edited(edit), to: "pipelines/\(edit.name).yaml") }
        #expect(eventually(within: 30) { daemon.logText.contains("pipelines re-read") })
        #expect(isDone(daemon, edits), "\(daemon.logText)")
        for edit in edits {
            let run = try #require(try ledger(daemon).runs(RunFilter(pipeline: edit.name, path: "a.csv")).first)
            #expect(run.revision == before[edit.name], "\(edit.name)")
            let lines = try String(decoding: daemon.root.read(edit.name + "/out/outputs/a.csv"), as: UTF8.self).split(separator: "\n")
            #expect(
                lines.count == 400_001 && lines.first == "id,y" && lines.last == "a,3.0", "\(edit.name): \(lines.count) \(lines.last ?? "")"
            )
        }
    }

    /// A pipeline that is away for a while, and comes back otherwise than it was.
    @Test func aPipelineThatIsTakenAwayAndComesBackEdited() throws {
        let edits = Self.edits.filter { ["scale", "format", "threads"].contains($0.name) }
        let daemon = try world(edits)
        let before = try revisions(daemon)
        try withoutModels(daemon, edits) {
            daemon.kill()
            for edit in edits.dropLast() {
                try FileManager.default.moveItem(
                    atPath: daemon.root("pipelines/\(edit.name).yaml"), toPath: daemon.root("\(edit.name).away"))
            }
            try daemon.start()
            #expect(eventually { daemon.logText.components(separatedBy: "notice running").count == 4 }, "\(daemon.logText)")
            usleep(1_500_000)
            #expect(daemon.stop() == 0)
            for edit in edits { try daemon.root.write(edited(edit), to: "pipelines/\(edit.name).yaml") }
        }
        try daemon.start()
        #expect(isDone(daemon, edits), "\(daemon.logText)")
        try expect(daemon, edits, madeBy: before)
    }

    /// A ledger of an earlier version knows only digests: work that waits is then done under the present revision, and says so.
    @Test func aRevisionThatWasNotKeptIsReplacedByThePresentOne() throws {
        let edit = Self.edits[0]
        let daemon = try world([edit])
        try withoutModels(daemon, [edit]) {
            #expect(daemon.stop() == 0)
            let forget = Process()
            forget.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            forget.arguments = [
                "python3", "-c",
                "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('UPDATE revisions SET body = NULL'); c.commit()",
                daemon.root(".millrace/ledger.sqlite"),
            ]
            try forget.run()
            forget.waitUntilExit()
            try #require(forget.terminationStatus == 0)
            try daemon.root.write(edited(edit), to: "pipelines/\(edit.name).yaml")
        }
        try daemon.start()
        #expect(isDone(daemon, [edit]), "\(daemon.logText)")
        try expect(daemon, [edit], madeBy: try revisions(daemon), isAfter: true)
        #expect(daemon.logText.contains("was not kept"), "\(daemon.logText)")
    }
}
