import Foundation
import Glibc
import TestSupport
import Testing

/// Two hosts that share everything but their state folders. `--take-over` is what a person types there.
@Suite(.serialized) struct TakeoverTests {
    private let one: DaemonProcess
    private let two: DaemonProcess
    private var root: TemporaryDirectory { one.root }

    private static let pipeline = """
        name: p
        spool: { models: spool/models, data: spool/data }
        settle: { quiet: 100ms }
        schema: { key: [id], keep: [id], inputs: { x: { columns: x } } }
        stages: [ deserialize: {}, forward: {} ]
        land: { models: { path: out/models, keep: 100 }, outputs: { path: out/outputs, format: csv } }
        after: archive
        archive: archive
        on_error: { attempts: 100, backoff: 50ms }
        """

    init() throws {
        one = try DaemonProcess("takeover")
        two = try DaemonProcess(sharing: one, log: "second.log")
        try root.write(Self.pipeline, to: "pipelines/p.yaml")
        try root.write(TinyModel.adding(1), to: "spool/models/m.onnx")
    }

    // MARK: Hosts

    /// Starts a daemon as on the host whose state folder is that one.
    private func start(_ daemon: DaemonProcess, state: String, _ arguments: [String] = [], fault: String? = nil, stops: Bool = false) throws
    {
        try root.write("state: \(state)\nwork: work\n", to: "millrace.yaml")
        daemon.environment = fault.map { ["MILLRACE_FAULT": $0] } ?? [:]
        if stops { daemon.environment["MILLRACE_FAULT_STOPS"] = "1" }
        try daemon.start(["--workers", "2"] + arguments)
    }

    private func isRunning(_ daemon: DaemonProcess, since start: Int = 0) -> Bool {
        eventually { daemon.logText.dropFirst(start).contains("] running") || daemon.logText.dropFirst(start).contains(" running") }
    }

    /// Makes the claims of a daemon those of a process that has ended, as one on a host that is switched off, or of one on another host.
    private func edit(claims change: (inout [String: Any]) -> Void) throws {
        for path in root.files() where path.hasSuffix("claim/holder") {
            var holder = try #require(JSONSerialization.jsonObject(with: Data(root.read(path))) as? [String: Any])
            change(&holder)
            // In place, since the holder knows its claim by the inode.
            let file = try FileHandle(forWritingTo: URL(fileURLWithPath: root(path)))
            let bytes = try JSONSerialization.data(withJSONObject: holder)
            try file.write(contentsOf: bytes)
            try file.truncate(atOffset: UInt64(bytes.count))
        }
    }

    // MARK: What is there

    private func drop(_ numbers: Range<Int>) throws {
        for number in numbers { try one.drop("id,x\nf\(number),\(number)\n".utf8, at: "spool/data/f\(number).csv") }
    }

    private func outputs() -> [String] { root.files().filter { $0.hasPrefix("out/outputs/f") && $0.hasSuffix(".csv") } }

    /// What a manifest says was published, once for each line.
    private func published() throws -> [String] {
        try root.files().filter { $0.hasPrefix("out/outputs/_millrace/manifest-") }.flatMap { path in
            try String(decoding: root.read(path), as: UTF8.self).split(separator: "\n").map { line in
                let fields = try #require(JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
                return try #require(fields["path"] as? String)
            }
        }
    }

    /// Everything that is published or put away, with what tells whether it was made anew.
    private func standing() throws -> [String: String] {
        var found: [String: String] = [:]
        for path in root.files() where (path.hasPrefix("out/") || path.hasPrefix("archive/")) && !path.contains("claim") {
            var status = stat()
            #expect(stat(root(path), &status) == 0)
            found[path] = "\(status.st_ino) \(status.st_size) \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)"
        }
        return found
    }

    private func expectOnce(_ count: Int, _ log: String) throws {
        let lines = try published()
        #expect(lines.count == Set(lines).count, "published twice: \(lines.filter { line in lines.count { $0 == line } > 1 })")
        #expect(lines.count == count && outputs().count == count, "\(lines.count) lines, \(outputs().count) outputs of \(count): \(log)")
        for number in 0..<count {
            let text = String(decoding: try root.read("out/outputs/f\(number).csv"), as: UTF8.self)
            #expect(text == "id,y\nf\(number),\(Float(number) + 1)\n")
            #expect(try root.read("archive/f\(number).csv") == Array("id,x\nf\(number),\(number)\n".utf8))
        }
        #expect(root.files().filter { $0.hasPrefix("spool/data/") && $0.hasSuffix(".csv") } == [])
        #expect(root.files().filter { $0.hasPrefix("out/models/") && $0.hasSuffix("card.json") }.count == 1)
        let check = try DaemonProcess.command(["check", "--root", root.path])
        #expect(check.status == 0, "\(check.output) \(check.error)")
    }

