import Foundation
import Ledger
import Machine
import PipelineConfig
import Reasons
import Reports
import TestSupport
import Testing

@Suite struct RunReportTests {
    @Test func aRunIsToldWithWhatItPublished() throws {
        let scene = try Scene()
        let run = try scene.score("a.csv")
        let report = try RunReport(ofRun: run, scene.ledger)
        let lines = report.lines.map(\.text)
        #expect(lines.prefix(2) == ["run \(run) of p: done", "  data a.csv, arrival 1"])
        #expect(lines.contains("  by version 1, revision \(scene.pipeline.revision.short), 1 rows"))
        #expect(lines.contains { $0.hasPrefix("  published \(scene.directory("out/outputs/a.csv")), 9 bytes, sha256 ") }, "\(report.text)")
        let object = try report.object()
        #expect((object["publications"] as? [Any])?.count == 1 && object["arrival"] is [String: Any])
    }

    /// What computed the result, and what computed an attempt that failed where that was another.
    @Test func aRunSaysOnWhatItWasMade() throws {
        let scene = try Scene()
        let run = try scene.open(try scene.arrive("a.csv"))
        let machines = ["one: avx2", "two: avx2 avx512f"].map {
            AttemptMachine(processor: $0, engine: "ONNX Runtime", engineVersion: "1.32.0")
        }
        let now = scene.now
        try scene.ledger.write { (ledger) throws(LedgerError) in
            try ledger.attemptFailed(
                [FailedAttempt(run: run, outcome: "resource", error: "disk full", nextAttemptAt: nil, machine: machines[1])], at: now)
            _ = try ledger.open([RunOpening(arrival: 1, version: 1, revision: "r")], at: now)
            try ledger.close([RunClosing(run: run, outcome: .done(verdict: nil), machine: machines[0])], at: now)
        }
        let report = try RunReport(ofRun: run, scene.ledger)
        let lines = report.lines.map(\.text)
        #expect(lines.contains("  on one: avx2, ONNX Runtime 1.32.0"), "\(report.text)")
        #expect(
            lines.contains { $0.contains("disk full") && $0.hasSuffix("; on two: avx2 avx512f, ONNX Runtime 1.32.0") }, "\(report.text)")
        #expect(lines.contains { $0.contains("attempt 2") && !$0.contains(" on one") }, "\(report.text)")
        let machine = (try report.object()["run"] as? [String: Any])?["machine"] as? [String: String]
        #expect(machine?["processor"] == "one: avx2")
        #expect(try scene.explain("a.csv").text.contains("on one: avx2, ONNX Runtime 1.32.0"))
    }

    @Test func aRunThatIsNotThereIsAnError() throws {
        let scene = try Scene()
        #expect(throws: LedgerError.self) { try RunReport(ofRun: 7, scene.ledger) }
    }

    @Test func theNewestRunComesFirst() throws {
        let scene = try Scene()
        #expect(try RunList(RunFilter(limit: 10), scene.ledger).lines == ["no such runs"])
        let (first, second) = (try scene.score("a.csv"), try scene.score("b.csv"))
        let list = try RunList(RunFilter(limit: 10), scene.ledger)
        #expect(list.runs.map(\.number) == [second, first])
        #expect(list.lines.count == 3 && list.lines[0].text.hasPrefix("RUN  OPENED") && list.lines[1].text.hasSuffix("data b.csv"))
    }

    @Test func aPipelineWithoutModelsSaysWhatToDo() throws {
        let scene = try Scene()
        #expect(try ModelsReport(of: "p", scene.ledger).lines == ["p has no model yet: drop one into its models spool"])
    }

    @Test func eventsAreOneLineEach() throws {
        let scene = try Scene()
        let (now, event) = (scene.now, NewEvent("paused", pipeline: "p\n", payload: #"{"by":"request 1"}"#))
        try scene.ledger.write { (ledger) throws(LedgerError) in try ledger.append([event], at: now) }
        let told = try #require(try scene.ledger.events(after: 0).last)
        #expect(told.line.text.hasSuffix(#"  paused  p\n  {"by":"request 1"}"#), "\(told.line)")
        let object = try #require(try JSONSerialization.jsonObject(with: Data(try told.jsonLine().utf8)) as? [String: Any])
        #expect(object["payload"] as? [String: String] == ["by": "request 1"])
        #expect(try !told.jsonLine().contains("\n"))
    }
}
