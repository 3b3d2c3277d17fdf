import Foundation
import Ledger
import TestSupport
import Testing

/// `run --once` ends with what went wrong in this call; what is gone or settled can be forgotten; reasons go when their cause does; a known
/// model is said to be known, and a pinned version stays.
@Suite(.serialized) struct ForgetTests {
    private static let pipeline = """
        name: p
        spool: { models: spool/models, data: spool/data }
        settle: { quiet: 200ms }
        schema: { key: [id], keep: [id] }
        stages: [ deserialize: {}, forward: {} ]
        land: { models: { path: out/models, keep: 2 }, outputs: { path: out/outputs, format: csv } }
        """

    private func command(_ arguments: [String], _ root: TemporaryDirectory) throws -> DaemonProcess.CommandOutput {
        try DaemonProcess.command(arguments + ["--root", root.path])
    }

    @discardableResult
    private func once(_ root: TemporaryDirectory, expecting status: Int32 = 0) throws -> DaemonProcess.CommandOutput {
        usleep(300_000)
        let answer = try command(["run", "--once", root("pipelines/p.yaml")], root)
        #expect(answer.status == status, "\(answer.error)")
        return answer
    }

    private func world() throws -> TemporaryDirectory {
        let root = try TemporaryDirectory("forget")
        try root.write(Self.pipeline, to: "pipelines/p.yaml")
        try root.write(TinyModel.adding(1), to: "spool/models/m.onnx")
        try once(root)
        return root
    }

    private func reasons(_ root: TemporaryDirectory) -> [String] { root.files().filter { $0.hasPrefix("quarantine/") } }

    @Test func onceEndsWithTheStatusOfThisCall() throws {
        let root = try world()
        try root.write("id,x\nb,word\n", to: "spool/data/bad.csv")
        try root.write(TinyModel.unknownOperator(), to: "spool/models/odd.onnx")
        try once(root, expecting: 1)
        // As they are, and when they are gone.
        try once(root)
        try FileManager.default.removeItem(atPath: root("spool/data/bad.csv"))
        try once(root)
        #expect(reasons(root) == [], "the file is gone")
        try root.write("id,x\ng,1\n", to: "spool/data/good.csv")
        try once(root)
        // A rejected content is rejected again, now.
        try root.write(TinyModel.unknownOperator(), to: "spool/models/odd2.onnx")
        try once(root, expecting: 1)
        try once(root)
        try root.write("id,x\nc,word\n", to: "spool/data/worse.csv")
        try once(root, expecting: 1)
        #expect(try command(["retry", root("spool/data/worse.csv")], root).status == 0)
        try once(root, expecting: 1)
        try once(root)
    }

    @Test func whatIsGoneOrSettledIsForgotten() throws {
        let root = try world()
        for name in ["gone", "mended", "stays"] { try root.write("id,x\nb,word\n", to: "spool/data/\(name).csv") }
        try root.write(TinyModel.unknownOperator(), to: "spool/models/odd.onnx")
        try once(root, expecting: 1)
        #expect(reasons(root) == ["gone", "mended", "stays"].map { "quarantine/p/\($0).csv.reason.json" })
        try FileManager.default.removeItem(atPath: root("spool/data/gone.csv"))
        try root.write("id,x\nm,1\n", to: "spool/data/mended.csv")
        try once(root)
        #expect(reasons(root) == ["quarantine/p/stays.csv.reason.json"])
        let status = try command(["status"], root).output
        #expect(status.contains("2 quarantined") && status.contains("1 rejected"), "\(status)")

        let refused = try command(["forget", root("spool/data/stays.csv")], root)
        #expect(refused.status != 0 && refused.error.contains("is still there"), "\(refused.error)")
        #expect(try command(["forget", "gone.csv"], root).status == 0)
        let rejected = try command(["forget", "--state", "rejected"], root)
        #expect(rejected.status == 0 && rejected.output.contains("odd.onnx is forgotten"), "\(rejected.output)\(rejected.error)")
        let after = try command(["status"], root).output
        #expect(after.contains("1 quarantined") && !after.contains("rejected"), "\(after)")
        #expect(try command(["explain", "gone.csv"], root).output.contains("ignored"))
        // Nothing is taken up by having been forgotten.
        try once(root)
        #expect(try command(["status"], root).output == after)
        let nothing = try command(["forget", "--state", "rejected"], root)
        #expect(nothing.status != 0 && nothing.error.contains("nothing there to forget"), "\(nothing.error)")
        // What is dropped again is looked at again.
        try root.write("id,x\ng,1\n", to: "spool/data/gone.csv")
        try once(root)
        #expect(root.files().contains("out/outputs/gone.csv"))

        // With a daemon, which answers the command.
        let stays = root("spool/data/stays.csv")
        let daemon = Process()
        daemon.executableURL = DaemonProcess.binary
        daemon.arguments = ["run", root("pipelines/p.yaml"), "--root", root.path]
        daemon.standardError = FileHandle.nullDevice
        try daemon.run()
        defer { daemon.terminate() }
        #expect(eventually { (try? command(["status"], root).output.contains("daemon: pid")) == true })
        usleep(500_000)
        try FileManager.default.removeItem(atPath: stays)
        #expect(eventually { reasons(root) == [] }, "the reason goes with the file")
        let forgotten = try command(["forget", "--all"], root)
        #expect(forgotten.status == 0 && forgotten.output.contains("stays.csv is forgotten"), "\(forgotten.output)\(forgotten.error)")
        #expect(try !command(["status"], root).output.contains("quarantined"))
    }