    // MARK: Killed

    /// The moments between an answer and the end of what follows from it, and those of the copy and of the takeover itself.
    private static let moments = [
        "start.running", "version.reserved", "version.staged", "version.active", "intake.numbered", "open.recorded", "answer.taken",
        "land.intend", "copy.begin", "copy.synced", "land.intended", "land.synced", "land.rename", "land.renamed", "land.folders",
        "manifest.written", "manifest.synced", "land.listed", "close.begin", "ledger.commit", "ledger.committed", "close.recorded",
        "dispose.begin", "remove.planned", "remove.taken", "remove.checked", "remove.archived", "copy.begun", "copy.whole", "epoch.noted",
        "epoch.raised", "epoch.taken", "epoch.restored",
    ]

    /// One host after another works and is killed at one of the moments, and the next of three takes over.
    @Test func killedAtAnyMomentNothingIsLostDoubledOrInPart() throws {
        var dropped = 0
        for (turn, moment) in Self.moments.enumerated() {
            let log = one.logText.utf8.count
            try start(
                one, state: "state-\(turn % 3)", turn == 0 ? [] : ["--take-over"], fault: "\(moment):1:\(root("marks-\(turn)"))")
            if turn >= 4 {
                try drop(dropped..<(dropped + 3))
                dropped += 3
            }
            let isKilled = eventually { FileManager.default.fileExists(atPath: root("marks-\(turn)")) }
            #expect(isKilled, "\(moment) was not reached: \(one.logText.dropFirst(log))")
            one.kill()
        }
        let log = one.logText.utf8.count
        try start(one, state: "state-\(Self.moments.count % 3)", ["--take-over"])
        #expect(eventually(within: 60) { outputs().count == dropped && root.files().filter { $0.hasPrefix("archive/f") }.count == dropped })
        usleep(300_000)
        #expect(one.stop() == 0)
        try expectOnce(dropped, String(one.logText.dropFirst(log)))
    }

    // MARK: Hanging

