import Attempts
import Dispatch
import Foundation
import Synchronization
import WorkerProtocol

/// Holds the attempts of a worker that has joined: those that wait, those that its threads execute, and the answers that no daemon has. It
/// outlives connections.
///
/// As many are executed at once as there are places. An attempt that has paused holds none: the daemon has handed out another one in its
/// place, and lets the first one go on when that is done. One that trains has none either, as with the daemon, and one that no daemon has asked
/// for keeps none from those that it hands out.
final class NodeWork: WorkerFrameSink {
    private let executor: any AttemptExecutor
    private let places: Int
    private let state = Mutex(State())
    private let work = DispatchSemaphore(value: 0)

    init(_ executor: any AttemptExecutor, places: Int) {
        self.executor = executor
        self.places = places
    }

    /// Takes everything back, and ends the threads.
    func close() {
        let (orders, threads) = state.withLock { state in
            state.isClosed = true
            state.waiting = []
            return (Array(state.orders.values), state.threads)
        }
        for order in orders { order.attempt.cancellation.cancel() }
        for _ in 0..<threads { work.signal() }
    }

    // MARK: Connections

    /// Tells frames over a connection from now on.
    /// - Returns: the attempts of earlier connections.
    func connect(_ connection: FrameConnection) -> [HeldAttempt] {
        state.withLock { state in
            state.connection = connection
            state.machine = nil
            return state.orphans.keys.compactMap { reference in
                state.orders[reference].map { HeldAttempt(reference: reference, spec: $0.spec) }
            }
        }
    }

    /// Goes on without a connection. What was handed out together, or is a range, is taken back: it is done again elsewhere in no time.
    func disconnect() {
        let (ended, kept): ([Order], [Order]) = state.withLock { state in
            state.connection = nil
            let lots = state.waiting.filter { $0.count > 1 }.flatMap(\.self)
            state.waiting.removeAll { $0.count > 1 }
            for order in lots { state.orders[order.reference] = nil }
            let ended = state.orders.values.filter { !$0.outlivesConnection }
            let kept = state.orders.values.filter(\.outlivesConnection)
            for order in kept where state.orphans[order.reference] == nil { state.orphans[order.reference] = .underWay }
            return (ended, kept)
        }
        for order in ended { order.attempt.cancellation.cancel() }
        for order in kept { goOn(order.reference) }
    }

    /// Answers an attempt of an earlier connection from now on, at once where it has ended.
    func adopt(_ reference: AttemptReference) {
        guard case .ended(let result)? = state.withLock({ $0.orphans.removeValue(forKey: reference) }) else { return }
        answer(reference, result)
        sendAnswers()
    }

    func tell(_ frame: WorkerFrame) {
        guard case .paused(let reference) = frame else {
            state.withLock { $0.connection }?.tell(frame)
            return
        }
        let connection: FrameConnection? = state.withLock { state in
            guard let connection = state.connection, state.orphans[reference] == nil else { return nil }
            state.paused.insert(reference)
            return connection
        }
        // Nobody else would let it go on.
        guard let connection else { return goOn(reference) }
        startNext()
        connection.tell(frame)
    }

    /// Lets an attempt go on that has paused.
    func goOn(_ reference: AttemptReference) {
        let attempt = state.withLock { state in
            state.paused.remove(reference)
            return state.orders[reference]?.attempt
        }
        attempt?.goOn()
    }

    // MARK: Attempts

    func put(_ lot: [Order]) {
        let lot = lot.map { order in
            var order = order
            order.isOfLot = lot.count > 1
            return order
        }
        state.withLock { state in
            for order in lot {
                state.orders[order.reference] = order
                if case .score(let files) = order.spec.work, let parts = files.parts {
                    state.ranges[order.reference] = OwnRanges(parts: parts)
                }
            }
            state.waiting.append(lot)
        }
        startNext()
        // Those who help one who trains leave where something waits for a place.
        let yielding = state.withLock { state in
            state.waiting.isEmpty ? [] : state.executing.values.filter { $0.spec.yields }.map(\.attempt)
        }
        for attempt in yielding { attempt.askForPause() }
    }

