import Attempts
import Ledger
import Testing

@testable import Daemon

@Suite struct SuspectRunsTests {
    private let parts: PartsOfDispatcher
    private let suspects: SuspectRuns
    private let first: OpenAttempt, second: OpenAttempt

    init() throws {
        parts = try PartsOfDispatcher()
        suspects = SuspectRuns(ledger: parts.ledger, scheduler: parts.scheduler, log: parts.log)
        parts.scheduler.activated(.init(position: 0, version: 1), in: "p")
        (first, second) = (try parts.attempt("a.csv"), try parts.attempt("b.csv"))
        for attempt in [first, second] { parts.scheduler.dataArrived(attempt.arrival.number, in: "p") }
    }

    private func death(_ attempts: OpenAttempt...) -> ProcessDeath {
        ProcessDeath(
            cause: .crash(signal: 11), attempts: attempts.map { .init(run: $0.run.run, number: $0.run.attempt, goal: $0.goal) })
    }

    private func isolate(besides running: Set<Int64> = []) throws -> [Int64] {
        try suspects.isolate(at: parts.now, among: parts.pipelines, besides: running.contains).map(\.run)
    }

    @Test func whatWasExecutedStartsAlone() throws {
        try suspects.recordInterrupted([first.run.run, second.run.run], by: death(first, second), at: parts.now)
        #expect(try isolate().isEmpty)
        #expect(parts.starts() == [first.arrival.number])
        parts.scheduler.finished(first.arrival.number, in: "p")
        #expect(parts.starts() == [second.arrival.number])
    }

    @Test func withoutADeathNothingIsSuspected() throws {
        try suspects.recordInterrupted([first.run.run, second.run.run], by: nil, at: parts.now)
        #expect(try isolate().isEmpty && suspects.acquit([first.run.run]).isEmpty)
        #expect(parts.starts() == [first.arrival.number, second.arrival.number])
    }

    /// The pipeline allows two attempts.
    @Test func whatTheProcessDiesOfAloneUsesUpItsAttempts() throws {
        try suspects.recordInterrupted([first.run.run], by: death(first), at: parts.now)
        #expect(try isolate().isEmpty)
        let again = try parts.open(first.arrival)
        #expect(again.run.run == first.run.run && again.run.attempt == 2)
        try suspects.recordInterrupted([again.run.run], by: death(again), at: parts.now)
        #expect(try isolate(besides: [again.run.run]).isEmpty, "it goes on")
        #expect(try isolate() == [again.run.run])
    }

    @Test func onlyThoseThatWereSuspectedAreAcquitted() throws {
        try suspects.recordInterrupted([first.run.run], by: death(first), at: parts.now)
        _ = try isolate()
        #expect(suspects.acquit([second.run.run, first.run.run]) == [first.run.run])
        #expect(suspects.acquit([first.run.run]).isEmpty)
    }
}
