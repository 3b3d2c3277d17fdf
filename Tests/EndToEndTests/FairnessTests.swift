import Arrivals
import FileSystem
import Foundation
import Ledger
import SystemPackage
import TestSupport
import Testing

/// Several pipelines in one daemon: none keeps another from its turn.
@Suite(.serialized) struct FairnessTests {
    private static func pipeline(_ name: String, batch: Int = 256, more: String = "") -> String {
        """
        name: \(name)
        spool: { models: spool/\(name)/models, data: spool/\(name)/data }
        settle: { quiet: 100ms }
        schema: { key: [id], keep: [id] }
        stages: [ deserialize: {}, forward: { batch_size: \(batch) } ]
        land: { models: out/\(name)/models, outputs: { path: out/\(name)/outputs, format: csv } }
        \(more)
        """
    }

    private func daemon(_ pipelines: [String: String], _ arguments: [String] = ["--jobs", "1"]) throws -> DaemonProcess {
        let daemon = try DaemonProcess("fair")
        for (name, text) in pipelines {
            try daemon.root.write(text, to: "pipelines/\(name).yaml")
            try daemon.root.write(TinyModel.adding(1), to: "spool/\(name)/models/m.onnx")
        }
        try daemon.start(arguments)
        for name in pipelines.keys {
            try #require(
                eventually { FileManager.default.fileExists(atPath: daemon.root("out/\(name)/models/ACTIVE")) }, "\(daemon.logText)")
        }
        return daemon
    }

    private static func rows(_ count: Int) -> [UInt8] { Array(("id,x\n" + (0..<count).map { "row-\($0),\($0 % 7)\n" }.joined()).utf8) }

    private func status(_ daemon: DaemonProcess, _ name: String) throws -> PipelineStatus {
        let all = try RunLedger(stateDirectory: daemon.root(".millrace"), readOnly: true).status(naming: [name], now: .now)
        return try #require(all.first { $0.pipeline == name })
    }

    /// Two long files are there and one worker, and a small file of another pipeline comes: it does not wait for the first of the long
    /// ones to end. Batches of two rows make them long: what the machine does beside this test delays them as much as the small one.
    @Test func aSmallFileDoesNotWaitForALargeOne() throws {
        let daemon = try daemon(["slow": Self.pipeline("slow", batch: 2), "fast": Self.pipeline("fast")])
        let root = daemon.root
        let large = Self.rows(300_000)
        for number in 0..<2 { try daemon.drop(large, at: "spool/slow/data/\(number).csv") }
        try #require(try eventually { try status(daemon, "slow").count(.running) > 0 })
        usleep(300_000)
        try daemon.drop(Self.rows(3), at: "spool/fast/data/a.csv")
        try #require(
            eventually(within: 120) { FileManager.default.fileExists(atPath: root("out/fast/outputs/a.csv")) }, "\(daemon.logText)")
        let slow = try status(daemon, "slow")
        // Nothing is said to run that no worker has: one of each pipeline at most.
        #expect(slow.count(.running) <= 1, "\(slow.counts)")
        // What was paused goes on, and says what it always said.
        try #require(
            eventually(within: 300) { (0..<2).allSatisfy { FileManager.default.fileExists(atPath: root("out/slow/outputs/\($0).csv")) } })
        // When each was visible: on a machine that stood still for a while, the first long file may be done by the time of the look above.
        func landed(_ path: String) throws -> FileStamp { try #require(try FileDigest.stamp(FilePath(root(path)))) }
        let fast = try landed("out/fast/outputs/a.csv").changed
        for number in 0..<2 { #expect(try fast < landed("out/slow/outputs/\(number).csv").changed, "a long file was done first") }
        let outputs = try (0..<2).map { try Data(contentsOf: URL(fileURLWithPath: root("out/slow/outputs/\($0).csv"))) }
        #expect(Set(outputs).count == 1)
        #expect(outputs[0].split(separator: UInt8(ascii: "\n")).count == 300_001)
        try #require(try eventually { try status(daemon, "slow").count(.done, role: .data) == 2 })
        let run = try RunLedger(stateDirectory: root(".millrace"), readOnly: true).runs(RunFilter(pipeline: "slow", path: "0.csv")).first
        #expect(run?.timings["paused"] ?? 0 > 0, "\(String(describing: run?.timings))")
        #expect(daemon.stop() == 0)
    }

    /// `limits.time` counts the time that an attempt has a worker, not the time in which others go first.
    @Test func pausedTimeDoesNotCount() throws {
        let daemon = try daemon([
            "slow": Self.pipeline("slow", more: "limits: { time: 20s }"), "fast": Self.pipeline("fast"), "other": Self.pipeline("other"),
        ])
        let root = daemon.root
        try daemon.drop(Self.rows(200_000), at: "spool/slow/data/a.csv")
        try #require(try eventually { try status(daemon, "slow").count(.running) > 0 })
        // Two pipelines that always have something: the long attempt has a third of the time.
        for number in 0..<8 {
            try daemon.drop(Self.rows(40_000), at: "spool/fast/data/\(number).csv")
            try daemon.drop(Self.rows(40_000), at: "spool/other/data/\(number).csv")
        }
        try #require(
            eventually(within: 120) { FileManager.default.fileExists(atPath: root("out/slow/outputs/a.csv")) }, "\(daemon.logText)")
        try #require(try eventually { try status(daemon, "slow").count(.done, role: .data) == 1 })
        let run = try RunLedger(stateDirectory: root(".millrace"), readOnly: true).runs(RunFilter(pipeline: "slow", path: "a.csv")).first
        let timings = try #require(run?.timings)
        #expect(timings["paused"] ?? 0 > 0.2 && run?.attemptCount == 1, "\(timings)")
    }

    /// A training that takes for ever, also one of a model that has just arrived, keeps neither the only worker nor another pipeline's
    /// model.
    @Test func trainingTakesNoWorker() throws {
        let text = """
            name: learning
            spool: { models: spool/learning/models, labelled: spool/learning/labelled, data: spool/learning/data }
            settle: { quiet: 100ms }
            schema: { key: [id], keep: [id], label: y, inputs: { x: { columns: x } } }
            stages:
              - deserialize: {}
              - optimize:
                  gradient:
                    { loss: mean_squared_error, optimizer: { sgd: { learning_rate: 1.0e-6 } }, epochs: 100000, batch_size: 4,
                      train: [addend] }
                  gate: { metric: mae, rows_at_least: 1 }
              - forward: {}
            land: { models: out/learning/models, outputs: { path: out/learning/outputs, format: csv } }
            """
        let daemon = try DaemonProcess("training")
        let root = daemon.root
        try root.write(text, to: "pipelines/learning.yaml")
        try root.write(Self.pipeline("plain"), to: "pipelines/plain.yaml")
        let labels = "id,x,y\n" + (0..<40).map { "l\($0),\($0),\($0 + 2)\n" }.joined()
        try root.write(labels, to: "spool/learning/labelled/l.csv")
        try daemon.start(["--jobs", "1"])
        try #require(eventually { daemon.logText.contains("notice running") }, "\(daemon.logText)")
        try #require(try eventually { try status(daemon, "learning").count(.waiting, role: .labelled) == 1 }, "\(daemon.logText)")
        try daemon.drop(TinyModel.adding(1), at: "spool/learning/models/m.onnx")
        try #require(try eventually { try status(daemon, "learning").count(.running, role: .model) == 1 }, "\(daemon.logText)")
        // The pipeline's own data waits for its model, as it must.
        try daemon.drop(Self.rows(3), at: "spool/learning/data/a.csv")
        try daemon.drop(TinyModel.adding(1), at: "spool/plain/models/m.onnx")
        try daemon.drop(Self.rows(3), at: "spool/plain/data/a.csv")
        try #require(eventually { FileManager.default.fileExists(atPath: root("out/plain/outputs/a.csv")) }, "\(daemon.logText)")
        let learning = try status(daemon, "learning")
        #expect(learning.count(.running, role: .model) == 1 && learning.count(.waiting, role: .data) == 1, "\(learning.counts)")
    }
}
