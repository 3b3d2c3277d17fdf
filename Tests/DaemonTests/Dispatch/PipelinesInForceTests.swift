import Ledger
import LedgerSupport
import PipelineConfig
import Testing

@testable import Daemon

@Suite struct PipelinesInForceTests {
    private let edited = DiskWorld.yaml.replacing("format: csv", with: "format: jsonl")

    @Test func aPipelineIsKnownAsItWasBeforeAnEdit() throws {
        let parts = try PartsOfDispatcher()
        let (before, revision) = (parts.pipeline, try #require(parts.pipelines.revision(of: "p")))
        try parts.use(edited)
        #expect(parts.pipelines.revision(of: "p") != revision)
        // The second time it is remembered.
        for _ in 0..<2 {
            let former = try #require(try parts.pipelines.pipeline("p", under: revision))
            #expect(former.revision.full == revision && former.land.outputs?.format == before.land.outputs?.format)
        }
        let current = try #require(try parts.pipelines.pipeline("p", under: parts.pipeline.revision.full))
        #expect(current.land.outputs?.format == .jsonl)
        #expect(try parts.pipelines.pipeline("q", under: revision) == nil)
    }

    @Test func aRunGoesOnUnderItsOwnRevision() throws {
        let parts = try PartsOfDispatcher()
        var run = try parts.attempt().run
        let revision = run.revision
        try parts.use(edited)
        #expect(try parts.pipelines.pipeline("p", boundTo: &run).revision.full == revision)
        #expect(run.revision == revision)
    }

    /// No output names a revision that did not make it.
    @Test func aRunWhoseRevisionIsNotKnownIsBoundToThatInForce() throws {
        let parts = try PartsOfDispatcher()
        let arrival = try parts.arrive("a.csv")
        var run = try #require(
            try parts.ledger.open([.init(arrival: arrival.number, version: nil, revision: "lost")], at: parts.now).first?.run)
        #expect(try parts.pipelines.pipeline("p", boundTo: &run).revision.full == parts.pipeline.revision.full)
        #expect(run.revision == parts.pipeline.revision.full)
        #expect(try parts.ledger.openRuns().map(\.revision) == [run.revision])
    }
}
