import Foundation
import TestSupport
import Testing

/// Pipeline files that come, go and change while the daemon runs, and what the commands say of them.
@Suite(.serialized) struct PipelineFolderTests {
    private func pipeline(_ name: String, more: String = "") -> String {
        """
        name: \(name)
        spool: { models: spool/\(name)/models, data: spool/\(name)/data }
        settle: { quiet: 200ms }
        schema: { key: [id], keep: [id] }
        stages: [ deserialize: {}, forward: {} ]
        land: { models: out/\(name)/models, outputs: { path: out/\(name)/outputs, format: csv } }
        \(more)
        """
    }

    /// A daemon that was started with these arguments after `run`.
    private func start(_ root: TemporaryDirectory, _ arguments: [String]) throws -> (process: Process, log: () -> String) {
        let process = Process()
        process.executableURL = DaemonProcess.binary
        process.arguments = ["run"] + arguments + ["--root", root.path]
        process.standardInput = FileHandle.nullDevice
        try root.write("", to: "daemon.log")
        process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: root("daemon.log")))
        process.standardOutput = process.standardError
        try process.run()
        let log = { (try? String(contentsOfFile: root("daemon.log"), encoding: .utf8)) ?? "" }
        #expect(eventually { log().contains("notice running") }, "\(log())")
        return (process, log)
    }

    private func millrace(_ arguments: String..., in root: TemporaryDirectory) throws -> DaemonProcess.CommandOutput {
        try DaemonProcess.command(arguments + ["--root", root.path])
    }

    @Test(arguments: ["folder", "none", "glob"], ["b.yaml", "b.yml"])
    func aNewFileIsTakenUpAndARemovedOneGoes(how: String, file: String) throws {
        if how == "glob", file == "b.yml" { return }
        let root = try TemporaryDirectory("folder")
        try root.write(pipeline("a"), to: "pipelines/a.yaml")
        let (daemon, log) = try start(root, how == "none" ? [] : [root(how == "folder" ? "pipelines" : "pipelines/*.yaml")])
        defer { kill(daemon.processIdentifier, SIGKILL) }
        try root.write(pipeline("b"), to: "pipelines/" + file)
        #expect(eventually { FileManager.default.fileExists(atPath: root("spool/b/data")) }, "\(log())")
        try root.write(TinyModel.adding(1), to: "spool/b/models/m.onnx")
        try root.write("id,x\na,1\n", to: "spool/b/data/a.csv")
        #expect(eventually(within: 30) { FileManager.default.fileExists(atPath: root("out/b/outputs/a.csv")) }, "\(log())")
        #expect(try !millrace("status", in: root).output.contains("not in force"))
        try FileManager.default.removeItem(atPath: root("pipelines/" + file))
        #expect(eventually { log().components(separatedBy: "pipelines re-read").count == 3 }, "\(log())")
        try root.write("id,x\na,1\n", to: "spool/b/data/late.csv")
        try root.write(TinyModel.adding(1), to: "spool/a/models/m.onnx")
        try root.write("id,x\na,1\n", to: "spool/a/data/late.csv")
        #expect(eventually(within: 30) { FileManager.default.fileExists(atPath: root("out/a/outputs/late.csv")) })
        #expect(!FileManager.default.fileExists(atPath: root("out/b/outputs/late.csv")))
        let explained = try millrace("explain", root("spool/b/data/late.csv"), in: root)
        #expect(explained.output.contains("not watched"), "\(explained.output)")
    }

    @Test func statusAndExplainGoByWhatIsInForce() throws {
        let root = try TemporaryDirectory("folder")
        try root.write(pipeline("a"), to: "pipelines/a.yaml")
        try root.write(pipeline("c"), to: "elsewhere/c.yaml")
        let (daemon, log) = try start(root, [root("pipelines/a.yaml"), root("elsewhere/c.yaml")])
        defer { kill(daemon.processIdentifier, SIGKILL) }
        try root.write(pipeline("b"), to: "pipelines/b.yaml")
        try root.write(TinyModel.adding(1), to: "spool/b/models/m.onnx")
        usleep(1_500_000)
        let status = try millrace("status", in: root)
        #expect(status.output.contains("b.yaml: it is not in force") && !status.output.contains("\nb:"), "\(status.output)")
        #expect(status.output.contains("\nc: no version yet"), "\(status.output)")
        let explained = try millrace("explain", root("spool/b/models/m.onnx"), in: root)
        #expect(explained.output.contains("not watched") && explained.output.contains("b.yaml is not in force"), "\(explained.output)")
        // An edit that is refused leaves what was before it in force, and status says so.
        try root.write(pipeline("a", more: "colour: red"), to: "pipelines/a.yaml")
        #expect(eventually { log().contains("the edit is refused") }, "\(log())")
        let refused = try millrace("status", in: root)
        #expect(refused.output.contains("a.yaml: it was edited") && refused.output.contains("problem: "), "\(refused.output)")
        // A daemon that is gone has nothing in force.
        daemon.terminate()
        daemon.waitUntilExit()
        #expect(try millrace("status", in: root).output.contains("\nb: no version yet"))
    }

    @Test func hangUpReadsThePipelinesAgain() throws {
        let root = try TemporaryDirectory("folder")
        try root.write(pipeline("a"), to: "pipelines/a.yaml")
        let (daemon, log) = try start(root, [])
        defer { kill(daemon.processIdentifier, SIGKILL) }
        usleep(300_000)
        kill(daemon.processIdentifier, SIGHUP)
        #expect(eventually { log().contains("pipelines re-read: nothing has changed") }, "\(log())")
        try root.write(pipeline("b"), to: "pipelines/b.yaml")
        kill(daemon.processIdentifier, SIGHUP)
        #expect(eventually { log().contains("pipelines re-read  pipelines=") }, "\(log())")
        #expect(daemon.isRunning)
        daemon.terminate()
        daemon.waitUntilExit()
        #expect(daemon.terminationStatus == 0)
    }

    @Test func aFolderThatIsEmptyOrAbsentIsSaid() throws {
        let root = try TemporaryDirectory("folder")
        let absent = try millrace("run", in: root)
        #expect(absent.status == 2 && absent.error.contains("there is no \(root("pipelines"))"), "\(absent.error)")
        try FileManager.default.createDirectory(atPath: root("pipelines"), withIntermediateDirectories: true)
        let empty = try millrace("run", in: root)
        #expect(empty.status == 2 && empty.error.contains("there is no *.yaml or *.yml in this folder"), "\(empty.error)")
    }

    // MARK: run --once

    @Test func whatHasJustBeenCopiedSettlesInTime() throws {
        let root = try TemporaryDirectory("folder")
        try root.write(pipeline("a").replacing("quiet: 200ms", with: "quiet: 6s"), to: "pipelines/a.yaml")
        #expect(try millrace("run", "--once", in: root).status == 0)
        try root.write(TinyModel.adding(1), to: "spool/a/models/m.onnx")
        try root.write("id,x\na,1\n", to: "spool/a/data/a.csv")
        #expect(try millrace("run", "--once", in: root).status == 3)
        try root.write("id,x\na,1\n", to: "spool/a/data/b.csv")
        let waited = try millrace("run", "--once", "--wait", "60s", in: root)
        #expect(waited.status == 0, "\(waited.error)")
        #expect(FileManager.default.fileExists(atPath: root("out/a/outputs/b.csv")))
        // A file that does not get whole is left, and the call ends in time.
        try root.write("PAR1, and no end", to: "spool/a/data/half.parquet")
        let start = ContinuousClock.now
        let left = try millrace("run", "--once", "--wait", "3s", in: root)
        #expect(left.status == 3 && left.error.contains("still settling: half.parquet"), "\(left.error)")
        #expect(ContinuousClock.now - start < .seconds(60))
    }

    @Test func theStatusIsThatOfThisCall() throws {
        let root = try TemporaryDirectory("folder")
        try root.write(pipeline("a"), to: "pipelines/a.yaml")
        try root.write(TinyModel.adding(1), to: "spool/a/models/m.onnx")
        try root.write("id,x\na,word\n", to: "spool/a/data/bad.csv")
        usleep(300_000)
        #expect(try millrace("run", "--once", in: root).status == 1)
        #expect(try millrace("run", "--once", in: root).status == 0)
        try root.write("not a model", to: "spool/a/models/bad.onnx")
        usleep(300_000)
        let second = try millrace("run", "--once", in: root)
        #expect(second.status == 1 || second.status == 3, "\(second.error)")
        try root.write("id,x\na,other\n", to: "spool/a/data/worse.csv")
        usleep(300_000)
        #expect(try millrace("run", "--once", in: root).status == 1)
    }
}