    @Test func aKnownModelIsSaidToBeKnown() throws {
        let root = try world()
        for addend in 2...4 {
            try root.write(TinyModel.adding(Float(addend)), to: "spool/models/m\(addend).onnx")
            try once(root)
        }
        // Versions 3 and 4 are left.
        for (addend, name, command) in [
            (Float(3), "inactive", "millrace activate p 3"), (1, "pruned", "millrace replay pruned.onnx"),
        ] {
            try root.write(TinyModel.adding(addend), to: "spool/models/\(name).onnx")
            let answer = try once(root)
            #expect(answer.error.contains("a known model does not come into force") && answer.error.contains(command), "\(answer.error)")
            #expect(try self.command(["explain", root("spool/models/\(name).onnx")], root).output.contains(command))
            #expect(try root.read("out/models/ACTIVE") == Array("4\n".utf8))
        }
        try root.write(TinyModel.adding(4), to: "spool/models/active.onnx")
        #expect(try !once(root).error.contains("known model"))
        let pruned = try command(["activate", "p", "1"], root)
        #expect(pruned.status != 0 && pruned.error.contains("millrace replay"), "\(pruned.error)")
        #expect(try command(["replay", root("spool/models/pruned.onnx")], root).status == 0)
        try once(root)
        #expect(try command(["models", "p"], root).output.contains("5"))
    }

    @Test func aPinnedVersionStaysAndIsNeverPruned() throws {
        let root = try world()
        for addend in 2...3 {
            try root.write(TinyModel.adding(Float(addend)), to: "spool/models/m\(addend).onnx")
            try once(root)
        }
        #expect(try command(["activate", "p", "2", "--pin"], root).status == 0)
        for addend in 4...7 {
            try root.write(TinyModel.adding(Float(addend)), to: "spool/models/m\(addend).onnx")
            let answer = try once(root)
            #expect(answer.error.contains("not in force, since another is pinned"), "\(answer.error)")
        }
        func standing() -> [String] { root.files().filter { $0.hasSuffix("model.onnx") } }
        #expect(standing() == ["out/models/2/model.onnx", "out/models/6/model.onnx", "out/models/7/model.onnx"])
        #expect(try root.read("out/models/ACTIVE") == Array("2\n".utf8))
        #expect(try command(["status"], root).output.contains("version 2 is active, pinned"))
        #expect(try command(["models", "p"], root).output.contains("pinned"))
        let refused = try command(["activate", "p", "7"], root)
        #expect(refused.status != 0 && refused.error.contains("--unpin"), "\(refused.error)")
        // The ledger is lost, and comes back with the pin.
        try FileManager.default.removeItem(atPath: root(".millrace"))
        try root.write("id,x\na,1\n", to: "spool/data/a.csv")
        try root.write(TinyModel.adding(8), to: "spool/models/m8.onnx")
        try once(root)
        #expect(try root.read("out/outputs/a.csv") == Array("id,y\na,3.0\n".utf8))
        #expect(try root.read("out/models/ACTIVE") == Array("2\n".utf8))
        #expect(try command(["check"], root).status == 0)
        #expect(try command(["activate", "p", "8", "--unpin"], root).status == 0)
        #expect(try root.read("out/models/ACTIVE") == Array("8\n".utf8))
        try root.write(TinyModel.adding(9), to: "spool/models/m9.onnx")
        try once(root)
        #expect(try root.read("out/models/ACTIVE") == Array("9\n".utf8))
        #expect(standing() == ["out/models/8/model.onnx", "out/models/9/model.onnx"])
        #expect(try command(["activate", "p", "--unpin"], root).status != 0)
        #expect(try command(["activate", "p"], root).status == 2)
    }

