import Arrivals
import Foundation
import Ledger
import TestSupport
import Testing

/// A ledger that is deleted, replaced, written over or lost: the daemon says so, and nothing is lost, done again or served otherwise than
/// before.
@Suite(.serialized) struct LostLedgerTests {
    private static func pipeline(
        _ name: String = "p", format: String = "csv", more: String = "", models: String = "keep: 5", outputs: String? = nil
    ) -> String {
        """
        name: \(name)
        spool: { models: spool/\(name)/models, data: spool/\(name)/data }
        settle: { quiet: 200ms }
        schema: { key: [id], keep: [id] }
        stages: [ deserialize: {}, forward: {} ]
        land: { models: { path: out/\(name)/models, \(models) }, outputs: { path: \(outputs ?? "out/\(name)/outputs"), format: \(format) } }
        \(more)
        """
    }

    private func command(_ arguments: [String], _ root: TemporaryDirectory) throws -> DaemonProcess.CommandOutput {
        try DaemonProcess.command(arguments + ["--root", root.path])
    }

    @discardableResult
    private func once(_ root: TemporaryDirectory, expecting status: Int32 = 0) throws -> DaemonProcess.CommandOutput {
        usleep(300_000)
        let answer = try command(["run", "--once", root("pipelines")], root)
        #expect(answer.status == status, "\(answer.error)")
        return answer
    }

    private func lose(_ root: TemporaryDirectory) throws {
        for name in ["ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm"] {
            try? FileManager.default.removeItem(atPath: root(".millrace/" + name))
        }
    }

    /// Everything that is published, with its bytes, but for what is not final.
    private func published(_ root: TemporaryDirectory) throws -> [String: [UInt8]] {
        let paths = root.files().filter { $0.hasPrefix("out/") && !$0.contains("_millrace") }
        return try Dictionary(uniqueKeysWithValues: paths.map { ($0, try root.read($0)) })
    }

    /// What `models --json` says, but for times, and for the digests of what only the lost state folder had.
    private func versions(_ name: String, _ root: TemporaryDirectory) throws -> [String] {
        let ledger = try RunLedger(stateDirectory: root(".millrace"), readOnly: true)
        return try ledger.versions(pipeline: name).filter { $0.verdict == .published }.map {
            "\($0.version ?? 0) of \($0.arrival) digest \($0.modelDigest ?? "-") parent \($0.parent.map(String.init) ?? "-") "
                + "\($0.isActive ? "active " : "")\($0.isPruned ? "pruned" : "")"
        }.sorted()
    }

    private func expectNoDifference(_ root: TemporaryDirectory, _ comment: String) throws {
        let check = try command(["check"], root)
        #expect(check.status == 0 && check.output.contains(": 0 differences"), "\(comment): \(check.output)\(check.error)")
    }

    /// Loses the ledger of `root`, and expects that `rebuild`, and a plain start of the daemon in its place, bring back the same.
    private func expectComesBack(_ root: TemporaryDirectory, _ comment: String, of names: [String] = ["p"]) throws {
        try expectNoDifference(root, comment + ", before")
        let files = try published(root)
        let before = try names.map { try versions($0, root) }
        for isRebuilt in [true, false] {
            let what = comment + (isRebuilt ? ", rebuilt" : ", started")
            try lose(root)
            if isRebuilt {
                let rebuilt = try command(["rebuild"], root)
                #expect(rebuilt.status == 0 && !rebuilt.output.contains("not restored"), "\(what): \(rebuilt.output)\(rebuilt.error)")
            } else {
                let answer = try once(root)
                #expect(answer.error.contains("there is no ledger: it is restored"), "\(what): \(answer.error)")
            }
            #expect(try names.map { try versions($0, root) } == before, "\(what)")
            try expectNoDifference(root, what)
            try once(root)
            #expect(try published(root) == files, "\(what): nothing is done again")
            #expect(try names.map { try versions($0, root) } == before, "\(what), and run")
            try expectNoDifference(root, what + ", and run")
        }
    }