    func attempt(_ reference: AttemptReference) -> RemoteAttempt? { state.withLock { $0.orders[reference]?.attempt } }

    /// Ends an attempt. One that has ended without a daemon is forgotten.
    func cancel(_ reference: AttemptReference, _ cause: AttemptCancellation.Cause) {
        let attempt: RemoteAttempt? = state.withLock { state in
            guard case .ended? = state.orphans[reference] else { return state.orders[reference]?.attempt }
            state.orphans[reference] = nil
            state.orders[reference] = nil
            return nil
        }
        attempt?.cancellation.cancel(cause)
    }

    /// Returns what gives ranges of the file of an attempt that is executed here.
    func ranges(of reference: AttemptReference) -> OwnRanges? { state.withLock { $0.ranges[reference] } }

    /// Returns whether there was nothing to do for that long.
    func isIdle(for time: Duration) -> Bool {
        state.withLock { $0.orders.isEmpty && $0.executing.isEmpty && .now - $0.lastWork > time }
    }

    // MARK: Executing

    /// Has each lot executed that may be, by a thread that has nothing to do or another one.
    private func startNext() {
        let (lots, new) = state.withLock { state in
            let first = state.threads
            var lots = 0
            while !state.isClosed, let lot = state.takeNext(places) {
                state.ready.append(lot)
                lots += 1
                if state.idle > 0 { state.idle -= 1 } else { state.threads += 1 }
            }
            return (lots, first..<state.threads)
        }
        for number in new {
            let thread = Thread { [weak self, work] in
                // The object ends when nobody needs it: a thread that waits does not keep it.
                while true {
                    work.wait()
                    guard let self, self.executeReady() else { return }
                }
            }
            thread.name = "place-\(number)"
            thread.start()
        }
        for _ in 0..<lots { work.signal() }
    }

    /// Executes a lot that has a place. Returns false where the thread is to end.
    private func executeReady() -> Bool {
        guard let lot = state.withLock({ $0.ready.isEmpty ? nil : $0.ready.removeFirst() }) else {
            return state.withLock { !$0.isClosed }
        }
        execute(lot)
        state.withLock { state in
            state.executing[lot[0].reference] = nil
            state.paused.remove(lot[0].reference)
            state.idle += 1
            state.lastWork = .now
        }
        startNext()
        return true
    }

    private func execute(_ lot: [Order]) {
        let attempts = lot.map { ($0.spec.bounded, $0.attempt.control($0.content.map { .content($0) })) }
        if lot.count == 1 {
            end(lot[0], executor.execute(attempts[0].0, control: attempts[0].1))
        } else {
            executor.execute(attempts) { place, result in end(lot[place], result) }
        }
        // The answers of a lot are sent together.
        sendAnswers()
    }

    private func sendAnswers() { _ = try? state.withLock { $0.connection }?.sendHeld() }

    private func end(_ order: Order, _ result: AttemptResult) {
        let isOrphan = state.withLock { state in
            guard state.orphans[order.reference] != nil else { return false }
            // An attempt that was taken back is nothing that anybody wants.
            let isWanted = result.failure?.kind != .cancelled
            state.orphans[order.reference] = isWanted ? .ended(result) : nil
            return isWanted
        }
        if !isOrphan { answer(order.reference, result) }
    }

    private func answer(_ reference: AttemptReference, _ result: AttemptResult) {
        var result = result
        let (connection, isNew) = state.withLock { state in
            state.orders[reference] = nil
            state.ranges[reference] = nil
            guard let machine = result.machine, machine != state.machine else { return (state.connection, false) }
            state.machine = machine
            return (state.connection, true)
        }
        guard let connection else { return }
        // If the daemon is gone, the thread that reads finds that out.
        if isNew, let machine = result.machine { try? connection.hold(WorkerFrame.machine(machine)) }
        result.machine = nil
        try? connection.hold(WorkerFrame.answer(reference: reference, result: result))
    }
}

extension AttemptSpec {
    /// The attempt with what memory this machine has for one: the daemon's may have more.
    fileprivate var bounded: AttemptSpec {
        var spec = self
        spec.limits.memoryBytes = spec.limits.memoryBytes.map { min($0, Limits.standardMemory) }
        return spec
    }
}
