import Foundation
import Ledger
import TestSupport
import Testing

/// A replay, or new content, after an edit of the format or the path: an input has one output, and what is archived or gone is read or
/// refused.
@Suite(.serialized) struct OutputsElsewhereTests {
    private static func pipeline(_ outputs: String, _ more: String = "") -> String {
        """
        name: p
        spool: { models: spool/models, data: spool/data }
        settle: { quiet: 200ms }
        schema: { key: [id], keep: [id] }
        stages: [ deserialize: {}, forward: {} ]
        land: { models: out/models, outputs: { \(outputs) } }
        \(more)
        """
    }

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

    private func world(_ more: String = "") throws -> TemporaryDirectory {
        let root = try TemporaryDirectory("elsewhere")
        try root.write(Self.pipeline("path: out/pred, format: csv", more), to: "pipelines/p.yaml")
        try root.write(TinyModel.adding(1), to: "spool/models/m.onnx")
        for name in ["a", "sub/b", "c"] { try root.write("id,x\nk,1\n", to: "spool/data/\(name).csv") }
        try once(root)
        return root
    }

    private func outputs(_ root: TemporaryDirectory) -> [String] {
        root.files().filter { $0.hasPrefix("out/") && !$0.hasPrefix("out/models") && !$0.contains("_millrace") }
    }

