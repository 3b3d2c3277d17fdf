import Foundation
import Ledger
import TestSupport
import Testing

/// `ROOT/millrace.yaml`, as the daemon and the commands take it.
@Suite(.serialized) struct SettingsTests {
    private static let pipeline = """
        name: p
        spool: { models: spool/models, data: spool/data }
        settle: { quiet: 200ms }
        schema: { key: [id], keep: [id] }
        stages: [ deserialize: {}, forward: {} ]
        land: { models: out/models, outputs: out/outputs }
        """

    private func world(_ settings: String) throws -> TemporaryDirectory {
        let root = try TemporaryDirectory("settings")
        try root.write(Self.pipeline, to: "pipelines/p.yaml")
        try root.write(settings, to: "millrace.yaml")
        return root
    }

    private func millrace(_ arguments: String..., in root: TemporaryDirectory) throws -> DaemonProcess.CommandOutput {
        try DaemonProcess.command(arguments + ["--root", root.path])
    }

    private func work(in root: TemporaryDirectory, row: String = "a", file: String = "a") throws -> DaemonProcess.CommandOutput {
        try root.write(TinyModel.adding(1), to: "spool/models/m.onnx")
        try root.write("id,x\n\(row),1\n", to: "spool/data/\(file).csv")
        usleep(300_000)
        return try millrace("run", "--once", root("pipelines"), in: root)
    }

    @Test func stateAndWorkStandWhereItSays() throws {
        let root = try world("state: var/lib/state\nwork: var/work\nland: { outputs: { format: csv } }\n")
        let done = try work(in: root)
        #expect(done.status == 0, "\(done.error)")
        #expect(try root.read("out/outputs/a.csv") == Array("id,y\na,2.0\n".utf8))
        let files = FileManager.default
        #expect(
            files.fileExists(atPath: root("var/lib/state/ledger.sqlite")) && files.fileExists(atPath: root("var/work/epochs/1/staging")))
        #expect(!files.fileExists(atPath: root(".millrace")) && !files.fileExists(atPath: root("var/lib/state/staging")))
        // Every command finds it.
        for command in [
            ["status"], ["runs"], ["events"], ["check"], ["explain", "a.csv"], ["models", "p"], ["plan"], ["pause"], ["resume"],
            ["replay", "a.csv"],
        ] {
            let said = try DaemonProcess.command(command + ["--root", root.path])
            #expect(said.status == 0 && !said.error.contains("ledger"), "\(command): \(said.error)")
        }
        #expect(try RunLedger(stateDirectory: root("var/lib/state"), readOnly: true).arrivals().count == 2)
    }

    /// What an empty state would do again must not be left behind unseen.
    @Test func aLedgerThatIsLeftBehindIsSaid() throws {
        let root = try world("jobs: 1\n")
        #expect(try work(in: root).status == 0)
        try root.write("state: elsewhere\n", to: "millrace.yaml")
        let refused = try millrace("run", "--once", root("pipelines"), in: root)
        #expect(refused.status == 2 && refused.error.contains("the ledger is still in \(root(".millrace"))"), "\(refused.error)")
        try FileManager.default.moveItem(atPath: root(".millrace"), toPath: root("elsewhere"))
        let moved = try millrace("run", "--once", root("pipelines"), in: root)
        #expect(moved.status == 0, "\(moved.error)")
        #expect(try RunLedger(stateDirectory: root("elsewhere"), readOnly: true).arrivals().count == 2)
    }

    @Test func aMistakeIsRefusedByName() throws {
        let root = try world("jbos: 1\n")
        let refused = try millrace("run", "--once", root("pipelines"), in: root)
        #expect(refused.status == 2 && refused.error.contains("jbos: there is no such key; did you mean `jobs`?"), "\(refused.error)")
        let lint = try millrace("lint", in: root)
        #expect(lint.status == 2 && lint.output.contains("millrace.yaml:1:1: jbos"), "\(lint.output)")
        try root.write("stat: elsewhere\n", to: "millrace.yaml")
        let status = try millrace("status", in: root)
        #expect(status.status == 2 && status.error.contains("did you mean `state`?"), "\(status.error)")
    }

    @Test func optionsOfTheCommandLineGoFirst() throws {
        let root = try world("jobs: 4000\n")
        let refused = try millrace("run", "--once", root("pipelines"), in: root)
        #expect(refused.status == 2 && refused.error.contains("workers 4000 x threads 1 is more than"), "\(refused.error)")
        let taken = try millrace("run", "--once", "--jobs", "1", root("pipelines"), in: root)
        #expect(taken.status == 0 && taken.error.contains("jobs=1"), "\(taken.error)")
    }
}
