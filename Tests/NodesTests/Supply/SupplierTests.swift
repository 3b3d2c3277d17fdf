import Synchronization
import TestSupport
import Testing

@testable import Nodes

/// The thread, with a supply that does what a test says.
@Suite struct SupplierTests {
    private final class Scripted: WorkerSupply {
        let label = "test"
        let workers = 0...3
        let attempts = 1
        private let state = Mutex((started: 0, queued: [SuppliedWorker](), fault: SupplyError?.none, closed: false, calls: 0))

        var started: Int { state.withLock { $0.started } }
        var queued: Int { state.withLock { $0.queued.count } }
        var isClosed: Bool { state.withLock { $0.closed } }
        var calls: Int { state.withLock { $0.calls } }
        func fail(_ fault: SupplyError?) { state.withLock { $0.fault = fault } }

        func owns(_ name: String) -> Bool { name.hasPrefix("t") }
        func note(joined: Set<String>) {}
        func start(_ count: Int, stays: Bool) throws(SupplyError) -> [SuppliedWorker] {
            try check()
            let workers = (0..<count).map { SuppliedWorker(name: "t\($0)", state: .queued) }
            state.withLock {
                $0.started += count
                $0.queued = workers
            }
            return workers
        }
        func look() throws(SupplyError) -> [SuppliedWorker] {
            try check()
            return state.withLock { $0.queued }
        }
        func end(_ names: [String], isUnneeded: Bool) throws(SupplyError) {
            try check()
            state.withLock { state in state.queued.removeAll { names.contains($0.name) } }
        }
        func lastWords(of name: String) -> String { "" }
        func stop() {}
        func close() { state.withLock { $0.closed = true } }

        private func check() throws(SupplyError) {
            let fault = state.withLock { state in
                state.calls += 1
                return state.fault
            }
            if let fault { throw fault }
        }
    }

    /// Workers of other names, which somebody started by hand, are none of the supply's.
    @Test func whatIsAskedForIsTakenBackAtTheEnd() {
        let supply = Scripted()
        let supplier = Supplier(supply, turn: .milliseconds(20)) { SupplyDemand(waiting: 3, expected: .seconds(300), joined: ["by hand"]) }
        #expect(supplier.status == SupplyStatus())
        supplier.start()
        #expect(eventually { supplier.status.queued == 3 } && supply.started == 3 && supplier.status.joined == 0)
        supplier.stop()
        #expect(supply.queued == 0 && supply.isClosed)
        supplier.stop()
    }

    /// A fault is said once, and is in the status with the time of the next try until it is over.
    @Test func aFaultIsSaidOnce() {
        let supply = Scripted(), said = Mutex<[String]>([])
        supply.fail(.failed("sbatch", 1, "no\u{1B}[2J such partition"))
        let supplier = Supplier(supply, turn: .milliseconds(20), say: { line in said.withLock { $0.append(line) } }) {
            SupplyDemand(waiting: 3, expected: .seconds(300))
        }
        supplier.start()
        let words = "test: it is not known which workers there are: sbatch ended with status 1: no\\u{1B}[2J such partition"
        #expect(eventually { supplier.status.fault == words }, "\(supplier.status)")
        #expect(supplier.status.retry.map { $0 <= .seconds(5) } == true)
        supply.fail(nil)
        #expect(eventually { supplier.status.fault == nil && supplier.status.queued == 3 })
        supplier.stop()
        #expect(said.withLock { $0 } == [words, "test: 3 workers are asked for"])
    }

    @Test func oneThatWasNotStartedCanBeStopped() {
        let supply = Scripted()
        Supplier(supply) { SupplyDemand() }.stop()
        #expect(supply.calls == 0)
    }
}