    /// As a backup does it, with what is in the log only.
    private func copyLedger(_ root: TemporaryDirectory) throws {
        let copy = Process()
        copy.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        let script = "import sqlite3, sys\nwith sqlite3.connect(sys.argv[2]) as copy: sqlite3.connect(sys.argv[1]).backup(copy)"
        copy.arguments = ["python3", "-c", script, root(".millrace/ledger.sqlite"), root("copy.sqlite")]
        try copy.run()
        copy.waitUntilExit()
        try #require(copy.terminationStatus == 0)
    }

    // MARK: Lost and restored

    @Test(arguments: ["csv", "jsonl", "parquet", "arrow"])
    func plainReplayedAndEdited(format: String) throws {
        let root = try TemporaryDirectory("lost")
        try root.write(Self.pipeline(format: format), to: "pipelines/p.yaml")
        try root.write(TinyModel.adding(1), to: "spool/p/models/first.onnx")
        try root.write("id,x\na,1\n", to: "spool/p/data/a.csv")
        try root.write("id,x\nb,1\n", to: "spool/p/data/sub/b.csv")
        try once(root)
        try expectComesBack(root, "plain")
        #expect(try command(["replay", "--all"], root).status == 0)
        try once(root)
        #expect(try versions("p", root).count == 2)
        try root.write("id,x\na,5\n", to: "spool/p/data/a.csv")
        try once(root)
        try expectComesBack(root, "replayed")
        try root.write(
            Self.pipeline(format: format).replacing("keep: [id] }", with: "keep: [id], inputs: { x: { columns: x, scale: 2 } } }"),
            to: "pipelines/p.yaml")
        try root.write("id,x\nc,5\n", to: "spool/p/data/c.csv")
        try once(root)
        let plan = try command(["plan"], root).output
        try expectComesBack(root, "edited")
        #expect(try command(["plan"], root).output == plan, "what an edit would redo is the same")
    }

    @Test func prunedVersionsAndOneActivatedByHand() throws {
        let root = try TemporaryDirectory("lost")
        try root.write(Self.pipeline(models: "keep: 2"), to: "pipelines/p.yaml")
        for number in 1...4 {
            try root.write(TinyModel.adding(Float(number)), to: "spool/p/models/m\(number).onnx")
            try root.write("id,x\na,1\n", to: "spool/p/data/a\(number).csv")
            try once(root)
        }
        try expectComesBack(root, "pruned")
        #expect(try command(["activate", "p", "3"], root).status == 0)
        try expectComesBack(root, "activated by hand")
        try root.write("id,x\nb,1\n", to: "spool/p/data/b.csv")
        try once(root)
        #expect(try root.read("out/p/outputs/b.csv") == Array("id,y\nb,4.0\n".utf8))
    }

    @Test func archivedInputsAndTwoPipelinesInOneOutputRoot() throws {
        let root = try TemporaryDirectory("lost")
        try root.write(Self.pipeline("p", more: "after: archive\narchive: archive/p", outputs: "out/shared/p"), to: "pipelines/p.yaml")
        try root.write(Self.pipeline("q", outputs: "out/shared/q"), to: "pipelines/q.yaml")
        for (name, addend) in [("p", Float(1)), ("q", 2)] { try root.write(TinyModel.adding(addend), to: "spool/\(name)/models/m.onnx") }
        try root.write("id,x\na,1\n", to: "spool/p/data/a.csv")
        try root.write("id,x\nb,1\n", to: "spool/q/data/b.csv")
        try once(root)
        #expect(root.files().contains("archive/p/a.csv") && !root.files().contains("spool/p/data/a.csv"))
        try expectComesBack(root, "archived", of: ["p", "q"])
    }

