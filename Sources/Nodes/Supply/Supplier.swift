import Arrivals
import FileSystem
import Foundation
import Reasons
import Synchronization

/// Has workers started and taken back as work comes and goes: does what a `SupplyPlan` decides, on a thread of its own.
package final class Supplier: Sendable {
    private let supply: any WorkerSupply
    private let demand: @Sendable () -> SupplyDemand
    private let say: @Sendable (String) -> Void
    private let turn: Duration, patience: Duration
    private let shown: Mutex<SupplyStatus>
    private let isStarted = Atomic(false), isStopping = Atomic(false)
    private let wake = DispatchSemaphore(value: 0), isOver = DispatchSemaphore(value: 0)
    private let begin = ContinuousClock.now

    /// - Parameters:
    ///   - demand: says how much work waits, and which workers are there; it is called once in each turn.
    ///   - say: is told what was done and what is wrong, a line each time.
    ///   - turn: the time between two decisions.
    ///   - patience: the time in which a worker that runs must join.
    package init(
        _ supply: any WorkerSupply, turn: Duration = .seconds(1), patience: Duration = .seconds(120),
        say: @escaping @Sendable (String) -> Void = { _ in }, demand: @escaping @Sendable () -> SupplyDemand
    ) {
        (self.supply, self.demand, self.say, self.turn, self.patience) = (supply, demand, say, turn, patience)
        shown = Mutex(SupplyStatus())
    }

    /// Tells how it is doing.
    package var status: SupplyStatus { shown.withLock { $0 } }

    package func start() {
        guard !isStarted.exchange(true, ordering: .relaxed) else { return }
        let thread = Thread { [self] in
            LinuxCalls.nameThread("supply")
            run()
            isOver.signal()
        }
        thread.start()
    }

    /// Takes back the workers that have not begun, lets go of the others, and returns after a few seconds at most.
    package func stop() {
        guard isStarted.load(ordering: .relaxed), !isStopping.exchange(true, ordering: .relaxed) else { return }
        supply.stop()
        wake.signal()
        isOver.wait()
    }

    // MARK: On the thread

    private var now: Duration { ContinuousClock.now - begin }
    private var mustStop: Bool { isStopping.load(ordering: .relaxed) }

    private func run() {
        var plan = SupplyPlan(workers: supply.workers, attempts: supply.attempts, patience: patience)
        while !mustStop {
            takeTurn(&plan)
            let status = plan.status(at: now)
            if let fault = status.fault, shown.withLock({ $0.fault }) != fault { say(fault) }
            shown.withLock { $0 = status }
            _ = wake.wait(timeout: .now() + turn.seconds)
        }
        let queued = plan.queued
        if !queued.isEmpty {
            do throws(SupplyError) { try supply.end(queued, isUnneeded: true) } catch { say(told("workers stay in the queue", error)) }
        }
        supply.close()
    }

    /// Does what is to be done now, which may follow from a look.
    private func takeTurn(_ plan: inout SupplyPlan) {
        let demand = demand()
        let own = demand.joined.filter(supply.owns)
        supply.note(joined: own)
        for _ in 0..<3 {
            let act = plan.next(demand, own: own, at: now)
            if act == .nothing || mustStop { return }
            let (stage, what) = Self.words(for: act)
            do throws(SupplyError) { try carryOut(act, &plan) } catch {
                return plan.failed(stage, told(what, error), at: now)
            }
        }
    }

    private func carryOut(_ act: SupplyPlan.Act, _ plan: inout SupplyPlan) throws(SupplyError) {
        switch act {
        case .nothing: break
        case .look:
            let lost = plan.looked(try supply.look(), at: now)
            if let first = lost.first { plan.failed(.joining, told(lost.count, "ended before it joined", first), at: now) }
        case .start(let count, let stays):
            let started = try supply.start(count, stays: stays)
            plan.started(started, at: now)
            say("\(supply.label): \(started.count == 1 ? "a worker is" : "\(started.count) workers are") asked for")
        case .takeBack(let names):
            try supply.end(names, isUnneeded: true)
            plan.ended(names)
            say("\(supply.label): \(names.count == 1 ? "a worker is" : "\(names.count) workers are") taken back, since nothing waits")
        case .giveUp(let names):
            let fault = told(names.count, "was started and has not joined in time; it was ended", names[0])
            plan.failed(.joining, fault, at: now)
            try supply.end(names, isUnneeded: false)
            plan.ended(names)
        }
    }

    private static func words(for act: SupplyPlan.Act) -> (SupplyPlan.Stage, String) {
        switch act {
        case .nothing, .look: (.looking, "it is not known which workers there are")
        case .start: (.starting, "no worker could be asked for")
        case .takeBack, .giveUp: (.ending, "a worker could not be ended")
        }
    }

    private func told(_ what: String, _ error: SupplyError) -> String { "\(supply.label): \(what): \(error)".printable }

    private func told(_ count: Int, _ what: String, _ name: String) -> String {
        let words = supply.lastWords(of: name)
        let who = count == 1 ? "worker \(name)" : "worker \(name), one of \(count),"
        return "\(supply.label): \(who) \(what)\(words.isEmpty ? "; it printed nothing" : ": \(words)")".printable
    }
}
