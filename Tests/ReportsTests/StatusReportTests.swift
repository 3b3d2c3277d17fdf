import Arrivals
import Foundation
import Ledger
import Reasons
import Reports
import TestSupport
import Testing

@Suite struct StatusReportTests {
    @Test func whereNothingArrivedThePipelinesStand() throws {
        let report = try Scene().status()
        #expect(
            report.text == """
                daemon: none works on this root

                p: no version yet
                """)
        let object = try report.object()
        #expect(
            Set(object.keys) == [
                "pauses", "pipelines", "settling", "conditions", "pendingRequests", "pipelineProblems", "outOfForce", "untold",
            ])
    }

    @Test func whatWaitsAndWhatIsBlockedIsListed() throws {
        let scene = try Scene()
        try scene.arrive("waits.csv")
        let bad = try scene.open(try scene.arrive("bad.csv", "id,x\na,?\n"))
        try scene.close(
            bad,
            .quarantined(Explanation(reason: "\(scene.directory("spool/data/bad.csv")): no number", rule: .dataValue, remedy: "Mend it.")))
        try scene.directory.write("PAR1", to: "spool/data/half.parquet")
        let report = try scene.status()
        #expect(report.pipelines.map(\.pipeline) == ["p"])
        #expect(report.settling.map(\.count) == [1])
        let lines = report.lines.map(\.text)
        #expect(lines.contains("p: no version yet") && lines.contains("  data: 1 waiting, 1 quarantined"), "\(report.text)")
        #expect(lines.contains { $0.hasPrefix("    data waits.csv: ") })
        #expect(lines.contains("    data bad.csv: spool/data/bad.csv: no number"), "paths are seen from the root")
        #expect(lines.contains("      Mend it."))
        #expect(lines.contains("  settling, not numbered yet:"))
        #expect(lines.contains { $0.hasPrefix("    data half.parquet: it is not whole: ") })
    }

    @Test func problemsOfPipelineFilesAreTold() throws {
        let scene = try Scene()
        try scene.directory.write("name: q\nspool: 3\n", to: "pipelines/q.yaml")
        let report = try scene.status()
        #expect(!report.pipelineProblems.isEmpty)
        #expect(report.lines.filter { $0.text.hasPrefix("problem: ") }.count == report.pipelineProblems.count)
    }

    @Test func conditionsOfADaemonGoWithIt() {
        let conditions = [
            Condition(.init(.ignored, pipeline: "p", subject: "data"), text: "3 files", since: UTCTime(milliseconds: 0)),
            Condition(.init(.hashing, pipeline: "p", subject: "big.csv"), text: "10 %", since: UTCTime(milliseconds: 0)),
            Condition(.init(.init(rawValue: "newer")), text: "of another build", since: UTCTime(milliseconds: 0)),
        ]
        #expect(StatusConditions(conditions, isRunning: false).lines(of: "p") == ["ignored: 3 files"])
        let running = StatusConditions(conditions, isRunning: true)
        #expect(running.lines(of: "p") == ["ignored: 3 files", "being read: big.csv: 10 %"])
        #expect(running.lines(of: "") == ["newer: of another build"])
    }
}
