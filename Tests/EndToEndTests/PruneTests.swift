import Arrivals
import FileSystem
import Foundation
import Glibc
import Landing
import Ledger
import Recipes
import SystemPackage
import TestSupport
import Testing

/// `retain` as a user meets it: the command, the hourly pruning of a daemon, labels that are let go, and a pipeline under another name.
@Suite(.serialized) struct PruneTests {
    private static func pipeline(_ name: String = "p", _ lines: String) -> String {
        """
        name: \(name)
        spool: { models: spool/models, data: spool/data }
        settle: { quiet: 200ms }
        schema: { key: [id], keep: [id] }
        stages: [ deserialize: {}, forward: {} ]
        land: { models: out/models, outputs: { path: out/outputs, format: csv } }
        \(lines)

        """
    }

    private func command(_ words: [String], _ root: TemporaryDirectory, daysAhead: Int = 0) throws -> DaemonProcess.CommandOutput {
        try DaemonProcess.command(words + ["--root", root.path], environment: daysAhead == 0 ? [:] : try Clock.ahead(days: daysAhead))
    }

    private func once(_ root: TemporaryDirectory, expecting status: Int32 = 0) throws {
        usleep(300_000)
        let answer = try command(["run", "--once", root("pipelines/p.yaml")], root)
        #expect(answer.status == status, "\(answer.error)")
    }

    private func below(_ folder: String, _ root: TemporaryDirectory) -> [String] {
        root.files().filter { $0.hasPrefix(folder) }.map { String($0.dropFirst(folder.count)) }
    }

    // MARK: The command

