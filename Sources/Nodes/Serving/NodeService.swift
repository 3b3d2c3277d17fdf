package import Attempts
import Dispatch
import Foundation
import Glibc
import Machine
import Synchronization
package import WorkerProtocol

/// A worker's side of the connection to a daemon on another machine: it takes orders, executes them in processes of this machine, and
/// answers each. Several threads execute, one for each place; one reads; one gives signs of life.
package final class NodeService: Sendable {
    /// Says why the service has ended.
    package enum End: Sendable, Equatable {
        /// Nothing was to be done for as long as the worker waits for work.
        case idle
        /// The daemon is gone, or does not answer.
        case lost(String)
        /// The worker was told to end.
        case stopped
    }

    private struct Order {
        let reference: AttemptReference
        let spec: AttemptSpec
        let content: [UInt8]?
        let attempt: RemoteAttempt
    }

    private struct State {
        /// The lots that wait.
        var waiting: [[Order]] = []
        /// The lot that is being received.
        var partial: [Order] = []
        /// The attempts that wait or are executed.
        var attempts: [AttemptReference: RemoteAttempt] = [:]
        /// What gives ranges of large files to others, for the attempts that are about one.
        var ranges: [AttemptReference: OwnRanges] = [:]
        var executing = 0
        var lastWork = ContinuousClock.now
        var machine: AttemptMachine?
        var end: End?
    }

    private let connection: FrameConnection
    private let executor: any AttemptExecutor
    private let places: Int
    private let terms: JoinTerms
    private let idle: Duration?
    private let state = Mutex(State())
    private let work = DispatchSemaphore(value: 0)
    private let ended = DispatchGroup()

    /// - Parameters:
    ///   - connection: a connection over which the worker has joined.
    ///   - executor: executes attempts, `places` at once.
    ///   - idle: the time without work after which the worker ends; nil for never.
    package init(
        _ connection: FrameConnection, executor: any AttemptExecutor, places: Int, terms: JoinTerms, idle: Duration?
    ) {
        self.connection = connection
        self.executor = executor
        self.places = places
        self.terms = terms
        self.idle = idle
    }

    /// Serves until there is nothing to do for long, the daemon is gone, or `stop` is called. What is executed then is taken back.
    package func run() -> End {
        for place in 0..<places { start("place-\(place)") { [self] in executeAll() } }
        start("beat") { [self] in beat() }
        read()
        for _ in 0..<places { work.signal() }
        ended.wait()
        return state.withLock { $0.end } ?? .stopped
    }

    /// Ends the service.
    package func stop() { end(.stopped) }

    private func start(_ name: String, _ body: @escaping @Sendable () -> Void) {
        ended.enter()
        let thread = Thread { [ended] in
            body()
            ended.leave()
        }
        thread.name = name
        thread.start()
    }

    private func end(_ reason: End) {
        let attempts = state.withLock { state in
            guard state.end == nil else { return [RemoteAttempt]() }
            state.end = reason
            state.waiting = []
            return Array(state.attempts.values)
        }
        for attempt in attempts { attempt.cancellation.cancel() }
        connection.shutDown()
    }

    private var hasEnded: Bool { state.withLock { $0.end != nil } }

    // MARK: Reading

    private func read() {
        do throws(FrameError) {
            while let frame = try connection.receive(DaemonFrame.self, within: .seconds(terms.lease)) { try take(frame) }
            end(.lost("it gave no sign of life for \(terms.lease) s"))
        } catch {
            end(.lost("\(error)"))
        }
    }

    private func take(_ frame: DaemonFrame) throws(FrameError) {
        switch frame {
        case .setting(let number, let setting): settings.withLock { $0.keep(setting, number) }
        case .score(let order):
            guard let setting = settings.withLock({ $0[order.setting] }) else { throw .malformed("an order of an unknown setting") }
            queue(order.spec(setting), order.reference, order.content, isFollowed: order.isFollowed)
        case .attempt(let reference, let spec, _): queue(spec, reference, nil, isFollowed: false)
        case .cancel(let reference, let cause): attempt(reference)?.cancellation.cancel(cause)
        case .pause(let reference): attempt(reference)?.askForPause()
        case .goOn(let reference): attempt(reference)?.goOn()
        case .probe(let probes):
            // To look may take long, and the daemon's next frames do not wait for that.
            let connection = connection
            Thread.detachNewThread { try? connection.send(WorkerFrame.seen(probes.map { $0.look() })) }
        case .claim(let reference):
            try connection.send(WorkerFrame.claimed(reference: reference, range: ranges(of: reference)?.claim()))
        case .scored(let reference, let range, let part):
            // To see what another machine has written may take long.
            guard let ranges = ranges(of: reference) else { break }
            Thread.detachNewThread { ranges.end(range, part) }
        case .alive: break
        }
    }

    /// Returns what gives ranges of the file of an attempt that is executed here.
    private func ranges(of reference: AttemptReference) -> OwnRanges? { state.withLock { $0.ranges[reference] } }

    private let settings = Mutex(ToldSettings())

    private func attempt(_ reference: AttemptReference) -> RemoteAttempt? { state.withLock { $0.attempts[reference] } }

    private func queue(_ spec: AttemptSpec, _ reference: AttemptReference, _ content: [UInt8]?, isFollowed: Bool) {
        let attempt = RemoteAttempt(reference, connection)
        let isWhole = state.withLock { state in
            guard state.end == nil else { return false }
            state.attempts[reference] = attempt
            if case .score(let files) = spec.work, let parts = files.parts { state.ranges[reference] = OwnRanges(parts: parts) }
            state.partial.append(Order(reference: reference, spec: spec.bounded, content: content, attempt: attempt))
            guard !isFollowed else { return false }
            state.waiting.append(state.partial)
            state.partial = []
            return true
        }
        if isWhole { work.signal() }
    }

    // MARK: Executing

    private func executeAll() {
        while true {
            work.wait()
            let lot: [Order]? = state.withLock { state in
                guard !state.waiting.isEmpty else { return nil }
                state.executing += 1
                return state.waiting.removeFirst()
            }
            if let lot {
                execute(lot)
                state.withLock { state in
                    state.executing -= 1
                    state.lastWork = .now
                }
            }
            if hasEnded { return }
        }
    }

    private func execute(_ lot: [Order]) {
        let attempts = lot.map { ($0.spec, $0.attempt.control($0.content.map { .content($0) })) }
        if lot.count == 1 {
            answer(lot[0].reference, executor.execute(attempts[0].0, control: attempts[0].1))
        } else {
            executor.execute(attempts) { place, result in answer(lot[place].reference, result) }
        }
        // The answers of a lot are sent together. If the daemon is gone, the thread that reads finds that out.
        _ = try? connection.sendHeld()
    }

    private func answer(_ reference: AttemptReference, _ result: AttemptResult) {
        var result = result
        let isNew = state.withLock { state in
            state.attempts[reference] = nil
            state.ranges[reference] = nil
            guard let machine = result.machine, machine != state.machine else { return false }
            state.machine = machine
            return true
        }
        if isNew, let machine = result.machine { try? connection.hold(WorkerFrame.machine(machine)) }
        result.machine = nil
        try? connection.hold(WorkerFrame.answer(reference: reference, result: result))
    }

    // MARK: Signs of life

    private func beat() {
        var next = ContinuousClock.now
        while !hasEnded {
            if next <= .now {
                try? connection.send(WorkerFrame.alive)
                next = .now + .seconds(terms.heartbeat)
            }
            if isIdle {
                try? connection.send(WorkerFrame.leaving)
                return end(.idle)
            }
            usleep(100_000)
        }
    }

    private var isIdle: Bool {
        guard let idle else { return false }
        return state.withLock { $0.attempts.isEmpty && $0.executing == 0 && .now - $0.lastWork > idle }
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