    @Test func modelsThatWereTunedOnLabels() throws {
        let root = try TemporaryDirectory("lost")
        try root.write(
            """
            name: p
            spool: { models: spool/models, labelled: spool/labelled, data: spool/data }
            settle: { quiet: 200ms }
            schema: { key: [id], keep: [id], label: y, inputs: { x: { columns: x } } }
            stages:
              - deserialize: {}
              - optimize:
                  gradient:
                    { loss: mean_squared_error, optimizer: { sgd: { learning_rate: 0.5 } }, epochs: 2, train: [addend],
                      batch_size: 100, train_on: new }
                  gate: { metric: mae, rows_at_least: 1 }
              - forward: {}
            land: { models: { path: out/models, keep: 5 }, outputs: { path: out/outputs, format: csv } }
            """, to: "pipelines/p.yaml")
        func labels(_ addend: Double, _ name: String) throws {
            try root.write(
                "id,x,y\n" + (0..<200).map { "\(name)\($0),\(Double($0) / 2),\(Double($0) / 2 + addend)\n" }.joined(),
                to: "spool/labelled/\(name).csv")
        }
        // Two files of labels that a model is tuned on when it comes, then one that makes the next version.
        try labels(3, "k")
        try labels(3, "l")
        try once(root, expecting: 3)
        try root.write(TinyModel.adding(1), to: "spool/models/m.onnx")
        try once(root)
        try labels(4, "n")
        try root.write("id,x\na,1\n", to: "spool/data/a.csv")
        try once(root)
        #expect(try versions("p", root).count == 2)
        try expectComesBack(root, "tuned")
        let ledger = try RunLedger(stateDirectory: root(".millrace"), readOnly: true)
        #expect(try ledger.arrivals().filter { $0.role == .labelled }.map(\.path).sorted() == ["k.csv", "l.csv", "n.csv"])

        // Also where what was kept for training is gone with it.
        try FileManager.default.removeItem(atPath: root(".millrace"))
        try once(root)
        try expectNoDifference(root, "without the state folder")
        try labels(5, "o")
        try once(root)
        #expect(try versions("p", root).count == 3, "it goes on learning")
    }

    /// The case that was found: a plain start after the loss put an older version in force, and blamed the newer one.
    @Test func aPlainStartServesWhatWasServed() throws {
        let root = try TemporaryDirectory("lost")
        try root.write(Self.pipeline(), to: "pipelines/p.yaml")
        try root.write(TinyModel.adding(1), to: "spool/p/models/m1.onnx")
        for name in ["a", "b", "c"] { try root.write("id,x\n\(name),1\n", to: "spool/p/data/\(name).csv") }
        try once(root)
        try root.write(TinyModel.adding(2), to: "spool/p/models/m2.onnx")
        try root.write("id,x\nd,1\n", to: "spool/p/data/d.csv")
        try once(root)
        let files = try published(root)
        try FileManager.default.removeItem(atPath: root(".millrace"))
        // The newest would come first, and another file is new.
        try root.write("id,x\ne,1\n", to: "spool/p/data/e.csv")
        try once(root)
        #expect(try published(root).filter { $0.key != "out/p/outputs/e.csv" } == files)
        #expect(try root.read("out/p/outputs/e.csv") == Array("id,y\ne,3.0\n".utf8))
        #expect(!root.files().contains { $0.hasPrefix("quarantine/") })
        try expectNoDifference(root, "started")
    }

