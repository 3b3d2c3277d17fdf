import Arrivals
import Attempts
import Ledger
import Testing

@testable import Daemon

@Suite struct MachineWaitsTests {
    private let parts: PartsOfDispatcher
    private let waits: MachineWaits
    private let attempt: OpenAttempt

    init() throws {
        parts = try PartsOfDispatcher()
        waits = MachineWaits(publisher: parts.publisher, scheduler: parts.scheduler, log: parts.log)
        parts.scheduler.activated(.init(position: 0, version: 1), in: "p")
        attempt = try parts.attempt()
        parts.scheduler.dataArrived(attempt.arrival.number, in: "p")
    }

    private func pause() -> Double {
        waits.wait(for: attempt, parts.failure(.machine), at: parts.now).duration(since: parts.now) / .seconds(1)
    }

    @Test func pausesGrowUntilSomethingLands() {
        for expected in [1.0, 2, 4] {
            #expect(pause() == expected)
            #expect(pause() == expected, "those that were under way together do not make it longer")
            #expect(parts.starts().isEmpty)
            parts.wait(expected)
        }
        waits.end(in: "p", at: parts.now)
        #expect(pause() == 1)
        waits.end(in: "p", at: parts.now)
        #expect(parts.starts() == [attempt.arrival.number])
    }

    @Test func whatFillsTheDiskAgainAndAgainIsToBlame() {
        let full = parts.failure(.machine)
        for isFull in [true, false] {
            parts.publisher.fillsDisk = isFull
            #expect([1, 2].map { _ in waits.blamed(full, on: attempt).kind } == [.machine, .machine])
        }
        parts.publisher.fillsDisk = true
        #expect(waits.blamed(full, on: attempt).kind == .badInput)
        #expect(waits.blamed(full, on: attempt).kind == .machine, "it is counted from the beginning")
        #expect(waits.blamed(parts.failure(.badInput), on: attempt) == parts.failure(.badInput))
    }

    @Test func whatLandsShowsThatTheDiskHasRoom() {
        parts.publisher.fillsDisk = true
        for _ in 0..<4 {
            #expect([1, 2].map { _ in waits.blamed(parts.failure(.machine), on: attempt).kind } == [.machine, .machine])
            waits.end(in: "p", at: parts.now)
        }
    }
}
