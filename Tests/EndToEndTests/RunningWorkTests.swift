import Foundation
import Ledger
import TestSupport
import Testing

/// What operators are told of work that goes on, and how they end it.
@Suite(.serialized) struct RunningWorkTests {
    /// It trains for longer than any test takes.
    private static let learning = """
        name: p
        spool: { models: spool/models, labelled: spool/labelled, data: spool/data }
        settle: { quiet: 100ms }
        schema: { key: [id], keep: [id], label: y, inputs: { x: { columns: x } } }
        stages:
          - deserialize: {}
          - optimize:
              gradient:
                { loss: mean_squared_error, optimizer: { sgd: { learning_rate: 1.0e-6 } }, epochs: 100000, batch_size: 4,
                  train: [addend] }
              gate: { metric: mae, rows_at_least: 1 }
          - forward: { batch_size: 64 }
        land: { models: out/models, outputs: { path: out/outputs, format: csv } }
        """

    private func scene(_ arguments: [String] = []) throws -> DaemonProcess {
        let daemon = try DaemonProcess("running")
        try daemon.root.write(Self.learning, to: "pipelines/p.yaml")
        try daemon.root.write(TinyModel.adding(1), to: "spool/models/m.onnx")
        try daemon.start(arguments)
        try #require(eventually { FileManager.default.fileExists(atPath: daemon.root("out/models/ACTIVE")) }, "\(daemon.logText)")
        return daemon
    }

    private func ask(_ daemon: DaemonProcess, _ words: String..., status: Int32 = 0) throws -> String {
        let answer = try DaemonProcess.command(words + ["--root", daemon.root.path], in: daemon.root.path)
        #expect(answer.status == status, "\(words): \(answer.output)\(answer.error)")
        return answer.output + answer.error
    }

    private func json(_ daemon: DaemonProcess, _ words: String...) throws -> [String: Any] {
        let answer = try DaemonProcess.command(words + ["--json", "--root", daemon.root.path], in: daemon.root.path)
        return try #require(try JSONSerialization.jsonObject(with: Data(answer.output.utf8)) as? [String: Any])
    }

    private func labels(_ daemon: DaemonProcess) throws {
        let rows = (0..<40).map { "l\($0),\($0),\($0 + 2)\n" }.joined()
        try daemon.drop(Array(("id,x,y\n" + rows).utf8), at: "spool/labelled/l.csv")
    }