    /// An older copy put in the ledger's place knows less than was published: that is restored too.
    @Test func anOlderCopyIsBroughtUpToDate() throws {
        let root = try TemporaryDirectory("lost")
        try root.write(Self.pipeline(), to: "pipelines/p.yaml")
        try root.write(TinyModel.adding(1), to: "spool/p/models/m1.onnx")
        try root.write("id,x\na,1\n", to: "spool/p/data/a.csv")
        try once(root)
        try copyLedger(root)
        try root.write(TinyModel.adding(2), to: "spool/p/models/m2.onnx")
        try root.write("id,x\na,5\n", to: "spool/p/data/a.csv")
        try root.write("id,x\nb,1\n", to: "spool/p/data/b.csv")
        try once(root)
        let files = try published(root)
        let before = try versions("p", root)
        try lose(root)
        try FileManager.default.moveItem(atPath: root("copy.sqlite"), toPath: root(".millrace/ledger.sqlite"))
        let answer = try once(root)
        #expect(answer.error.contains("lacks what was published"), "\(answer.error)")
        #expect(try published(root) == files)
        #expect(try versions("p", root) == before)
        try expectNoDifference(root, "an older copy")
        let ledger = try RunLedger(stateDirectory: root(".millrace"), readOnly: true)
        #expect(try ledger.runs().count == 5, "two models and three contents, each once")
    }

    /// Pipelines that are restored one after another: their numbers may be taken by then.
    @Test func pipelinesThatComeBackOneByOne() throws {
        let root = try TemporaryDirectory("lost")
        for name in ["p", "q"] {
            try root.write(Self.pipeline(name), to: "pipelines/\(name).yaml")
            try root.write(TinyModel.adding(1), to: "spool/\(name)/models/m.onnx")
            try root.write("id,x\na,1\n", to: "spool/\(name)/data/a.csv")
        }
        try once(root)
        let files = try published(root)
        try lose(root)
        usleep(300_000)
        try root.write("id,x\nb,1\n", to: "spool/p/data/b.csv")
        try root.write("id,x\nc,1\n", to: "spool/p/data/c.csv")
        usleep(300_000)
        #expect(try command(["run", "--once", root("pipelines/p.yaml")], root).status == 0)
        try once(root)
        #expect(try published(root).filter { files[$0.key] != nil } == files)
        let ledger = try RunLedger(stateDirectory: root(".millrace"), readOnly: true)
        #expect(try ledger.runs().count == 6)
        try expectNoDifference(root, "one by one")
    }

