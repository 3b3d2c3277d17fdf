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
}
