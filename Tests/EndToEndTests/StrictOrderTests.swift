import Foundation
import Ledger
import TestSupport
import Testing

/// `order: strict`: what data waits for, in the words of the commands.
@Suite(.serialized) struct StrictOrderTests {
    /// It trains for longer than any test takes.
    private static let pipeline = """
        name: p
        spool: { models: spool/models, labelled: spool/labelled, data: spool/data }
        settle: { quiet: 200ms }
        schema: { key: [id], keep: [id], label: y, inputs: { x: { columns: x } } }
        stages:
          - deserialize: {}
          - optimize:
              gradient:
                { loss: mean_squared_error, optimizer: { sgd: { learning_rate: 1.0e-6 } }, epochs: 100000, batch_size: 4,
                  train: [addend] }
              gate: { metric: mae, rows_at_least: 1 }
          - forward: {}
        land: { models: out/models, outputs: { path: out/outputs, format: csv } }
        order: strict
        """

    /// Model 1 is in use, the labels 2 are trained on and the data 3 waits for that; the daemon is gone meanwhile.
    private func scene() throws -> TemporaryDirectory {
        let daemon = try DaemonProcess("strict")
        let root = daemon.root
        try root.write(Self.pipeline, to: "pipelines/p.yaml")
        try daemon.start()
        func states() throws -> [ArrivalState] {
            let ledger = try RunLedger(stateDirectory: root(".millrace"), readOnly: true)
            return try (1...3).compactMap { try ledger.arrival($0)?.state }
        }
        try #require(eventually { daemon.logText.contains("notice running") }, "\(daemon.logText)")
        try daemon.drop(TinyModel.adding(1), at: "spool/models/m.onnx")
        try #require(try eventually { try states() == [.done] }, "\(daemon.logText)")
        let rows = (0..<40).map { "l\($0),\($0),\($0 + 2)\n" }.joined()
        try daemon.drop(Array(("id,x,y\n" + rows).utf8), at: "spool/labelled/l.csv")
        try #require(try eventually { try states() == [.done, .running] }, "\(daemon.logText)")
        try daemon.drop(Array("id,x\na,1\n".utf8), at: "spool/data/a.csv")
        try #require(try eventually { try states() == [.done, .running, .waiting] }, "\(daemon.logText)")
        daemon.kill()
        return root
    }

    @Test func commandsSayWhichLabelsDataWaitsFor() throws {
        let root = try scene()
        func say(_ words: String...) throws -> String {
            let answer = try DaemonProcess.command(words + ["--root", root.path], in: root.path)
            #expect(answer.status == 0, "\(words): \(answer.error)")
            return answer.output
        }
        let status = try say("status")
        #expect(status.contains("for the training on l.csv (arrival 2) to end"), "\(status)")

        // By its path, as the ledger spells it, and by another name of the same file, which is in no spool.
        try FileManager.default.createDirectory(atPath: root("elsewhere"), withIntermediateDirectories: true)
        try FileManager.default.linkItem(atPath: root("spool/data/a.csv"), toPath: root("elsewhere/a.csv"))
        for file in ["spool/data/a.csv", "a.csv", "elsewhere/a.csv"] {
            let said = try say("explain", file)
            #expect(said.contains("why         labelled l.csv, arrival 2, came before it and is not decided yet"), "\(file): \(said)")
            #expect(said.contains("with `order: strict` data waits for that too"), "\(file): \(said)")
        }
        let json = try say("explain", "a.csv", "--json")
        #expect(json.contains("forLabels"), "\(json)")

        // What has no number yet will have a greater one.
        try root.write("id,x\nb,1\n", to: "spool/data/b.csv")
        let settling = try say("explain", "spool/data/b.csv")
        #expect(settling.contains("; then, with order: strict, it waits for the training on l.csv (arrival 2) to end"), "\(settling)")
        try root.write("id,x,y\nb,1,2\n", to: "spool/labelled/b.csv")
        let labels = try say("explain", "spool/labelled/b.csv")
        #expect(!labels.contains("strict"), "\(labels)")

        // Where its pipeline's file is not at hand, the order is not known.
        try FileManager.default.moveItem(atPath: root("pipelines"), toPath: root("gone"))
        let unknown = try say("explain", "spool/data/a.csv")
        #expect(unknown.contains("if p has order: strict, it waits for the training on l.csv (arrival 2) to end"), "\(unknown)")
        #expect(try !say("explain", "spool/labelled/l.csv").contains("strict"))

        // Where it is not strict, data waits for no labels.
        try root.write(Self.pipeline.replacing("order: strict", with: "order: models"), to: "pipelines/p.yaml")
        #expect(try !say("explain", "a.csv").contains("l.csv"))
        #expect(try !say("explain", "spool/data/b.csv").contains("l.csv"))
    }
}
