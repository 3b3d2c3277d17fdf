import Foundation
import Ledger
import Recipes
import TestSupport
import Testing

/// Tables as other tools leave them: without rows, in pieces under Hive's folders, with keys that a join needs as numbers.
@Suite struct TablesAsTheyComeTests {
    private static let repository = ProjectScript.repository
    private static let hasOracle = FileManager.default.isExecutableFile(atPath: repository + "/.deps/oracle/bin/python")

    private func world(_ schema: String, format: String = "parquet", data: String = "{ path: spool/data, include: all }") throws
        -> TemporaryDirectory
    {
        let root = try TemporaryDirectory("tables")
        try root.write(
            """
            name: p
            spool: { models: spool/models, data: \(data) }
            settle: { quiet: 200ms }
            schema: \(schema)
            stages: [ deserialize: {}, forward: {} ]
            land: { models: out/models, outputs: { path: out/o, format: \(format) } }
            on_error: { attempts: 2, backoff: 100ms }

            """, to: "p.yaml")
        try root.write(TinyModel.adding(1), to: "spool/models/m.onnx")
        return root
    }

    private func once(_ root: TemporaryDirectory, _ arguments: [String] = []) throws -> DaemonProcess.CommandOutput {
        var done: DaemonProcess.CommandOutput
        repeat {
            usleep(400_000)
            done = try DaemonProcess.command(["run", "--once", root("p.yaml"), "--root", root.path] + arguments)
        } while done.status == 3
        return done
    }