    @Test(arguments: [
        ("path: out/pred, format: jsonl", "out/pred/", "jsonl"), ("path: out/other, format: csv", "out/other/", "csv"),
        ("path: out/other, format: jsonl", "out/other/", "jsonl"),
        ("path: out/pred, format: csv, partition_by: [stem]", "out/pred/stem=", "csv"),
    ])
    func theOldOutputGoes(edit: (outputs: String, folder: String, suffix: String)) throws {
        let root = try world()
        try root.write(Self.pipeline(edit.outputs), to: "pipelines/p.yaml")
        let isPartitioned = edit.outputs.contains("stem")
        let before = try command(["plan"], root).output
        if !isPartitioned { #expect(before.contains("3 outputs in out/pred as .csv") || before.contains("/out/pred as .csv"), "\(before)") }
        #expect(!before.contains("nothing that is done would be redone"), "\(before)")
        // One is replayed, one gets new content, the third stays as it is.
        let answer = try command(["replay", root("spool/data/a.csv")], root)
        #expect(answer.status == 0)
        if !isPartitioned { #expect(answer.output.contains("removes it where it is"), "\(answer.output)") }
        try root.write("id,x\nk,2\n", to: "spool/data/sub/b.csv")
        try once(root)
        func place(_ name: String) -> String {
            isPartitioned ? "out/pred/stem=\(name.split(separator: "/").last!)/\(name).csv" : edit.folder + name + "." + edit.suffix
        }
        #expect(outputs(root) == ["out/pred/c.csv", place("a"), place("sub/b")].sorted())
        let check = try command(["check"], root)
        #expect(check.status == 0, "\(check.output)")
        let explained = try command(["explain", root("out/pred/a.csv")], root).output
        #expect(explained.contains("not there") && explained.contains("another stands in its place"), "\(explained)")
        #expect(try command(["explain", root(place("a"))], root).output.contains("it is the output of a.csv"))
        if !isPartitioned { #expect(try command(["plan"], root).output.contains("1 output in "), "c.csv") }
        try FileManager.default.removeItem(atPath: root(".millrace"))
        try once(root)
        #expect(try command(["check"], root).status == 0)
    }

    @Test func whatIsNotOursStaysAndIsSaid() throws {
        let root = try world()
        try root.write(Self.pipeline("path: out/pred, format: jsonl"), to: "pipelines/p.yaml")
        try root.write("mine", to: "out/pred/a.csv")
        try FileManager.default.removeItem(atPath: root("out/pred/c.csv"))
        #expect(try command(["replay", "--all"], root).status == 0)
        let answer = try once(root)
        #expect(answer.error.contains("an old output stays") && answer.error.contains("out/pred/a.csv"), "\(answer.error)")
        #expect(outputs(root) == ["out/pred/a.csv", "out/pred/a.jsonl", "out/pred/c.jsonl", "out/pred/sub/b.jsonl"])
        #expect(try root.read("out/pred/a.csv") == Array("mine".utf8))
        let check = try command(["check"], root)
        #expect(check.status == 1 && check.output.contains("1 difference") && check.output.contains("it was left"), "\(check.output)")
        let explained = try command(["explain", root("out/pred/a.csv")], root).output
        #expect(explained.contains("it was the output of a.csv") && !explained.contains(": done"), "\(explained)")
        try FileManager.default.removeItem(atPath: root("out/pred/a.csv"))
        #expect(try command(["check"], root).status == 0)
    }

    /// Killed when the new outputs are there and the old ones are still to go: a folder without permission stands in for the moment
    /// between.
    @Test func whatCouldNotBeRemovedIsRemovedLater() throws {
        let root = try world()
        try root.write(Self.pipeline("path: out/other, format: csv"), to: "pipelines/p.yaml")
        #expect(try command(["replay", "--all", "--role", "data"], root).status == 2, "--all stands alone")
        #expect(try command(["replay", "--role", "data"], root).status == 0)
        let lock = Process()
        lock.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        lock.arguments = ["chattr", "+i", root("out/pred")]
        try lock.run()
        lock.waitUntilExit()
        guard lock.terminationStatus == 0 else { return }
        defer { _ = try? Process.run(URL(fileURLWithPath: "/usr/bin/env"), arguments: ["chattr", "-i", root("out/pred")]).waitUntilExit() }
        let answer = try once(root)
        #expect(answer.error.contains("cannot be removed yet"), "\(answer.error)")
        #expect(outputs(root).contains("out/pred/a.csv") && outputs(root).contains("out/other/a.csv"))
        let check = try command(["check"], root)
        #expect(check.status == 1 && check.output.contains("Start millrace run: it removes it"), "\(check.output)")
        try Process.run(URL(fileURLWithPath: "/usr/bin/env"), arguments: ["chattr", "-i", root("out/pred")]).waitUntilExit()
        try once(root)
        #expect(outputs(root) == ["out/other/a.csv", "out/other/c.csv", "out/other/sub/b.csv"])
        #expect(try command(["check"], root).status == 0)
    }

    // MARK: Inputs that were put away

    @Test func archivedInputIsReadInTheArchive() throws {
        let root = try world("after: archive\narchive: archive/p")
        // Another content of the same name takes the first place in the archive.
        try root.write("id,x\nk,7\n", to: "spool/data/a.csv")
        try once(root)
        #expect(root.files().filter { $0.hasPrefix("archive/p/a") } == ["archive/p/a.2.csv", "archive/p/a.csv"])
        try root.write(Self.pipeline("path: out/pred, format: jsonl", "after: archive\narchive: archive/p"), to: "pipelines/p.yaml")
        let answer = try command(["replay", "--all"], root)
        #expect(answer.status == 0, "\(answer.error)")
        try once(root)
        #expect(outputs(root) == ["out/pred/a.jsonl", "out/pred/c.jsonl", "out/pred/sub/b.jsonl"])
        #expect(try root.read("out/pred/a.jsonl") == Array("{\"id\":\"k\",\"y\":8.0}\n".utf8))
        let versions = try RunLedger(stateDirectory: root(".millrace"), readOnly: true).versions(pipeline: "p")
        #expect(versions.count == 2, "the archived model is decided again too")
        #expect(root.files().filter { $0.hasPrefix("archive/") }.count == 5 && !root.files().contains { $0.hasPrefix("spool/") })
        #expect(try command(["check"], root).status == 0)
        // What left the archive as well is refused at the command.
        try FileManager.default.removeItem(atPath: root("archive/p/c.csv"))
        let refused = try command(["replay", "c.csv"], root)
        #expect(refused.status != 0 && refused.error.contains("neither in its spool nor"), "\(refused.output)\(refused.error)")
    }

    @Test(arguments: ["keep", "delete"])
    func deletedInputIsRefused(after: String) throws {
        let root = try world("after: \(after)")
        if after == "keep" { try FileManager.default.removeItem(atPath: root("spool/data/a.csv")) }
        let refused = try command(["replay", root("spool/data/a.csv")], root)
        #expect(
            refused.status != 0 && refused.error.contains("a.csv") && refused.error.contains("drop it again"),
            "\(refused.output)\(refused.error)")
        // Of several, those that are there are done.
        let some = try command(["replay", "--role", "data"], root)
        #expect((some.status == 0) == (after == "keep"), "\(some.output)\(some.error)")
        if after == "keep" { #expect(some.output.contains("1 not, such as: a.csv"), "\(some.output)") }
        try once(root)
        #expect(outputs(root) == ["out/pred/a.csv", "out/pred/c.csv", "out/pred/sub/b.csv"])
        let ledger = try RunLedger(stateDirectory: root(".millrace"), readOnly: true)
        #expect(try !ledger.runs().contains { $0.state == .abandoned })
    }

    /// Under `archive` a failing input is moved to quarantine: `retry` reads it there.
    @Test func whatWasMovedToQuarantineIsReadThere() throws {
        let root = try world("after: archive\narchive: archive/p")
        try root.write("id,x\nk,\n", to: "spool/data/gap.csv")
        try once(root, expecting: 1)
        #expect(root.files().contains("quarantine/p/gap.csv") && !root.files().contains("spool/data/gap.csv"))
        try root.write(
            Self.pipeline("path: out/pred, format: csv", "after: archive\narchive: archive/p").replacing(
                "keep: [id] }", with: "keep: [id], missing: 0 }"),
            to: "pipelines/p.yaml")
        #expect(try command(["retry", "gap.csv"], root).status == 0)
        try once(root)
        #expect(try root.read("out/pred/gap.csv") == Array("id,y\nk,1.0\n".utf8))
    }
}