    @Test func whatCannotBeRestoredIsNamedAndKeepsTheDaemonFromStarting() throws {
        let root = try TemporaryDirectory("lost")
        try root.write(Self.pipeline(), to: "pipelines/p.yaml")
        for number in 1...2 {
            try root.write(TinyModel.adding(Float(number)), to: "spool/p/models/m\(number).onnx")
            try root.write("id,x\na,1\n", to: "spool/p/data/a\(number).csv")
            try once(root)
        }
        let manifest = try #require(root.files().first { $0.contains("_millrace/manifest-") })
        let lines = try root.read(manifest)
        try root.write(Array("{\"torn\":\n".utf8) + lines, to: manifest)
        try root.write("{}", to: "out/p/models/1/card.json")
        let files = try published(root)
        try lose(root)
        for _ in 1...2 {
            let refused = try command(["run", "--once", root("pipelines")], root)
            #expect(refused.status == 1, "\(refused.error)")
            for words in ["line 1, cannot be read", "models/1/card.json", "millrace rebuild"] {
                #expect(refused.error.contains(words), "\(refused.error)")
            }
            #expect(try published(root) == files)
        }
        let rebuilt = try command(["rebuild"], root)
        #expect(rebuilt.status == 1 && rebuilt.output.hasPrefix("p: 2 outputs, 1 model versions, version 2 active\n"), "\(rebuilt.output)")
        #expect(rebuilt.output.components(separatedBy: "not restored:").count == 3, "\(rebuilt.output)")
        // That was the operator's word: the rest is in force now.
        let started = try command(["run", "--once", root("pipelines")], root)
        #expect(started.status != 2 && !started.error.contains("millrace rebuild restore"), "\(started.error)")
        #expect(
            try published(root).filter { files[$0.key] != nil && !$0.key.hasSuffix("ACTIVE") }
                == files.filter { !$0.key.hasSuffix("ACTIVE") })
        let again = try command(["rebuild"], root)
        #expect(again.output.contains(" were known"), "\(again.output)")
    }

    // MARK: Under a running daemon

    private enum Harm: String, CaseIterable {
        case deleted, logDeleted, folderDeleted, replaced, emptied, overwritten, lockDeleted
    }

    private func harm(_ harm: Harm, _ root: TemporaryDirectory) throws {
        let ledger = root(".millrace/ledger.sqlite")
        switch harm {
        case .deleted: try lose(root)
        case .logDeleted: try FileManager.default.removeItem(atPath: ledger + "-wal")
        case .folderDeleted:
            // The daemon may make a file in it at the same moment.
            #expect(eventually { (try? FileManager.default.removeItem(atPath: root(".millrace"))) != nil })
        case .replaced:
            try FileManager.default.copyItem(atPath: root("copy.sqlite"), toPath: root("new.sqlite"))
            #expect(rename(root("new.sqlite"), ledger) == 0)
        case .emptied: #expect(truncate(ledger, 0) == 0)
        case .overwritten:
            let file = try FileHandle(forWritingTo: URL(fileURLWithPath: ledger))
            try file.write(contentsOf: (0..<61_440).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ $0 / 7) })
            try file.close()
        case .lockDeleted: try FileManager.default.removeItem(atPath: root(".millrace/lock"))
        }
    }

    @Test(arguments: Harm.allCases, [false, true])
    private func aRunningDaemonNotices(harm: Harm, atWork: Bool) throws {
        let daemon = try DaemonProcess("lost")
        let root = daemon.root
        try root.write(Self.pipeline(), to: "pipelines/p.yaml")
        try root.write(TinyModel.adding(1), to: "spool/p/models/m.onnx")
        try root.write("id,x\na,1\n", to: "spool/p/data/a.csv")
        try once(root)
        try copyLedger(root)
        try daemon.start()
        try daemon.drop(Array("id,x\nb,1\n".utf8), at: "spool/p/data/b.csv")
        #expect(eventually { root.files().contains("out/p/outputs/b.csv") }, "\(daemon.logText)")
        usleep(400_000)
        if atWork { for number in 0..<50 { try daemon.drop(Array("id,x\nw,\(number)\n".utf8), at: "spool/p/data/w\(number).csv") } }
        try self.harm(harm, root)
        try #require(eventually(within: 10) { daemon.process?.isRunning == false }, "\(daemon.logText)")
        #expect(
            daemon.process?.terminationStatus == 1 && daemon.logText.contains("critical the ledger cannot be used"), "\(daemon.logText)")
        if harm == .overwritten || harm == .emptied {
            // What cannot be read is not taken for a new one.
            if harm == .overwritten {
                let refused = try command(["run", "--once", root("pipelines")], root)
                #expect(refused.status == 1 && refused.error.contains("ledger.sqlite"), "\(refused.error)")
            }
            try lose(root)
        }
        try daemon.drop(Array("id,x\nc,1\n".utf8), at: "spool/p/data/c.csv")
        try daemon.start()
        let expected = ["a", "b", "c"] + (atWork ? (0..<50).map { "w\($0)" } : [])
        #expect(eventually { expected.allSatisfy { root.files().contains("out/p/outputs/\($0).csv") } }, "\(daemon.logText)")
        #expect(daemon.stop() == 0)
        try expectNoDifference(root, harm.rawValue)
        for number in atWork ? 0..<50 : 0..<0 {
            #expect(try root.read("out/p/outputs/w\(number).csv") == Array("id,y\nw,\(number + 1).0\n".utf8))
        }
        #expect(try versions("p", root).count == 1)
        // Each line of a manifest is one landing: nothing was done twice.
        let manifests = root.files().filter { $0.contains("_millrace/manifest-") }
        let lines = try manifests.flatMap { String(decoding: try root.read($0), as: UTF8.self).split(separator: "\n") }
        #expect(Set(lines.map { $0.components(separatedBy: "\"path\":")[1].prefix(12) }).count == lines.count, "\(lines.count)")
    }
}