    @Test func theCommandSaysAndDoes() throws {
        let root = try TemporaryDirectory("prune")
        try root.write(Self.pipeline("p", "after: archive\narchive: put\nretain: { archive: 10B, quarantine: 0B }"), to: "pipelines/p.yaml")
        let none = try command(["prune"], root)
        #expect(
            none.status != 0 && !FileManager.default.fileExists(atPath: root(".millrace")),
            "a ledger that is not there is not made: \(none.error)")
        try root.write(TinyModel.adding(1), to: "spool/models/m.onnx")
        try root.write("id,x\na,1\n", to: "spool/data/a.csv")
        try root.write("id,x\nb,word\n", to: "spool/data/bad.csv")
        try once(root, expecting: 1)
        #expect(
            below("put/", root).sorted() == ["a.csv", "m.onnx"]
                && below("quarantine/p/", root).sorted() == ["bad.csv", "bad.csv.reason.json"])
        let before = root.files().filter { !$0.hasPrefix(".millrace") }
        let dry = try command(["prune", "--dry-run"], root)
        #expect(
            dry.status == 0 && dry.output.contains("p archive: ") && dry.output.contains("p quarantine: 2 would go"),
            "\(dry.output)\(dry.error)")
        #expect(root.files().filter { !$0.hasPrefix(".millrace") } == before, "nothing has changed")
        let json = try #require(
            try JSONSerialization.jsonObject(with: Data(try command(["prune", "--dry-run", "--json"], root).output.utf8)) as? [String: Any])
        let shares = try #require(json["shares"] as? [[String: Any]])
        #expect(shares.map { $0["kind"] as? String } == ["archive", "quarantine"] && shares.last?["count"] as? Int == 2)
        let done = try command(["prune"], root)
        #expect(done.status == 0 && done.output.contains("p quarantine: 2 went"), "\(done.output)\(done.error)")
        #expect(below("put/", root).count <= 1 && below("quarantine/p/", root) == [])
        #expect(try command(["prune"], root).output == "nothing went\n")
        // What stands is as it was.
        try root.write("id,x\nc,1\n", to: "spool/data/c.csv")
        try once(root)
        #expect(try root.read("out/outputs/a.csv") == Array("id,y\na,2.0\n".utf8) && root.files().contains("out/outputs/c.csv"))
        #expect(try command(["check"], root).status == 0)
    }

    /// With a clock that is some days ahead: ages, and history. What is forgotten is not taken for a ledger that was lost.
    @Test(.enabled(if: Clock.isPossible, "a C compiler is not installed"))
    func agesArePassed() throws {
        let root = try TemporaryDirectory("ages")
        try root.write(
            Self.pipeline("p", "after: archive\narchive: put\nretain: { archive: 30d, quarantine: 90d, history: 180d }"),
            to: "pipelines/p.yaml")
        try root.write(TinyModel.adding(1), to: "spool/models/m.onnx")
        for name in ["a", "b", "c"] { try root.write("id,x\n\(name),1\n", to: "spool/data/\(name).csv") }
        try root.write("id,x\nb,word\n", to: "spool/data/bad.csv")
        try once(root, expecting: 1)
        #expect(try command(["prune"], root, daysAhead: 29).output == "nothing went\n")
        #expect(try command(["prune"], root, daysAhead: 31).output.contains("p archive: 4 went"))
        #expect(below("put/", root) == [] && below("quarantine/p/", root).count == 2)
        #expect(try command(["prune"], root, daysAhead: 91).output.contains("p quarantine: 2 went"))
        // The outputs stand: what made them is known as long as they do. The bad file is gone.
        let history = try command(["prune"], root, daysAhead: 181)
        #expect(history.output.contains("p history: 1 went: data bad.csv"), "\(history.output)")
        for name in ["a", "b", "c"] { try FileManager.default.removeItem(atPath: root("out/outputs/\(name).csv")) }
        let gone = try command(["prune"], root, daysAhead: 181)
        #expect(gone.status == 0 && gone.output.contains("p history: "), "\(gone.output)")
        let left = try RunLedger(stateDirectory: root(".millrace"), readOnly: true).arrivals().map(\.path)
        // The last run and the last line of the manifest stay known, which two workers may make of two files: by them a ledger
        // shows that it is no older copy. The version keeps its model.
        #expect(left.contains("m.onnx") && (2...3).contains(left.count), "\(left)")
        let again = try command(["run", "--once", root("pipelines/p.yaml")], root)
        #expect(again.status == 0 && !again.error.contains("restored"), "\(again.error)")
        #expect(try RunLedger(stateDirectory: root(".millrace"), readOnly: true).arrivals().map(\.path) == left)
    }

    /// The daemon does it by itself, a minute after its start and every hour; and the command works beside it.
    @Test func aDaemonPrunes() throws {
        let daemon = try DaemonProcess("pruning")
        let root = daemon.root
        try root.write(Self.pipeline("p", "after: archive\narchive: put\nretain: { archive: 0B }"), to: "pipelines/p.yaml")
        try root.write(TinyModel.adding(1), to: "spool/models/m.onnx")
        try root.write("id,x\na,1\n", to: "spool/data/a.csv")
        try daemon.start()
        #expect(eventually { below("put/", root).count == 2 }, "\(daemon.logText)")
        let dry = try command(["prune", "--dry-run"], root)
        #expect(dry.status == 0 && dry.output.contains("p archive: 2 would go"), "\(dry.output)\(dry.error)")
        #expect(try command(["prune"], root).output.contains("p archive: 2 went"))
        #expect(below("put/", root) == [])
        try daemon.drop("id,x\nb,1\n".utf8, at: "spool/data/b.csv")
        #expect(eventually { below("put/", root) == ["b.csv"] }, "\(daemon.logText)")
        #expect(eventually(within: 90) { below("put/", root) == [] }, "\(daemon.logText)")
        #expect(eventually { daemon.logText.contains("what `retain` does not keep went") })
        #expect(daemon.stop() == 0)
        #expect(try command(["check"], root).status == 0)
    }

    // MARK: Labels

    private func labels(_ name: String, adding addend: Double) -> String {
        "id,x,y\n" + (0..<60).map { "\(name)\($0),\(Double($0) * 0.5),\(Double($0) * 0.5 + addend)\n" }.joined()
    }

    @Test func theCardNamesLabelsThatWereLetGo() throws {
        let root = try TemporaryDirectory("let-go")
        try root.write(
            """
            name: p
            spool: { models: spool/models, labelled: spool/labelled }
            settle: { quiet: 200ms }
            schema: { key: [id], label: y, inputs: { x: { columns: x } } }
            stages:
              - deserialize: {}
              - optimize:
                  gradient:
                    { loss: mean_squared_error, optimizer: { sgd: { learning_rate: 0.5 } }, epochs: 2, train: [addend],
                      batch_size: 100 }
                  gate: { metric: mae, rows_at_least: 1 }
            land: { models: out/models }
            retain: { labels: 1B }

            """, to: "pipelines/p.yaml")
        try root.write(TinyModel.adding(1), to: "spool/models/m.onnx")
        try once(root)
        try root.write(labels("a", adding: 2), to: "spool/labelled/a.csv")
        try once(root)
        func card(_ version: Int) throws -> Card {
            try JSONDecoder().decode(Card.self, from: Data(try root.read("out/models/\(version)/card.json")))
        }
        #expect(try card(2).trainingData?.compactMap(\.path) == ["a.csv"] && card(2).decisions?["labels_let_go"] == nil)
        let arrival = try card(2).arrival
        #expect(below(".millrace/training/p/labels/", root).count == 1)
        let went = try command(["prune"], root)
        #expect(
            went.output.contains("p labels: 1 went") && went.output.contains("a.csv, arrival \(arrival)"), "\(went.output)\(went.error)")
        #expect(below(".millrace/training/p/labels/", root) == [])
        try root.write(labels("b", adding: 3), to: "spool/labelled/b.csv")
        try once(root)
        #expect(try card(3).trainingData?.compactMap(\.path) == ["b.csv"])
        #expect(try card(3).decisions?["labels_let_go"] == .list([.integer(arrival)]))
        // The file still stands in its spool, and is not learnt from again.
        try once(root)
        #expect(!root.files().contains("out/models/4/card.json"))
    }

    // MARK: Another name

    @Test func aPipelineUnderAnotherNameGoesOn() throws {
        let daemon = try DaemonProcess("renamed")
        let root = daemon.root
        try root.write(Self.pipeline("old", ""), to: "pipelines/p.yaml")
        try root.write(TinyModel.adding(1), to: "spool/models/m.onnx")
        try root.write("id,x\na,1\n", to: "spool/data/a.csv")
        try root.write("id,x\nb,word\n", to: "spool/data/bad.csv")
        try daemon.start()
        #expect(
            eventually { root.files().contains("out/outputs/a.csv") && root.files().contains("quarantine/old/bad.csv.reason.json") },
            "\(daemon.logText)")
        #expect(daemon.stop() == 0)
        try root.write(Self.pipeline("new", "was: old"), to: "pipelines/p.yaml")
        try daemon.start()
        try daemon.drop("id,x\nc,1\n".utf8, at: "spool/data/c.csv")
        #expect(eventually { root.files().contains("out/outputs/c.csv") }, "\(daemon.logText)")
        #expect(daemon.logText.contains("the history of a pipeline goes on under another name"))
        #expect(root.files().contains("quarantine/new/bad.csv.reason.json") && !root.files().contains { $0.hasPrefix("quarantine/old") })
        let status = try command(["status"], root).output
        #expect(status.contains("new") && !status.contains("old:"), "\(status)")
        func ledger() throws -> RunLedger { try RunLedger(stateDirectory: root(".millrace"), readOnly: true) }
        #expect(try ledger().runs(RunFilter(path: "a.csv")).count == 1, "nothing is done again")
        #expect(try ledger().versions(pipeline: "new").compactMap(\.version) == [1])
        #expect(daemon.stop() == 0)
        // A lost ledger is restored from what was published under both names.
        try FileManager.default.removeItem(atPath: root(".millrace"))
        let outputs = try ["a.csv", "c.csv"].map { try inode(root("out/outputs/" + $0)) }
        try daemon.start()
        try daemon.drop("id,x\nd,1\n".utf8, at: "spool/data/d.csv")
        #expect(eventually { root.files().contains("out/outputs/d.csv") }, "\(daemon.logText)")
        #expect(daemon.stop() == 0)
        #expect(try ["a.csv", "c.csv"].map { try inode(root("out/outputs/" + $0)) } == outputs, "they are not made again")
        #expect(try ledger().published().map(\.output.path).sorted() == ["a.csv", "c.csv", "d.csv"])
        #expect(try command(["check"], root).status == 0)
        #expect(try command(["rebuild"], root).status == 0)
    }

    private func inode(_ path: String) throws -> UInt64 {
        var status = stat()
        guard stat(path, &status) == 0 else { throw POSIXError(.ENOENT) }
        return UInt64(status.st_ino)
    }

    /// The output folder of a pipeline is another one now, and then its ledger is lost: what stands in the former folder is known again.
    @Test func outputsInAFormerFolderAreRestored() throws {
        let root = try TemporaryDirectory("former")
        try root.write(Self.pipeline("p", ""), to: "pipelines/p.yaml")
        try root.write(TinyModel.adding(1), to: "spool/models/m.onnx")
        for name in ["a", "b"] { try root.write("id,x\n\(name),1\n", to: "spool/data/\(name).csv") }
        try once(root)
        let moved = Self.pipeline("p", "").replacing("path: out/outputs", with: "path: out/moved")
        try root.write(moved, to: "pipelines/p.yaml")
        try root.write("id,x\nc,1\n", to: "spool/data/c.csv")
        try once(root)
        // New content of an old input lands in the new folder, and its old output goes.
        try root.write("id,x\nb,5\n", to: "spool/data/b.csv")
        try once(root)
        func outputs() -> [String] { below("out/", root).filter { $0.hasSuffix(".csv") } }
        #expect(outputs() == ["moved/b.csv", "moved/c.csv", "outputs/a.csv"])
        for restored in ["run", "rebuild"] {
            try FileManager.default.removeItem(atPath: root(".millrace"))
            if restored == "rebuild" {
                let answer = try command(["rebuild"], root)
                #expect(answer.status == 0, "\(answer.output)\(answer.error)")
            }
            try once(root)
            #expect(outputs() == ["moved/b.csv", "moved/c.csv", "outputs/a.csv"], "nothing is done again")
            let ledger = try RunLedger(stateDirectory: root(".millrace"), readOnly: true)
            #expect(try ledger.published().map(\.output.path).sorted() == ["a.csv", "b.csv", "c.csv"])
            #expect(try command(["check"], root).status == 0)
        }
        // The former folder is away: that is said, and nothing is made of what is missing.
        try FileManager.default.removeItem(atPath: root(".millrace"))
        try FileManager.default.moveItem(atPath: root("out/outputs"), toPath: root("elsewhere"))
        let refused = try command(["run", "--once", root("pipelines/p.yaml")], root)
        #expect(
            refused.status != 0 && refused.error.contains("out/outputs, where outputs landed before, has no manifest"), "\(refused.error)")
    }
}