    @Test func aTrainingIsShownAndStopped() throws {
        let daemon = try scene()
        try labels(daemon)
        try #require(try eventually { try ask(daemon, "status").contains("training, run 2, on l.csv: epoch") }, "\(daemon.logText)")
        let text = try ask(daemon, "status")
        let line = try #require(text.split(separator: "\n").first { $0.contains("training, run 2") })
        for part in ["of 100000", "step ", "loss ", "rows/s", "s left"] { #expect(line.contains(part), "\(line)") }
        #expect(text.contains("labelled l.csv: run 2, for "), "\(text)")
        let conditions = try #require(try json(daemon, "status")["conditions"] as? [[String: Any]])
        let facts = try #require(conditions.first { $0["kind"] as? String == "training" }?["facts"] as? [String: Any])
        #expect(facts["epochs"] as? Int == 100_000 && facts["run"] as? Int == 2, "\(facts)")
        for name in ["loss", "rowsPerSecond", "secondsLeft"] { #expect(facts[name] as? Double != nil, "\(name): \(facts)") }
        #expect(try ask(daemon, "explain", "spool/labelled/l.csv").contains("`millrace stop 2` ends it"))

        #expect(try ask(daemon, "stop", "2").contains("run 2, l.csv, is being stopped"))
        try #require(try eventually { try ask(daemon, "status").contains("1 quarantined") }, "\(daemon.logText)")
        let after = try ask(daemon, "status")
        #expect(after.contains("an operator stopped it") && after.contains("`millrace retry`"), "\(after)")
        #expect(try eventually { try !ask(daemon, "status").contains("training, run") }, "\(after)")
        #expect(daemon.logText.contains("warning quarantined"), "\(daemon.logText)")
        #expect(try ask(daemon, "stop", "2", status: 1).contains("run 2 does not run: it is quarantined"))
        #expect(try ask(daemon, "stop", "77", status: 1).contains("there is no run 77"))

        // Nothing else was touched, and the remedy works.
        try daemon.drop(Array("id,x\na,1\n".utf8), at: "spool/data/a.csv")
        #expect(eventually { FileManager.default.fileExists(atPath: daemon.root("out/outputs/a.csv")) })
        _ = try ask(daemon, "retry", "spool/labelled/l.csv")
        #expect(try eventually { try ask(daemon, "status").contains("training, run 2") })
        _ = try ask(daemon, "stop", "2")
        #expect(try eventually { try ask(daemon, "status").contains("1 quarantined") })
        #expect(daemon.stop() == 0)
        #expect(try ask(daemon, "stop", "2", status: 1).contains("no daemon works on this root"))
    }

    @Test func aScoringRunIsStoppedAndPublishesNothing() throws {
        let daemon = try scene(["--jobs", "1"])
        let rows = (0..<600_000).map { "r\($0),\($0 % 5)\n" }.joined()
        try daemon.drop(Array(("id,x\n" + rows).utf8), at: "spool/data/large.csv")
        try daemon.drop(Array("id,x\na,1\n".utf8), at: "spool/data/small.csv")
        try #require(try eventually { try ask(daemon, "status").contains("data large.csv: run 2") }, "\(daemon.logText)")
        let text = try ask(daemon, "status")
        #expect(text.contains("data small.csv: for its turn"), "\(text)")
        _ = try ask(daemon, "stop", "2")
        #expect(
            eventually(within: 20) { FileManager.default.fileExists(atPath: daemon.root("out/outputs/small.csv")) }, "\(daemon.logText)")
        #expect(!FileManager.default.fileExists(atPath: daemon.root("out/outputs/large.csv")))
        #expect(try ask(daemon, "explain", "spool/data/large.csv").contains("an operator stopped it"))
        #expect(daemon.stop() == 0)
    }

    @Test func statusSaysWhyAModelWasRejectedAndPathsAreFromTheRoot() throws {
        let daemon = try scene()
        try daemon.drop(TinyModel.unknownOperator(), at: "spool/models/bad.onnx")
        try daemon.drop(Array("id,x\na,none\n".utf8), at: "spool/data/bad.csv")
        try #require(try eventually { try ask(daemon, "status").contains("data: 1 quarantined") }, "\(daemon.logText)")
        let text = try ask(daemon, "status")
        #expect(text.contains("rejected:\n    model bad.onnx: spool/models/bad.onnx: "), "\(text)")
        #expect(text.contains("data bad.csv: spool/data/bad.csv: "), "\(text)")
        #expect(!text.contains(daemon.root.path + "/spool"), "\(text)")
        for kind in ["warning rejected", "warning quarantined"] { #expect(daemon.logText.contains(kind), "\(daemon.logText)") }
        for number in 0..<12 { try daemon.drop(Array("id,x\na,none\n".utf8), at: "spool/data/bad\(number).csv") }
        try #require(try eventually { try ask(daemon, "status").contains("data: 13 quarantined") })
        #expect(try ask(daemon, "status").contains("and 3 more: millrace runs --state quarantined --pipeline p --root \(daemon.root.path)"))
    }

    @Test func theLogSaysWhatSucceededWhereItIsAskedTo() throws {
        let daemon = try scene(["--verbose", "--log-format", "json", "--jobs", "1"])
        try daemon.drop(Array("id,x\na,1\nb,2\n".utf8), at: "spool/data/a.csv")
        func entries() throws -> [[String: Any]] {
            try daemon.logText.split(separator: "\n").map {
                try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any], "\($0)")
            }
        }
        try #require(
            try eventually { try entries().contains { $0["message"] as? String == "done" && $0["file.path"] as? String == "a.csv" } })
        let running = try #require(try entries().first { $0["message"] as? String == "running" })
        #expect(running["jobs"] as? Int == 1 && running["pipelines"] as? [String] == ["p"], "\(running)")
        let done = try #require(try entries().first { $0["file.path"] as? String == "a.csv" && $0["message"] as? String == "done" })
        #expect(done["rows"] as? Int == 2 && done["run.id"] as? Int == 2 && done["level"] as? String == "info", "\(done)")
        #expect(done["seconds"] as? Double != nil && done["model.version"] as? Int == 1)
    }

    @Test func eventsCarryTheFileTheReasonAndTheOutputs() throws {
        let daemon = try scene()
        try daemon.drop(Array("id,x\na,1\n".utf8), at: "spool/data/in/a.csv")
        try daemon.drop(Array("id,x\na,none\n".utf8), at: "spool/data/bad.csv")
        try #require(
            try eventually {
                try ask(daemon, "status").contains("1 quarantined, 1 done") || ask(daemon, "status").contains("1 done, 1 quarantined")
            })
        _ = try ask(daemon, "retry", "spool/data/bad.csv")
        try #require(try eventually { try events(daemon).filter { $0["kind"] as? String == "quarantined" }.count == 2 })
        let all = try events(daemon)
        let done = try #require(all.first { $0["kind"] as? String == "done" && $0["role"] as? String == "data" })
        #expect(done["file"] as? String == "in/a.csv" && done["outputs"] as? [String] == [daemon.root("out/outputs/in/a.csv")], "\(done)")
        let bad = try #require(all.first { $0["kind"] as? String == "quarantined" })
        let payload = try #require(bad["payload"] as? [String: Any])
        #expect(bad["file"] as? String == "bad.csv" && (payload["reason"] as? String)?.contains("bad.csv") == true, "\(bad)")
        #expect(payload["remedy"] != nil && payload["rule"] != nil && !"\(payload)".contains("none"), "\(payload)")
        let retry = try #require(all.first { $0["kind"] as? String == "retry" })
        #expect(retry["file"] as? String == "bad.csv" && retry["pipeline"] as? String == "p", "\(retry)")
    }

    private func events(_ daemon: DaemonProcess) throws -> [[String: Any]] {
        try DaemonProcess.command(["events", "--json", "--root", daemon.root.path]).output.split(separator: "\n").map {
            try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        }
    }

    @Test func slipsOfThePenAreNamed() throws {
        let slip = try DaemonProcess.command(["statsu"])
        #expect(slip.status == 2 && slip.error.contains("there is no command statsu; did you mean `millrace status`?"), "\(slip)")
        let retry = try DaemonProcess.command(["retry", "--state", "done"])
        #expect(
            retry.status == 2 && retry.error.contains("quarantined") && retry.error.contains("waiting")
                && !retry.error.contains("superseded"), "\(retry)")
        let replay = try DaemonProcess.command(["replay", "--help"])
        let words = replay.output.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        #expect(words.contains("(values: done, rejected, quarantined)"), "\(replay)")
    }
}
