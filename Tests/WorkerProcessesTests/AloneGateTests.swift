import Foundation
import TestSupport
import Testing

@testable import WorkerProcesses

@Suite struct AloneGateTests {
    private final class Log: @unchecked Sendable {
        private let lock = NSLock()
        private var entries: [String] = []
        func add(_ entry: String) { lock.withLock { entries.append(entry) } }
        var all: [String] { lock.withLock { entries } }
    }

    @Test func whoRunsAloneWaitsForTheOthersAndTheyForHim() throws {
        let gate = AloneGate(), log = Log()
        gate.enter()
        gate.enter()
        Thread {
            gate.enterAlone()
            log.add("alone")
            gate.leaveAlone()
        }.start()
        #expect(eventually { gate.isWanted })
        Thread {
            gate.enter()
            log.add("other")
            gate.leave()
        }.start()
        gate.leave()
        #expect(log.all == [])
        gate.leave()
        #expect(eventually { log.all.count == 2 })
        #expect(log.all == ["alone", "other"])
        #expect(!gate.isWanted)
    }

    /// Two that run alone do so one after the other, and whoever pauses for them comes back.
    @Test func severalRunAloneInTurn() throws {
        let gate = AloneGate(), log = Log()
        gate.enter()
        for number in 0..<3 {
            Thread {
                gate.enterAlone()
                log.add("begin")
                usleep(20_000)
                log.add("end")
                gate.leaveAlone()
                log.add("\(number)")
            }.start()
        }
        #expect(eventually { gate.isWanted })
        gate.leave()
        gate.enter()
        gate.leave()
        #expect(eventually { log.all.count == 9 })
        let order = log.all.filter { $0 == "begin" || $0 == "end" }
        #expect(order == ["begin", "end", "begin", "end", "begin", "end"])
    }

    /// Who waits to run beside others waits for one that runs alone, not for all that want to.
    @Test func othersGoBetweenTwoThatRunAlone() throws {
        let gate = AloneGate(), log = Log()
        let isOver = DispatchSemaphore(value: 0)
        gate.enter()
        for _ in 0..<2 {
            Thread {
                gate.enterAlone()
                log.add("alone")
                isOver.wait()
                gate.leaveAlone()
            }.start()
        }
        #expect(eventually { gate.isWanted })
        gate.leave()
        #expect(eventually { log.all == ["alone"] })
        Thread {
            gate.enter()
            log.add("other")
            gate.leave()
        }.start()
        #expect(eventually { gate.waitingCount == 1 })
        isOver.signal()
        #expect(eventually { log.all.count == 3 })
        #expect(log.all == ["alone", "other", "alone"])
        isOver.signal()
    }
}