/// A clock that is days ahead of the machine's, for one command: a library that adds to what `clock_gettime` says of the time of day.
private enum Clock {
    private static let source = """
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <stdlib.h>
        #include <time.h>
        int clock_gettime(clockid_t clock, struct timespec *time) {
            static int (*own)(clockid_t, struct timespec *);
            if (!own) own = dlsym(RTLD_NEXT, "clock_gettime");
            int result = own(clock, time);
            const char *days = getenv("TEST_DAYS_AHEAD");
            if (result == 0 && clock == CLOCK_REALTIME && days) time->tv_sec += 86400L * atol(days);
            return result;
        }
        """

    private static let library: String? = {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("millrace-clock-\(getpid())")
        try? FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let file = folder.appendingPathComponent("ahead.c"), made = folder.appendingPathComponent("ahead.so")
        try? Data(source.utf8).write(to: file)
        for compiler in ["cc", "clang"] {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            process.arguments = [compiler, "-shared", "-fPIC", "-o", made.path, file.path, "-ldl"]
            process.standardError = FileHandle.nullDevice
            guard (try? process.run()) != nil else { continue }
            process.waitUntilExit()
            if process.terminationStatus == 0 { return made.path }
        }
        return nil
    }()

    static var isPossible: Bool { library != nil }

    static func ahead(days: Int) throws -> [String: String] { ["LD_PRELOAD": library ?? "", "TEST_DAYS_AHEAD": "\(days)"] }
}