    /// The same with a daemon that goes on, and across its restart.
    @Test func aDaemonKeepsAPinnedVersion() throws {
        let daemon = try DaemonProcess("pinned")
        let root = daemon.root
        try root.write(Self.pipeline, to: "pipelines/p.yaml")
        try daemon.start()
        func active() -> String? { (try? root.read("out/models/ACTIVE")).map { String(decoding: $0, as: UTF8.self) } }
        func standing() -> [String] { root.files().filter { $0.hasSuffix("model.onnx") }.map { String($0.dropFirst(11).dropLast(11)) } }
        func publish(_ version: Int) throws {
            try daemon.drop(TinyModel.adding(Float(version)), at: "spool/models/m\(version).onnx")
            #expect(eventually { standing().contains("\(version)") }, "\(daemon.logText)")
        }
        func scores(_ name: String, _ wanted: String) throws {
            try daemon.drop("id,x\nr,0\n".utf8, at: "spool/data/\(name).csv")
            #expect(eventually { (try? root.read("out/outputs/\(name).csv")) == Array("id,y\nr,\(wanted)\n".utf8) }, "\(daemon.logText)")
        }
        for version in 1...2 { try publish(version) }
        #expect(eventually { active() == "2\n" })
        let pinned = try command(["activate", "p", "1", "--pin"], root)
        #expect(
            pinned.status == 0 && pinned.output.contains("stays so until millrace activate p --unpin"), "\(pinned.output)\(pinned.error)")
        for version in 3...5 { try publish(version) }
        #expect(eventually { standing() == ["1", "4", "5"] }, "\(standing()) \(daemon.logText)")
        #expect(active() == "1\n" && daemon.logText.contains("not in force, since another is pinned"))
        try scores("a", "1.0")
        #expect(daemon.stop() == 0)
        try daemon.start()
        try publish(6)
        #expect(eventually { standing() == ["1", "5", "6"] })
        try scores("b", "1.0")
        let models = try command(["models", "p"], root).output
        #expect(models.contains("pinned"), "\(models)")
        // What was pruned cannot be put in force, and the answer says what makes it again.
        for arguments in [["activate", "p", "3", "--pin"], ["activate", "p", "3"]] {
            let answer = try command(arguments, root)
            #expect(answer.status != 0, "\(answer.output)")
            #expect(answer.error.contains(arguments.count == 4 ? "millrace replay" : "--unpin"), "\(answer.error)")
        }
        #expect(active() == "1\n")
        // Put in force without a pin, another may come; with one it stays.
        #expect(try command(["activate", "p", "5", "--pin"], root).status == 0)
        #expect(eventually { active() == "5\n" })
        try scores("c", "5.0")
        #expect(try command(["activate", "p", "--unpin"], root).status == 0)
        #expect(active() == "5\n")
        let unpinned = try command(["activate", "p", "3"], root)
        #expect(unpinned.status != 0 && unpinned.error.contains("millrace replay"), "\(unpinned.error)")
        try publish(7)
        #expect(eventually { active() == "7\n" && standing() == ["6", "7"] }, "\(standing()) \(daemon.logText)")
        #expect(daemon.stop() == 0)
        #expect(try command(["check"], root).status == 0)
    }
}
