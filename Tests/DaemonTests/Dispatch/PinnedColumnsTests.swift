import Attempts
import Landing
import Ledger
import PipelineConfig
import Testing

@testable import Daemon

@Suite struct PinnedColumnsTests {
    private let parts: PartsOfDispatcher
    private let columns: PinnedColumns

    init() throws {
        parts = try PartsOfDispatcher()
        columns = PinnedColumns(ledger: parts.ledger, scheduler: parts.scheduler)
    }

    private func result(_ order: [String] = ["x", "y"], type: String? = nil) -> AttemptResult {
        var result = AttemptResult()
        result.columns = ["x": order]
        if let type { result.types = ["id": type] }
        return result
    }

    @Test func theFirstFileFixesTheColumnsOfThoseAfterIt() throws {
        let (first, second) = (try parts.attempt("a.csv"), try parts.attempt("b.csv"))
        #expect(try columns.pin(first, result(type: "string")) == nil)
        #expect(try columns.pin(second, result(type: "string")) == nil)
        #expect(try columns.pins(of: "p", revision: first.run.revision).orders == ["x": ["x", "y"]])
        #expect(try columns.pin(second, result(["y", "x"]))?.kind == .badInput)
        #expect(try columns.pin(second, result(type: "integer"))?.kind == .cancelled, "it is read again with the type of the first")
    }

    @Test func onlyTheManifestLineOfTheFileThatPinnedHasThePins() throws {
        let (first, second) = (try parts.attempt("a.csv"), try parts.attempt("b.csv"))
        #expect(columns.manifest(of: first) == nil)
        for attempt in [first, second] { _ = try columns.pin(attempt, result()) }
        #expect(columns.manifest(of: first)?.columns == ["x": ["x", "y"]])
        #expect(columns.manifest(of: second) == nil)
    }

    @Test func theNextProcessKnowsThePins() throws {
        let attempt = try parts.attempt()
        _ = try columns.pin(attempt, result(type: "string"))
        let pins = try PinnedColumns(ledger: parts.ledger, scheduler: parts.scheduler).pins(of: "p", revision: attempt.run.revision)
        #expect(pins.orders == ["x": ["x", "y"]] && pins.types == ["id": "string"] && pins.arrivals == [attempt.arrival.number])
    }

    /// Files start one by one until the first is scored, under each revision again.
    @Test func theOthersWaitForTheFirst() throws {
        parts.scheduler.activated(.init(position: 0, version: 1), in: "p")
        for arrival in [1, 2, 3] as [Int64] { parts.scheduler.dataArrived(arrival, in: "p") }
        try columns.awaitFirst(of: parts.pipeline)
        #expect(parts.starts() == [1])
        parts.scheduler.finished(1, in: "p")
        columns.firstIsScored(of: "p", revision: parts.pipeline.revision.full)
        try columns.awaitFirst(of: parts.pipeline)
        #expect(parts.starts() == [2, 3])
        try parts.use(DiskWorld.yaml.replacing("format: csv", with: "format: jsonl"))
        for arrival in [4, 5] as [Int64] { parts.scheduler.dataArrived(arrival, in: "p") }
        try columns.awaitFirst(of: parts.pipeline)
        for arrival in [2, 3] as [Int64] { parts.scheduler.finished(arrival, in: "p") }
        #expect(parts.starts() == [4])
    }

    @Test func wherePinsOfTypesAreKnownNothingWaits() throws {
        _ = try columns.pin(parts.attempt(), result(type: "string"))
        parts.scheduler.activated(.init(position: 0, version: 1), in: "p")
        for arrival in [11, 12] as [Int64] { parts.scheduler.dataArrived(arrival, in: "p") }
        try PinnedColumns(ledger: parts.ledger, scheduler: parts.scheduler).awaitFirst(of: parts.pipeline)
        #expect(parts.starts() == [11, 12])
    }
}
