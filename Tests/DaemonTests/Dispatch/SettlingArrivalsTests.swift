import Arrivals
import Ledger
import LedgerSupport
import Testing

@testable import Daemon

@Suite struct SettlingArrivalsTests {
    private let parts: PartsOfDispatcher
    private let settling: SettlingArrivals

    init() throws {
        parts = try PartsOfDispatcher()
        settling = SettlingArrivals(ledger: parts.ledger, publisher: parts.publisher, pipelines: parts.pipelines, log: parts.log)
    }

    /// A file whose attempt was void.
    private func void(_ name: String) throws -> WaitingArrival {
        let attempt = try parts.attempt(name)
        try parts.ledger.close([.init(run: attempt.run.number, outcome: .void(reason: "it changed"))], at: parts.now)
        settling.add(attempt.arrival)
        return attempt.arrival
    }

    @Test func theFilesAreToldOnce() throws {
        _ = try void("a.csv")
        _ = try void("b.csv")
        #expect(settling.takeFiles().map(\.path) == ["a.csv", "b.csv"])
        #expect(settling.takeFiles().isEmpty)
    }

    @Test func aFileThatIsRemovedInsteadOfSettlingIsWithdrawn() throws {
        let (there, gone) = (try void("there.csv"), try void("gone.csv"))
        parts.publisher.found = { $0 == "there.csv" ? (there.file.stamp, there.file.digest) : nil }
        try settling.withdrawRemoved()
        #expect(try parts.state(there) == .waiting && parts.state(gone) == .ignored)
    }

    /// Also where an earlier process had left it.
    @Test func whatAnEarlierProcessLeftIsWithdrawnToo() throws {
        let arrival = try void("a.csv")
        let next = SettlingArrivals(ledger: parts.ledger, publisher: parts.publisher, pipelines: parts.pipelines, log: parts.log)
        try next.withdrawRemoved()
        #expect(try parts.state(arrival) == .waiting)
        try next.readAll()
        try next.withdrawRemoved()
        #expect(try parts.state(arrival) == .ignored)
    }

    @Test(arguments: [false, true]) func whatIsForgottenIsNotWithdrawn(byName: Bool) throws {
        let arrival = try void("a.csv")
        if byName { settling.remove(.data, "a.csv", in: "p") } else { settling.remove(arrival.number) }
        try settling.withdrawRemoved()
        #expect(try parts.state(arrival) == .waiting)
    }
}
