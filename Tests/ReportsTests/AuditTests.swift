import Foundation
import Ledger
import PipelineConfig
import Reports
import TestSupport
import Testing

@Suite struct AuditTests {
    private func audit(_ scene: Scene, comparesDigests: Bool = true) throws -> Audit {
        try Audit(ledger: scene.ledger, settings: try scene.root.settings, comparesDigests: comparesDigests)
    }

    @Test func nothingDiffersWhereAllIsInPlace() throws {
        let scene = try Scene()
        try scene.score("a.csv")
        let report = try audit(scene)
        #expect(report.lines == ["1 published file and 0 model versions compared by digest: 0 differences"])
        #expect(Set(try report.object().keys) == ["checkedFiles", "checkedVersions", "differences"])
    }

    @Test func missingLongerAndOtherOutputsAreFound() throws {
        let scene = try Scene()
        for name in ["gone", "longer", "other"] { try scene.score(name + ".csv") }
        try FileManager.default.removeItem(atPath: scene.directory("out/outputs/gone.csv"))
        try scene.directory.write("id,y\na,22\n", to: "out/outputs/longer.csv")
        try scene.directory.write("id,y\na,3\n", to: "out/outputs/other.csv")
        let report = try audit(scene)
        #expect(report.differences.map(\.kind) == [.missing, .size, .digest], "\(report.text)")
        #expect(report.differences[0].remedy == "Put it back, or millrace replay gone.csv.")
        #expect(report.lines.last?.text.hasSuffix("compared by digest: 3 differences") == true)
        #expect(try audit(scene, comparesDigests: false).differences.map(\.kind) == [.missing, .size])
    }

    @Test func whatADaemonLeftIsFound() throws {
        let scene = try Scene()
        let run = try scene.open(try scene.arrive("a.csv"))
        try scene.directory.write("half", to: ".millrace/staging/work/1/out.csv")
        let report = try audit(scene)
        #expect(report.differences.map(\.kind) == [.openRun, .leftover], "\(report.text)")
        #expect(report.differences[0].what.hasPrefix("run \(run) of p is open"))
    }
}
