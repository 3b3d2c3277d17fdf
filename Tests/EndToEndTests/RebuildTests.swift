import Foundation
import TestSupport
import Testing

/// A lost ledger comes back from what lies beside the outputs (SEMANTICS 15), and nothing is done twice.
@Suite struct RebuildTests {
    private static let pipeline = """
        name: p
        spool: { models: spool/models, data: spool/data }
        settle: { quiet: 200ms }
        schema: { key: [id], keep: [id] }
        stages: [ deserialize: {}, forward: {} ]
        land: { models: { path: out/models, keep: 1 }, outputs: { path: out/outputs, format: csv } }
        """

    private func command(_ arguments: [String], _ root: TemporaryDirectory) throws -> DaemonProcess.CommandOutput {
        try DaemonProcess.command(arguments + ["--root", root.path])
    }

    @Test func everythingPublishedComesBackAndNothingIsDoneTwice() throws {
        let root = try TemporaryDirectory("rebuild")
        try root.write(Self.pipeline, to: "pipelines/p.yaml")
        func once() throws -> DaemonProcess.CommandOutput {
            usleep(300_000)
            return try command(["run", "--once", root("pipelines/p.yaml")], root)
        }
        try root.write(TinyModel.adding(1), to: "spool/models/first.onnx")
        try root.write("id,x\na,1\n", to: "spool/data/a.csv")
        #expect(try once().status == 0)
        try root.write(TinyModel.adding(2), to: "spool/models/second.onnx")
        try root.write("id,x\nb,1\n", to: "spool/data/b.csv")
        try root.write("id,x\na,5\n", to: "spool/data/a.csv")
        #expect(try once().status == 0)
        try root.write("id,x\nc,word\n", to: "spool/data/c.csv")
        #expect(try once().status == 1)
        let before = try command(["models", "p", "--json"], root).output
        let outputs = root.files().filter { $0.hasPrefix("out/") && !$0.contains("_millrace") }
        #expect(!outputs.contains("out/models/1/card.json"), "version 1 is pruned: \(outputs)")

        try FileManager.default.removeItem(atPath: root(".millrace"))
        let rebuilt = try command(["rebuild"], root)
        #expect(
            rebuilt.status == 0 && rebuilt.output == "p: 3 outputs, 2 model versions, version 2 active\n",
            "\(rebuilt.output)\(rebuilt.error)")
        let again = try once()
        #expect(again.status == 1, "c.csv is tried again: \(again.error)")
        #expect(root.files().filter { $0.hasPrefix("out/") && !$0.contains("_millrace") } == outputs)
        #expect(try root.read("out/outputs/a.csv") == Array("id,y\na,7.0\n".utf8))
        let runs = try command(["runs", "--json"], root).output
        #expect(runs.components(separatedBy: "\"run\"").count == 1 + 6, "three outputs, two versions, and c.csv: \(runs)")
        func numbers(_ text: String) -> [Substring] {
            text.split(separator: "\n").filter { $0.contains("\"version\"") || $0.contains("isActive") }
        }
        #expect(numbers(try command(["models", "p", "--json"], root).output) == numbers(before))
        #expect(try command(["check"], root).status == 0)
        try root.write("id,x\nd,1\n", to: "spool/data/d.csv")
        _ = try once()
        #expect(try root.read("out/outputs/d.csv") == Array("id,y\nd,3.0\n".utf8))
    }

    /// An adapter is half of its version: checked, restored, pruned with it, and gone on from.
    @Test func adaptersBesideTheirModelComeBackToo() throws {
        let root = try TemporaryDirectory("rebuild")
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
                    { loss: mean_squared_error, optimizer: { sgd: { learning_rate: 0.05 } }, epochs: 100, batch_size: 100, train_on: new,
                      adapters: { rank: 1, targets: [addend], merge: false } }
              - forward: {}
            land: { models: { path: out/models, keep: 1 }, outputs: { path: out/outputs, format: csv } }
            """, to: "pipelines/p.yaml")
        func once() throws {
            usleep(300_000)
            let answer = try command(["run", "--once", root("pipelines/p.yaml")], root)
            try #require(answer.status == 0, "\(answer.error)")
        }
        func labels(_ addend: Double, _ name: String) throws {
            try root.write(
                "id,x,y\n" + (0..<200).map { "l\($0),\(Double($0) / 2),\(Double($0) / 2 + addend)\n" }.joined(),
                to: "spool/labelled/\(name)")
        }
        func scored(_ name: String) throws -> Double {
            try root.write("id,x\na,1\n", to: "spool/data/\(name).csv")
            try once()
            let text = String(decoding: try root.read("out/outputs/\(name).csv"), as: UTF8.self)
            return Double(text.split(separator: "\n").last?.split(separator: ",").last ?? "") ?? .nan
        }
        try root.write(TinyModel.addingProduct(1), to: "spool/models/m.onnx")
        try once()
        let first = try root.read("out/models/1/model.onnx")
        try labels(3, "l.csv")
        try once()
        #expect(try root.read("out/models/2/model.onnx") == first)
        #expect(abs(try scored("before") - 4) < 1e-4)
        #expect(!root.files().contains("out/models/1/model.onnx"), "version 1 is pruned")
        #expect(try command(["check"], root).status == 0)

        try FileManager.default.removeItem(atPath: root(".millrace"))
        let rebuilt = try command(["rebuild"], root)
        #expect(rebuilt.output == "p: 1 outputs, 2 model versions, version 2 active\n", "\(rebuilt.output)\(rebuilt.error)")
        #expect(try command(["check"], root).status == 0)
        #expect(abs(try scored("after") - 4) < 1e-4)
        try labels(4, "k.csv")
        try once()
        #expect(try root.read("out/models/3/model.onnx") == first)
        #expect(abs(try scored("last") - 5) < 1e-4)
        #expect(try command(["check"], root).status == 0)

        // Without its adapter it is another model: said by `check`, and nothing is scored by it.
        try FileManager.default.removeItem(atPath: root("out/models/3/adapter.safetensors"))
        let check = try command(["check"], root)
        #expect(check.status == 1 && check.output.contains("adapter.safetensors"), "\(check.output)")
        try root.write("id,x\na,1\n", to: "spool/data/none.csv")
        usleep(300_000)
        let broken = try command(["run", "--once", root("pipelines/p.yaml")], root)
        #expect(broken.status != 0 && !root.files().contains("out/outputs/none.csv"), "\(broken.error)")
    }

    @Test func notBesideADaemonNorWithAPipelineThatCannotBeRead() throws {
        let daemon = try DaemonProcess("rebuild")
        try daemon.root.write(Self.pipeline, to: "pipelines/p.yaml")
        try daemon.start()
        #expect(eventually { daemon.logText.contains("notice running") })
        #expect(try command(["rebuild"], daemon.root).status == 4)
        #expect(daemon.stop() == 0)
        try daemon.root.write(Self.pipeline.replacing("format: csv", with: "fromat: csv"), to: "pipelines/p.yaml")
        #expect(try command(["rebuild"], daemon.root).status == 2)
    }
}