    /// A daemon hangs, and another host takes over. When the first goes on, it publishes nothing, and ends.
    @Test(arguments: [
        "open.recorded", "answer.taken", "land.intend", "land.synced", "land.rename", "land.renamed", "land.folders", "land.listed",
        "close.begin", "remove.planned", "remove.taken", "version.staged", "version.renamed",
    ])
    func whoHangsMeanwhilePublishesNothing(moment: String) throws {
        try start(one, state: "state-1", fault: "\(moment):1:\(root("mark"))", stops: true)
        try drop(0..<6)
        #expect(eventually { FileManager.default.fileExists(atPath: root("mark")) }, "\(one.logText)")
        let process = try #require(one.process)
        #expect(eventually { Self.isStopped(process.processIdentifier) })
        try edit { $0["started"] = "1" }
        try start(two, state: "state-2", ["--take-over"])
        #expect(isRunning(two), "\(two.logText)")
        #expect(
            eventually { outputs().count == 6 && root.files().filter { $0.hasPrefix("archive/f") }.count == 6 },
            "\(two.logText) \(root.files()) \(String(describing: try? DaemonProcess.command(["status", "--root", root.path])))")
        usleep(300_000)
        let before = try standing()
        Glibc.kill(process.processIdentifier, SIGCONT)
        #expect(eventually { !process.isRunning }, "\(one.logText)")
        #expect(process.terminationReason == .exit && process.terminationStatus != 0)
        #expect(one.logText.contains("has taken over") && one.logText.contains("in epoch 2"), "\(one.logText)")
        #expect(try standing() == before)
        // The other one goes on.
        try drop(6..<8)
        #expect(eventually { outputs().count == 8 && root.files().filter { $0.hasPrefix("archive/f") }.count == 8 }, "\(two.logText)")
        usleep(300_000)
        #expect(two.stop() == 0, "\(two.logText)")
        try expectOnce(8, two.logText)
        // What has ended so does not work again by being started.
        try start(one, state: "state-1")
        process.waitUntilExit()
        #expect(eventually { one.process?.isRunning == false })
        #expect(one.process?.terminationStatus == 4 && one.logText.contains("epoch 2 was begun by pid"), "\(one.logText)")
    }

    /// The first daemon goes on while the other one has taken what was staged, and has not published anything of it yet.
    @Test(arguments: ["answer.taken", "land.intend", "land.synced", "land.rename", "version.staged", "remove.planned", "remove.taken"])
    func whoGoesOnDuringATakeoverPublishesNothing(moment: String) throws {
        try start(one, state: "state-1", fault: "\(moment):1:\(root("mark"))", stops: true)
        try drop(0..<6)
        #expect(eventually { FileManager.default.fileExists(atPath: root("mark")) }, "\(one.logText)")
        let first = try #require(one.process)
        #expect(eventually { Self.isStopped(first.processIdentifier) })
        try edit { $0["started"] = "1" }
        try start(two, state: "state-2", ["--take-over"], fault: "epoch.taken:1:\(root("mark-2"))", stops: true)
        let second = try #require(two.process)
        #expect(eventually { Self.isStopped(second.processIdentifier) }, "\(two.logText)")
        let before = try standing()
        Glibc.kill(first.processIdentifier, SIGCONT)
        #expect(eventually { !first.isRunning }, "\(one.logText)")
        #expect(first.terminationReason == .exit && first.terminationStatus != 0)
        #expect(one.logText.contains("has taken over"), "\(one.logText)")
        #expect(try standing() == before)
        Glibc.kill(second.processIdentifier, SIGCONT)
        #expect(eventually { outputs().count == 6 && root.files().filter { $0.hasPrefix("archive/f") }.count == 6 }, "\(two.logText)")
        usleep(300_000)
        #expect(two.stop() == 0, "\(two.logText)")
        try expectOnce(6, two.logText)
    }

    private static func isStopped(_ pid: Int32) -> Bool {
        let text = (try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)) ?? ""
        return text.split(separator: ")").last?.split(separator: " ").first == "T"
    }

    // MARK: Copies that are old

    /// A copy that somebody put back, as from a backup of the work folder: what was published since is known by its manifest.
    @Test func whatACopyDoesNotKnowIsNotDoneAgain() throws {
        try start(one, state: "state-1")
        try drop(0..<3)
        #expect(eventually { root.files().filter { $0.hasPrefix("archive/f") }.count == 3 }, "\(one.logText)")
        usleep(300_000)
        let files = FileManager.default
        try files.copyItem(atPath: root("work/epochs/1/ledger"), toPath: root("old"))
        for round in 0..<3 {
            let first = 3 + round * 3
            try drop(first..<(first + 3))
            #expect(eventually { root.files().filter { $0.hasPrefix("archive/f") }.count == first + 3 }, "\(one.logText)")
        }
        usleep(300_000)
        one.kill()
        let before = try standing()
        try files.removeItem(atPath: root("work/epochs/1/ledger"))
        try files.moveItem(atPath: root("old"), toPath: root("work/epochs/1/ledger"))
        try start(two, state: "state-2", ["--take-over"])
        #expect(isRunning(two), "\(two.logText)")
        #expect(two.logText.contains("the ledger lacks what was published"), "\(two.logText)")
        usleep(1_000_000)
        #expect(try standing() == before)
        try drop(12..<13)
        #expect(eventually { root.files().filter { $0.hasPrefix("archive/f") }.count == 13 }, "\(two.logText)")
        usleep(300_000)
        #expect(two.stop() == 0)
        try expectOnce(13, two.logText)
        #expect(try DaemonProcess.command(["explain", "f7.csv", "--root", root.path]).output.contains("done"))
    }

    /// What left no output is not forgotten either: a pause, and what was refused and why.
    @Test func whatLeftNoOutputGoesOver() throws {
        try start(one, state: "state-1")
        #expect(isRunning(one), "\(one.logText)")
        try one.drop("id,x\na,word\n".utf8, at: "spool/data/bad.csv")
        #expect(eventually { root.files().contains("quarantine/p/bad.csv.reason.json") }, "\(one.logText)")
        #expect(try DaemonProcess.command(["pause", "p", "--root", root.path]).status == 0)
        one.kill()
        try start(two, state: "state-2", ["--take-over"])
        #expect(isRunning(two), "\(two.logText)")
        let status = try DaemonProcess.command(["status", "--root", root.path]).output
        #expect(status.contains("paused"), "\(status)")
        #expect(try DaemonProcess.command(["explain", "bad.csv", "--root", root.path]).output.contains("quarantined"))
        #expect(two.stop() == 0)
    }

    // MARK: Who may

    @Test func aHostIsToldWhatItMayDo() throws {
        func run(_ state: String, _ arguments: String...) throws -> DaemonProcess.CommandOutput {
            try root.write("state: \(state)\nwork: work\n", to: "millrace.yaml")
            return try DaemonProcess.command(["run", "--once", "--root", root.path] + arguments)
        }
        let nothing = try run("state-2", "--take-over")
        #expect(nothing.status == 4 && nothing.error.contains("no daemon has worked in"), "\(nothing.error)")
        try start(one, state: "state-1")
        #expect(isRunning(one), "\(one.logText)")
        try drop(0..<1)
        #expect(eventually { root.files().contains("archive/f0.csv") }, "\(one.logText)")

        // Another host, beside a work folder that has an epoch.
        let other = try run("state-2")
        #expect(other.status == 4 && other.error.contains("--take-over") && other.error.contains("Start millrace there"), "\(other.error)")
        // Not while the first one lives.
        let tooEarly = try run("state-2", "--take-over")
        #expect(tooEarly.status == 4 && tooEarly.error.contains("It gives signs of life"), "\(tooEarly.error)")
        #expect(tooEarly.error.contains("pid \(one.process?.processIdentifier ?? 0) on host"), "\(tooEarly.error)")
        try drop(1..<2)
        #expect(eventually { root.files().contains("archive/f1.csv") }, "\(one.logText)")

        // A plain restart begins no epoch.
        #expect(one.stop() == 0)
        #expect(try run("state-1").status == 0)
        #expect(root.files().contains { $0.hasPrefix("work/epochs/1/ledger/base-") })
        let done = try run("state-2", "--take-over")
        #expect(done.status == 0, "\(done.error)")
        #expect(
            !root.files().contains { $0.hasPrefix("work/epochs/1/") } && root.files().contains { $0.hasPrefix("work/epochs/2/ledger/") })
        // Once it has taken over, it need not say so again.
        #expect(try run("state-2").status == 0)

        // The first one comes back.
        let back = try run("state-1")
        #expect(back.status == 4 && back.error.contains("is of an epoch that is over: epoch 2 was begun by pid"), "\(back.error)")
        try root.write("state: state-1\nwork: work\n", to: "millrace.yaml")
        for command in [["prune"], ["rebuild"], ["retry", "f0.csv"]] {
            let refused = try DaemonProcess.command(command + ["--root", root.path])
            #expect(refused.status == 4 && refused.error.contains("epoch 2"), "\(command): \(refused.error)")
        }
        let again = try run("state-1", "--take-over")
        #expect(again.status == 0, "\(again.error)")
        try expectOnce(2, again.error)
        #expect(try run("state-2").status == 4)

        // Another root has another path, and a state of its own cannot be taken over.
        try root.write("jobs: 1\n", to: "millrace.yaml")
        let alone = try DaemonProcess.command(["run", "--once", "--take-over", "--root", root.path])
        #expect(alone.status == 4 && alone.error.contains("no `work:`"), "\(alone.error)")
    }

    /// A daemon of another host that has ended without a word is waited for as long as one says.
    @Test func aSilentHostIsWaitedFor() throws {
        try start(one, state: "state-1")
        #expect(isRunning(one), "\(one.logText)")
        try drop(0..<2)
        #expect(eventually { root.files().contains("archive/f1.csv") }, "\(one.logText)")
        one.kill()
        try edit { $0["boot"] = "another" }
        let begun = Date()
        try start(two, state: "state-2", ["--take-over", "--silence", "15s"])
        #expect(eventually(within: 60) { two.logText.contains(" running") }, "\(two.logText)")
        // The folders were waited for once and not each.
        #expect((14...40).contains(Date().timeIntervalSince(begun)))
        #expect(two.stop() == 0)
        try expectOnce(2, two.logText)
    }
}
