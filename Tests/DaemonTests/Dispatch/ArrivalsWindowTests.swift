import Arrivals
import Attempts
import Ledger
import Testing

@testable import Daemon

@Suite struct ArrivalsWindowTests {
    private let parts: PartsOfDispatcher
    private let window: ArrivalsWindow

    init() throws {
        parts = try PartsOfDispatcher()
        window = ArrivalsWindow(ledger: parts.ledger, scheduler: parts.scheduler, pipelines: parts.pipelines, size: 2)
        parts.scheduler.activated(.init(position: 0, version: 1), in: "p")
    }

    /// Takes out what starts, as a dispatcher does.
    private func start(_ room: Int = 99) -> [Int64] {
        var left = room
        let starts = window.starts(at: parts.now) { _ in
            left -= 1
            return left >= 0
        }
        return (starts ?? []).map { window.take($0).number }
    }

    @Test func whatArrivesIsHeldUntilItStarts() throws {
        let arrival = try parts.arrive("a.csv")
        window.add(arrival)
        #expect(window[arrival.number] == arrival)
        #expect(start() == [arrival.number])
        #expect(window[arrival.number] == nil)
        #expect(window.starts(at: parts.now) { _ in true } == nil)
    }

    /// More data than two windows hold stays in the ledger, and is read from it as those held start; each starts once, in order.
    @Test func theLedgerHasWhatTheWindowDoesNotHold() throws {
        let arrivals = try (0..<9).map { try parts.arrive("\($0).csv") }
        for arrival in arrivals { window.add(arrival) }
        #expect(arrivals.map { window[$0.number] != nil } == [true, true, true, true, false, false, false, false, false])
        var started: [Int64] = []
        for _ in 0..<9 {
            try window.refill()
            for number in start(2) {
                started.append(number)
                _ = try parts.open(arrivals[arrivals.firstIndex { $0.number == number }!], version: 1)
                parts.scheduler.finished(number, in: "p")
            }
            #expect(arrivals.count { window[$0.number] != nil } <= 4)
        }
        #expect(started == arrivals.map(\.number))
    }

    /// The ledger may be read between the numbering of a file and the message of it.
    @Test func whatWasReadFromTheLedgerIsNotHeldOnceMore() throws {
        let arrival = try parts.arrive("a.csv")
        window.readAgain("p")
        try window.refill()
        #expect(start() == [arrival.number])
        window.add(arrival)
        #expect(start().isEmpty && window[arrival.number] == nil)
    }

    @Test func whatIsRemovedDoesNotStart() throws {
        let (first, second) = (try parts.arrive("a.csv"), try parts.arrive("b.csv"))
        for arrival in [first, second] { window.add(arrival) }
        window.remove(first.number, in: "p")
        #expect(start() == [second.number])
    }

    /// What the scheduler would start and is not held, such as after its pipeline went and came back, is let go.
    @Test func whatIsNotHeldDoesNotStart() throws {
        parts.scheduler.dataArrived(7, in: "p")
        #expect(window.starts(at: parts.now) { _ in true }?.isEmpty == true)
        #expect(window.starts(at: parts.now) { _ in true } == nil)
    }

    @Test func anArrivalWhoseAttemptFailedWaitsForItsTime() throws {
        let arrival = try parts.arrive("a.csv")
        window.add(arrival)
        #expect(start() == [arrival.number])
        window.add(again: arrival, at: parts.now.advanced(by: .seconds(2)), isUnreadable: false)
        #expect(start().isEmpty && window[arrival.number] != nil)
        parts.wait(2)
        #expect(start() == [arrival.number])
    }

    @Test func aPipelineThatIsTakenAwayHoldsNothing() throws {
        let (held, failed) = (try parts.arrive("a.csv"), try parts.arrive("b.csv"))
        window.add(held)
        window.remove(pipeline: "p")
        window.add(again: failed, at: parts.now, isUnreadable: false)
        window.add(try parts.arrive("c.csv"))
        #expect(start().isEmpty && window[held.number] == nil && window[failed.number] == nil)
        parts.scheduler.add(pipeline: "p")
        parts.scheduler.activated(.init(position: 0, version: 1), in: "p")
        window.readAgain("p")
        try window.refill()
        #expect(start() == [held.number, failed.number, failed.number + 1])
    }

    /// All models are held, however many there are, and labels only where something learns from them.
    @Test(arguments: [false, true]) func modelsAndLabelsAreHeldBesideTheData(learns: Bool) throws {
        if learns { try parts.use(PartsOfDispatcher.learning) }
        let models = try (0..<6).map { try parts.arrive("\($0).onnx", .model, "m\($0)") }
        for model in models { window.add(model) }
        #expect(models.allSatisfy { window[$0.number] != nil })
        let labels = try parts.arrive("l.csv", .labelled, "labels1")
        window.add(labels)
        #expect(window[labels.number] == nil, "labels are read from the ledger")
        try window.refill()
        #expect((window[labels.number] != nil) == learns)
    }

    @Test func theRoomIsWhatIsNotHandedOut() {
        #expect(window.room == 2 && !window.hasHandedOut)
        window.handOut(7)
        #expect(window.room == 1 && window.hasHandedOut && window.isHandedOut(7) && !window.isHandedOut(8))
        window.takeBack(7)
        #expect(window.room == 2 && !window.hasHandedOut)
    }
}
