import Ledger
import PipelineConfig
import Reports
import TestSupport
import Testing

@Suite struct PlanReportTests {
    @Test func aNewPipelineHasNothingToRedo() throws {
        let scene = try Scene()
        let report = try PlanReport(of: scene.lint(), scene.ledger)
        #expect(report.pipelines.map(\.isNew) == [true] && report.removed.isEmpty && report.problems.isEmpty)
        #expect(report.lines.count == 1 && report.lines[0].text.hasSuffix(", new"))
    }

    @Test func whatIsDoneUnderAnotherRevisionIsCounted() throws {
        let scene = try Scene()
        try scene.score("a.csv", revision: "before")
        try scene.score("b.csv", revision: "before")
        try scene.score("c.csv")
        try scene.arrive("d.csv")
        let report = try PlanReport(of: scene.lint(), scene.ledger)
        let plan = try #require(report.pipelines.first)
        #expect(plan.outdated.map(\.revision) == ["before"] && plan.outdated.first?.counts == ["data": 2])
        #expect(plan.waiting == ["data": 1] && plan.elsewhere.isEmpty)
        #expect(report.lines.contains("  done under revision before: 2 data, such as a.csv, b.csv"), "\(report.text)")
    }

    /// The revision depends on the key of hashes: who may not read it cannot be told that all is to be redone.
    @Test func withoutTheKeyOfHashesNothingIsSaidOfWhatIsToBeRedone() throws {
        let scene = try Scene()
        try scene.score("a.csv")
        try scene.directory.write(Scene.yaml + "\nprivacy: { hash: [id] }\n", to: "pipelines/p.yaml")
        let plan = try #require(try PlanReport(of: scene.lint(), scene.ledger).pipelines.first)
        #expect(plan.revision == nil && plan.outdated.isEmpty)
        #expect(plan.text.contains("revision not known") && plan.text.contains("the key of its hashes cannot be read here"), "\(plan.text)")
        #expect(!plan.text.contains("would be redone\n") && !plan.text.contains("nothing that is done"), "\(plan.text)")
    }

    @Test func outputsThatAnEditLeavesElsewhereAreTold() throws {
        let scene = try Scene()
        try scene.score("a.csv")
        try scene.directory.write(Scene.yaml.replacing("format: csv", with: "format: parquet"), to: "pipelines/p.yaml")
        let plan = try #require(try PlanReport(of: scene.lint(), scene.ledger).pipelines.first)
        #expect(plan.elsewhere.map(\.suffix) == ["csv"] && plan.elsewhere.map(\.count) == [1])
        #expect(plan.text.contains("  1 output in \(scene.directory("out/outputs")) as .csv: a replay"), "\(plan.text)")
    }

    @Test func aPipelineThatNoFileNamesIsTold() throws {
        let scene = try Scene()
        try scene.score("a.csv")
        try scene.directory.write(Scene.yaml.replacing("name: p", with: "name: q"), to: "pipelines/p.yaml")
        let report = try PlanReport(of: scene.lint(), scene.ledger)
        #expect(report.removed == ["p"] && report.lines.last == "p: in none of these files; its outputs stay, and what waits of it waits")
    }
}
