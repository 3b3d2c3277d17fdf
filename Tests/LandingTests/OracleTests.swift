import FileSystem
import Foundation
import Landing
import Reasons
import SystemPackage
import TestSupport
import Testing

/// The judge of the kill test, judged: it passes what rounds publish and names each damage.
@Suite struct OracleTests {
    private func judge(_ arguments: [String]) throws -> (status: Int32, said: String) { try ProjectScript.run("oracle-landing", arguments) }

    /// Three inputs with their outputs, one refused input, one model version.
    private func published() throws -> Scene {
        let scene = try Scene("oracle")
        var outputs: [StagedOutput] = []
        for (run, name) in [(1, "a.csv"), (2, "sub/b.csv"), (3, "c.csv")] as [(Int64, String)] {
            let input = "id,x\n\(run)1,0.5\n\(run)2,\"1\n2\"\n"
            let path = try scene.folder.write(input, to: "root/spool/" + name)
            let staged = try scene.stage(name, "id,p\n\(run)1,1\n\(run)2,0\n", run: run)
            outputs.append(
                StagedOutput(
                    run: run, staged: staged.staged, file: staged.file,
                    provenance: Provenance(
                        pipeline: "digits", input: name, inputDigest: try FileDigest.of(FilePath(path)).digest, rows: 2, modelVersion: 1,
                        modelDigest: nil, revision: "r", arrival: run + 1)))
        }
        for result in try scene.round().publish(outputs, intend: allow) { _ = try result.get() }
        let bad = try scene.folder.write("nonsense\n", to: "root/spool/bad.csv")
        try Quarantine(path: scene.root.appending("bad"), area: scene.area).explain(
            QuarantineReason(
                pipeline: "digits", path: "bad.csv", digest: try FileDigest.of(FilePath(bad)).digest, what: "no columns", place: nil,
                rule: .dataColumns, remedy: "Add them.", attempts: [], quarantinedAt: "2026-11-23T00:00:00.000Z"),
            relative: "bad.csv")
        let models = ModelVersionDirectory(path: scene.root.appending("models"), area: scene.area)
        let graph = scene.area.file(run: 9, attempt: 1, name: "model.onnx")
        try Data("graph".utf8).write(to: URL(fileURLWithPath: graph.string))
        let card = Card(
            pipeline: "digits", version: 1, revision: "r", verdict: .ungated, arrival: 1, arrivalPath: "m.onnx", arrivalDigest: "d",
            tool: .init(name: "millrace", version: "0.1"))
        try models.land(try models.stage(run: 9, attempt: 1, files: [.init(name: "model.onnx", staged: graph)], card: card))
        try models.activate(1)
        return scene
    }

    private func check(_ scene: Scene) throws -> (status: Int32, said: String) {
        let root = scene.root.string
        return try judge([
            "check", "--root", root, "--pipeline", "digits", "--spool", root + "/spool", "--outputs", root + "/out", "--models",
            root + "/models", "--quarantine", root + "/bad", "--key", "id",
        ])
    }

    @Test func whatRoundsPublishIsRight() throws {
        let scene = try published()
        let (exit, text) = try check(scene)
        #expect(exit == 0, "\(text)")
        #expect(text.contains("\"inputs\": 4") && text.contains("\"outputs\": 3") && text.contains("\"keys\": 6"))
        let watched = try judge(["watch", "--outputs", scene.out.string, "--models", scene.folder("root/models"), "--seconds", "0.01"])
        #expect(watched.status == 0 && watched.said.contains("\"reads\": 6"), "\(watched.said)")
    }

    private static let damages: [(path: String, text: String?, complaint: String)] = [
        ("out/a.csv", nil, "output a.csv of run 1 is missing"),
        ("out/a.csv", "id,p\n11,1\n12,1\n", "output a.csv is not what the manifest says"),
        ("out/a.csv", "id,p\n11,1\n", "has 1 rows, its input 2"),
        ("out/a.csv", "id,p\n12,1\n11,0\n", "not that of its input, in its order"),
        ("out/a.csv", "id,p\n11,1\n12", "output a.csv is not whole"),
        ("out/d.csv", "id,p\n", "output d.csv is in no manifest"),
        ("out/sub/.b.csv.X", "", "output root holds sub/.b.csv.X"),
        ("out/_millrace/manifest-20261123-digits.jsonl", "{\"path\":\"a", "the last line is cut"),
        ("spool/new.csv", "id,x\n1,2\n", "input new.csv has 0 outputs"),
        ("spool/a.csv", "id,x\n1,2\n", "the output of a.csv is of other content"),
        ("spool/a.csv", nil, "there is an output of a.csv, which is no input"),
        ("bad/bad.csv.reason.json", nil, "input bad.csv has 0 outputs"),
        ("models/1/model.onnx", "graph!", "version 1: model.onnx does not match the card"),
        ("models/1/extra", "", "extra is not on the card"),
        ("models/ACTIVE", "2\n", "there is no such version"),
        (".millrace/staging/work/7-1-x.csv", "", "staging holds"),
        (".millrace/staging/held/x/0", "", "staging holds"),
    ]

    @Test(arguments: damages.indices) func eachDamageIsNamed(index: Int) throws {
        let damage = Self.damages[index]
        let scene = try published()
        if let text = damage.text {
            try scene.folder.write(text, to: "root/" + damage.path)
        } else {
            try FileManager.default.removeItem(atPath: scene.folder("root/" + damage.path))
        }
        let (exit, text) = try check(scene)
        #expect(exit == 1 && text.contains(damage.complaint), "\(text)")
    }

    @Test(arguments: [
        ("a.csv", "x,y\n1,2\n3"), ("a.csv", ""), ("a.jsonl", "{\"a\":1}\n{\"a\""), ("a.parquet", "PAR1 and no end"), ("a.json", "{"),
        ("a.npy", "\u{7F}NUMPY"), ("a.arrow", "ARROW1"), ("a.csv.gz", "not gzip"),
    ])
    func theWatchSeesPartsOfFiles(name: String, text: String) throws {
        let folder = try TemporaryDirectory("watch")
        try folder.write(text, to: name)
        let found = try judge(["--watch", "--outputs", folder.path, "--seconds", "0.01"])
        #expect(found.status == 1 && found.said.contains(name), "\(found.said)")
    }
}
