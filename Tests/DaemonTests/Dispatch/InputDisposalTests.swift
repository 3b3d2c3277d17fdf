import Arrivals
import FileSystem
import Landing
import Ledger
import PipelineConfig
import Reasons
import SystemPackage
import Testing

@testable import Daemon

@Suite struct InputDisposalTests {
    private let parts: PartsOfDispatcher
    private let disposal: InputDisposal

    init() throws {
        parts = try PartsOfDispatcher(DiskWorld.yaml + "\nafter: delete\n")
        disposal = InputDisposal(publisher: parts.publisher, log: parts.log)
    }

    private func input(_ name: String) throws -> ArrivedFile { try parts.arrive(name).file }

    @Test func anInputIsPutAwayAtOnce() throws {
        try disposal.dispose(input("a.csv"), parts.pipeline, at: parts.now)
        #expect(parts.publisher.removed == ["a.csv"])
    }

    @Test func whatThePipelineKeepsStays() throws {
        try parts.use(DiskWorld.yaml)
        try disposal.dispose(input("a.csv"), parts.pipeline, at: parts.now)
        #expect(parts.publisher.removed.isEmpty)
    }

    /// After a pause that grows, and not before.
    @Test func whatTheMachineDoesNotAllowIsTriedAgain() throws {
        let input = try input("a.csv")
        parts.publisher.fault = .missing("/nowhere")
        disposal.dispose(input, parts.pipeline, at: parts.now)
        for pause in [1.0, 2, 4] {
            #expect(disposal.isPostponed(input))
            let tries = parts.publisher.refusals
            parts.wait(pause - 0.001)
            disposal.tryAgain(at: parts.now)
            #expect(parts.publisher.refusals == tries)
            parts.wait(0.001)
            disposal.tryAgain(at: parts.now)
            #expect(parts.publisher.refusals == tries + 1)
        }
        parts.publisher.fault = nil
        parts.wait(8)
        disposal.tryAgain(at: parts.now)
        #expect(parts.publisher.removed == ["a.csv"] && !disposal.isPostponed(input))
    }

    @Test func aReasonThatCannotBeWrittenIsWrittenLater() throws {
        let input = try input("a.csv")
        let report = QuarantineReport(explanation: Explanation(reason: "bad", rule: .attemptDeath), arrival: 1, run: nil, attempts: [])
        parts.publisher.fault = .missing("/nowhere")
        disposal.quarantine(input, report, parts.pipeline, at: parts.now)
        #expect(parts.publisher.quarantined.isEmpty)
        parts.publisher.fault = nil
        parts.wait(1)
        disposal.tryAgain(at: parts.now)
        #expect(parts.publisher.quarantined == ["a.csv"] && parts.publisher.removed.isEmpty)
    }
}
