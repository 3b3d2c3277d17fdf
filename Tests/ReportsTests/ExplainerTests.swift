import Arrivals
import Foundation
import Ledger
import PipelineConfig
import Reports
import TestSupport
import Testing

@Suite struct ExplainerTests {
    @Test(arguments: [
        ("spool/data/there.csv", FileVerdict.Word.waiting, "settle.quiet"),
        ("spool/data/.hidden.csv", .ignored, "name.hidden"),
        ("spool/data/in.csv", .ignored, "spool.directory"),
        ("spool/data/in.csv/a.bin", .ignored, "name.include"),
        ("spool/data/missing.csv", .notThere, "input.gone"),
        ("spool/models/missing/m.onnx", .notThere, "input.gone"),
        ("out/outputs/there.csv", .notWatched, "spool.outside"),
        ("elsewhere.csv", .notThere, "spool.outside"),
    ])
    func theRulesAnswerForFilesThatNobodyNumbered(_ file: String, _ word: FileVerdict.Word, _ rule: String) throws {
        let scene = try Scene()
        for path in ["spool/data/there.csv", "spool/data/.hidden.csv", "spool/data/in.csv/a.bin", "out/outputs/there.csv"] {
            try scene.directory.write("id,x\n", to: path)
        }
        for knows in [true, false] {
            let reports = try scene.explain(scene.directory(file), knows: knows)
            #expect(reports.files.map(\.verdict) == [word] && reports.files.map { "\($0.rule)" } == [rule], "\(reports.text)")
            #expect(reports.text.contains("there is no ledger") != knows)
        }
    }

    @Test func whatIsDoneIsToldWithItsRuns() throws {
        let scene = try Scene()
        let run = try scene.score("a.csv")
        let reports = try scene.explain("a.csv")
        let report = try #require(reports.files.first)
        #expect(report.verdict == .done && report.reason == "scored by version 1, in run \(run)" && report.path == "a.csv")
        let lines = report.lines.map(\.text)
        #expect(lines.contains("  pipeline    p, data a.csv"))
        #expect(lines.contains("    found complete at once: it was renamed into place (renamed)"))
        #expect(lines.contains("      1.500 s: forward 1.000 s, read 0.250 s"))
        let object = try reports.object()
        #expect(object["verdict"] as? String == "done" && (object["visits"] as? [Any])?.count == 1)
    }

    @Test func aChangedFileWaitsAgain() throws {
        let scene = try Scene()
        try scene.score("a.csv")
        try scene.directory.write("id,x\nb,2\n", to: "spool/data/a.csv")
        let report = try #require(try scene.explain("spool/data/a.csv").files.first)
        #expect(report.verdict == .waiting && report.reason == "it has changed since arrival 1, which is done")
    }

    @Test func anOutputIsExplainedByItsInput() throws {
        let scene = try Scene()
        let run = try scene.score("a.csv")
        let report = try #require(try scene.explain(scene.directory("out/outputs/a.csv")).files.first)
        #expect(report.verdict == .done && report.publication?.run == run)
        #expect(report.reason == "it is the output of a.csv, published by run \(run)")
    }

    @Test func spoolsAreFoundThroughLinksAndNotByTheirPrefix() throws {
        let scene = try Scene()
        let map = SpoolMap(pipelines: [scene.pipeline])
        try FileManager.default.createSymbolicLink(atPath: scene.directory("link"), withDestinationPath: scene.directory("spool"))
        #expect(map.place(of: scene.directory("spool/data/in/a.csv"))?.relativePath == "in/a.csv")
        #expect(map.place(of: scene.directory("link/data/a.csv"))?.relativePath == "a.csv")
        #expect(map.place(of: scene.directory("spool/models/m.onnx"))?.role == .model)
        #expect(map.place(of: scene.directory("spool/data2/a.csv")) == nil && map.place(of: scene.directory("spool/data")) == nil)
    }
}