    private func python(_ script: String, _ arguments: [String]) throws -> String {
        let process = Process(), pipe = Pipe()
        process.executableURL = URL(fileURLWithPath: Self.repository + "/.deps/oracle/bin/python")
        process.arguments = ["-c", script] + arguments
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let said = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return said.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    private func explained(_ path: String, _ root: TemporaryDirectory) throws -> String {
        try DaemonProcess.command(["explain", root("spool/data/" + path), "--root", root.path]).output
    }

    // MARK: Kept columns

    @Test(.enabled(if: hasOracle))
    func aJoinByTheKeyWorks() throws {
        let root = try world("{ key: [id], inputs: { x: [x] } }")
        try root.write("id,x\n3,1\n1,2\n2,3\n", to: "spool/data/a.csv")
        #expect(try once(root).status == 0)
        let said = try python(
            """
            import sys, pandas as pd
            m = pd.read_csv(sys.argv[1]).merge(pd.read_parquet(sys.argv[2]), on='id')
            print(m['y'].tolist(), m['x'].tolist())
            """,
            [root("spool/data/a.csv"), root("out/o/a.parquet")])
        #expect(said == "[2.0, 3.0, 4.0] [1, 2, 3]")
    }

    /// The first file by number pins the type, however many run beside it, and a lost ledger has it again.
    @Test(.enabled(if: hasOracle))
    func theFirstFilePinsTheType() throws {
        let root = try world("{ key: [id], inputs: { x: [x] } }")
        // The first by time is the largest, so that the others would be done before it.
        try root.write("id,x\n" + (0..<150_000).map { "\($0),1\n" }.joined() + "k1,1\n", to: "spool/data/a.csv")
        usleep(20_000)
        for name in ["b", "c", "d"] { try root.write("id,x\n1,1\n2,2\n", to: "spool/data/\(name).csv") }
        #expect(try once(root, ["--jobs", "2"]).status == 0)
        let types = "import sys, pyarrow.parquet as pq; print(*[pq.read_schema(p).field('id').type for p in sys.argv[1:]])"
        let outputs = ["a", "b", "c", "d"].map { root("out/o/\($0).parquet") }
        #expect(try python(types, outputs) == "string string string string")

        try FileManager.default.removeItem(atPath: root(".millrace"))
        #expect(try DaemonProcess.command(["rebuild", root("p.yaml"), "--root", root.path]).status == 0)
        try root.write("id,x\n7,1\n", to: "spool/data/e.csv")
        #expect(try once(root).status == 0)
        #expect(try python(types, [root("out/o/e.parquet")]) == "string")
    }

    @Test func aLaterFileThatDoesNotFitIsToldTheKey() throws {
        let root = try world("{ key: [id], inputs: { x: [x] } }", format: "jsonl")
        try root.write("id,x\n", to: "spool/data/none.csv")
        #expect(try once(root).status == 0)
        try root.write("id,x\n12,1\n,2\n", to: "spool/data/a.csv")
        #expect(try once(root).status == 0)
        try root.write("id,x\n13,1\n012,1\n", to: "spool/data/b.csv")
        #expect(try once(root).status == 1)
        let reason = try explained("b.csv", root)
        #expect(reason.contains("schema.types") && reason.contains("row 2") && reason.contains("int64"), "\(reason)")
        #expect(try String(decoding: root.read("out/o/a.jsonl"), as: UTF8.self) == "{\"id\":12,\"y\":2.0}\n{\"id\":null,\"y\":3.0}\n")
        let manifest = root.files().filter { $0.contains("_millrace/manifest") }
        let lines = try manifest.flatMap { String(decoding: try root.read($0), as: UTF8.self).split(separator: "\n") }
        #expect(lines.count == 2 && lines.filter { $0.contains("\"pins\":{\"types\":{\"id\":\"int64\"}}") }.count == 1, "\(lines)")
    }

    // MARK: No rows

    @Test func aTableWithoutRowsIsDone() throws {
        let root = try world("{ key: [id], inputs: { x: [x] } }", format: "csv")
        try root.write("id,x\n", to: "spool/data/part-1.csv")
        try root.write("", to: "spool/data/part-2.json")
        let done = try once(root)
        #expect(done.status == 0, "\(done.error)")
        let outputs = root.files().filter { $0.hasPrefix("out/o/") && !$0.contains("_millrace") }
        #expect(outputs.contains("out/o/part-1.csv") && outputs.contains("out/o/part-2.csv"), "\(outputs) \(done.error)")
        #expect(try String(decoding: root.read("out/o/part-1.csv"), as: UTF8.self) == "id,y\n")
        #expect(try String(decoding: root.read("out/o/part-2.csv"), as: UTF8.self) == "id,y\n")
    }

    /// It teaches nothing and harms nothing: the version in force stays, and the next labels are learnt from.
    @Test func aLabelledFileWithoutRowsIsDone() throws {
        let root = try TemporaryDirectory("tables")
        try root.write(
            """
            name: p
            spool: { models: spool/models, labelled: spool/labelled, data: spool/data }
            settle: { quiet: 200ms }
            schema: { label: target, inputs: { x: [x] } }
            stages:
              - deserialize: {}
              - optimize: { gradient: { loss: mean_squared_error, epochs: 2, batch_size: 4, validation: 0, train: [addend] } }
              - forward: {}
            land: { models: out/models, outputs: { path: out/o, format: csv } }

            """, to: "p.yaml")
        try root.write(TinyModel.adding(1), to: "spool/models/m.onnx")
        #expect(try once(root).status == 0)
        try root.write("x,target\n", to: "spool/labelled/none.csv")
        try root.write("", to: "spool/labelled/none.jsonl")
        let done = try once(root)
        #expect(done.status == 0, "\(done.error)")
        let explained = try DaemonProcess.command(["explain", root("spool/labelled/none.csv"), "--root", root.path]).output
        #expect(explained.contains("no rows to learn from"), "\(explained)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: root("out/models")).filter { Int($0) != nil } == ["1"])
        try root.write("x,target\n" + (0..<8).map { "\($0),\($0 + 3)\n" }.joined(), to: "spool/labelled/some.csv")
        #expect(try once(root).status == 0)
        #expect(try FileManager.default.contentsOfDirectory(atPath: root("out/models")).filter { Int($0) != nil }.sorted() == ["1", "2"])
    }

    @Test func aCSVWithoutBytesIsRefusedByName() throws {
        let root = try world("{ inputs: { x: [x] } }")
        try root.write("", to: "spool/data/a.csv")
        #expect(try once(root).status == 1)
        #expect(try explained("a.csv", root).contains("the file is empty"))
    }

    // MARK: Names

    @Test func suffixesAndFoldersAsTheyCome() throws {
        let root = try world("{ key: [date, id], keep: [date, id], inputs: { x: [store] } }", format: "csv")
        try root.write("id\n7\n", to: "spool/data/date=2024-01-01/store=4/F1.CSV")
        try root.write("{\"id\":8}\n", to: "spool/data/date=2024-01-02/store=5/x.JSON")
        #expect(try once(root).status == 0)
        #expect(try String(decoding: root.read("out/o/date=2024-01-01/store=4/F1.csv"), as: UTF8.self) == "date,id,y\n2024-01-01,7,5.0\n")
        #expect(try String(decoding: root.read("out/o/date=2024-01-02/store=5/x.csv"), as: UTF8.self) == "date,id,y\n2024-01-02,8,6.0\n")
    }

    @Test func aPipelineWithoutPatternsTakesWhatItTook() throws {
        let root = try world("{ inputs: { x: [x] } }", format: "csv", data: "spool/data")
        for name in ["a.json", "A.CSV", "a.tsv"] { try root.write("x\n1\n", to: "spool/data/" + name) }
        #expect(try once(root).status == 0)
        #expect(!root.files().contains { $0.hasPrefix("out/o/") })
    }

    // MARK: What is something else

    @Test func aPointerIsNamedAtOnce() throws {
        let daemon = try DaemonProcess("pointer")
        let root = daemon.root
        try root.write(
            """
            name: p
            spool: { models: spool/models, data: spool/data }
            settle: { quiet: 200ms }
            stages: [ deserialize: {}, forward: {} ]
            land: { models: out/models, outputs: { path: out/o, format: csv } }
            """, to: "pipelines/p.yaml")
        let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
        try root.write(pointer, to: "spool/models/m.onnx")
        try root.write(pointer, to: "spool/data/d.csv")
        try daemon.start()
        #expect(eventually { daemon.logText.components(separatedBy: "Git LFS pointer").count == 3 }, "\(daemon.logText)")
        let status = try DaemonProcess.command(["status", "--root", root.path]).output
        #expect(status.contains("model m.onnx: ") && status.components(separatedBy: "Git LFS pointer").count == 3, "\(status)")
        // Its writer may still be at work: nothing is decided.
        #expect(!root.files().contains { $0.hasPrefix("quarantine") })
        try daemon.drop(TinyModel.adding(1), at: "spool/models/m.onnx")
        try daemon.drop(Array("x\n1\n".utf8), at: "spool/data/d.csv")
        #expect(eventually { root.files().contains("out/o/d.csv") })
        #expect(daemon.stop() == 0)
        let forward = try DaemonProcess.command(["forward", try root.write(pointer, to: "n.onnx"), root("spool/data/d.csv"), root("o.csv")])
        #expect(forward.status != 0 && forward.error.contains("git lfs pull"), "\(forward.error)")
    }
}
