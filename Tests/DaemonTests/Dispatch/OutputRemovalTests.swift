import Arrivals
import Ledger
import LedgerSupport
import Testing

@testable import Daemon

@Suite struct OutputRemovalTests {
    private let parts: PartsOfDispatcher
    private let removal: OutputRemoval
    private let output = "/nowhere/out/outputs/a.csv"

    /// The output of an input that was deleted.
    init() throws {
        parts = try PartsOfDispatcher()
        removal = OutputRemoval(ledger: parts.ledger, publisher: parts.publisher, log: parts.log)
        let attempt = try parts.attempt()
        _ = try parts.ledger.intend([
            .init(run: attempt.run.number, output: .init(root: "/nowhere/out/outputs", path: "a.csv", digest: "d", byteCount: 1))
        ])
        try parts.ledger.close([.init(run: attempt.run.number, outcome: .done(verdict: nil))], at: parts.now)
        parts.publisher.files[output] = "d"
        _ = try parts.ledger.write { (tx) throws(LedgerError) in try tx.inputsDeleted(["a.csv"], of: "p", at: parts.now) }
        try #require(try parts.ledger.leavingOutputs().count == 1)
    }

    @Test func anOutputGoesWithItsInput() throws {
        try removal.removeMarked(at: parts.now)
        #expect(try parts.publisher.files.isEmpty && parts.ledger.leavingOutputs().isEmpty)
    }

    @Test func whatIsNotOursAnyMoreStays() throws {
        parts.publisher.files[output] = "edited"
        try removal.removeMarked(at: parts.now)
        #expect(try parts.publisher.files[output] == "edited" && parts.ledger.leavingOutputs().isEmpty)
    }

    @Test func whatCannotBeRemovedIsTriedAgainWhenItIsDue() throws {
        parts.publisher.mayWithdraw = false
        try removal.tryAgain(at: parts.now)
        #expect(try parts.ledger.leavingOutputs().count == 1)
        try removal.removeMarked(at: parts.now)
        parts.publisher.mayWithdraw = true
        try removal.tryAgain(at: parts.now)
        #expect(parts.publisher.files[output] == "d", "not yet")
        parts.wait(1)
        try removal.tryAgain(at: parts.now)
        #expect(try parts.publisher.files.isEmpty && parts.ledger.leavingOutputs().isEmpty)
    }
}
