package import Attempts
import Dispatch
import FileSystem
import Glibc
import Reasons
import Synchronization
package import WorkerProtocol

/// A worker's side of one connection: it executes the attempts that the daemon sends, one after another, and answers each.
///
/// The calling thread reads frames; attempts run on a thread of their own, so that an attempt that hears nothing can be cancelled, and the
/// process ends at once when the daemon is gone.
package final class WorkerService: Sendable {
    private struct State {
        var waiting: [(AttemptReference, AttemptSpec)] = []
        /// The attempt that is executed, and those that wait.
        var controls: [AttemptReference: Running] = [:]
        var isClosed = false
    }

    private let connection: FrameConnection
    private let executor: any AttemptExecutor
    private let state = Mutex(State())
    private let settings = Mutex<[Int: ScoreSetting]>([:])
    private let work = DispatchSemaphore(value: 0)

    package init(_ connection: FrameConnection, executor: any AttemptExecutor) {
        self.connection = connection
        self.executor = executor
    }

    /// Serves until the daemon closes the connection.
    /// - Parameter token: what the process was started with, which its first frame shows.
    package func run(token: String, starting: (@escaping @Sendable () -> Void) -> Void) throws(FrameError) {
        try connection.send(
            WorkerFrame.hello(
                hello: WorkerHello(build: toolVersion, token: token, machine: LocalExecutor.machine, process: getpid())))
        starting { [self] in executeAll() }
        defer {
            state.withLock { $0.isClosed = true }
            work.signal()
        }
        while true {
            do throws(FrameError) {
                guard let frame = try connection.receive(DaemonFrame.self) else { continue }
                take(frame)
            } catch .closed {
                return
            }
        }
    }

    private func take(_ frame: DaemonFrame) {
        switch frame {
        case .setting(let number, let setting):
            settings.withLock { settings in
                settings[number] = setting
                settings[number - ScoreSetting.mostKnown] = nil
            }
        case .score(let order):
            guard let setting = settings.withLock({ $0[order.setting] }) else {
                let failure = Failure(
                    .executorLost, what: "its setting \(order.setting) is not known here", place: order.data.path, remedy: "It runs again.")
                try? connection.send(WorkerFrame.answer(reference: order.reference, result: AttemptResult(failure: failure)))
                return
            }
            queue(order.spec(setting), order.reference)
        case .attempt(let reference, let spec): queue(spec, reference)
        case .cancel(let reference, let cause): running(reference)?.cancellation.cancel(cause)
        case .pause(let reference): running(reference)?.askForPause()
        case .goOn(let reference): running(reference)?.goOn()
        }
    }

    private func queue(_ spec: AttemptSpec, _ reference: AttemptReference) {
        state.withLock { state in
            state.controls[reference] = Running(reference, connection)
            state.waiting.append((reference, spec))
        }
        work.signal()
    }

    private func running(_ reference: AttemptReference) -> Running? { state.withLock { $0.controls[reference] } }

    private func executeAll() {
        var limits = AttemptSpec.Limits()
        while true {
            work.wait()
            let (next, running): ((AttemptReference, AttemptSpec)?, Running?) = state.withLock { state in
                guard !state.waiting.isEmpty else { return (nil, nil) }
                let next = state.waiting.removeFirst()
                return (next, state.controls[next.0])
            }
            guard let (reference, spec) = next, let running else { return }
            if spec.limits != limits {
                ProcessLimits.apply(spec)
                limits = spec.limits
            }
            let start = ContinuousClock.now
            var result = running.execute(spec, executor)
            // It is that of the first frame.
            result.machine = nil
            // What a long attempt has freed goes back to the system, so that it does not count as the next one's.
            if ContinuousClock.now - start > .seconds(1) { LinuxCalls.trimHeap() }
            state.withLock { $0.controls[reference] = nil }
            // Where the daemon is gone, the reading thread finds out.
            try? connection.send(WorkerFrame.answer(reference: reference, result: result))
        }
    }
}

/// One attempt in a worker, as the daemon reaches it.
private final class Running: AttemptTurn {
    let cancellation = AttemptCancellation()
    private let reference: AttemptReference
    private let connection: FrameConnection
    private let pauseState = Mutex(Pause.none)
    private let steps = Atomic(0)
    private let mayGoOn = DispatchSemaphore(value: 0)

    init(_ reference: AttemptReference, _ connection: FrameConnection) {
        self.reference = reference
        self.connection = connection
    }

    func execute(_ spec: AttemptSpec, _ executor: any AttemptExecutor) -> AttemptResult {
        let (connection, reference) = (connection, reference)
        var control = AttemptControl(cancellation, turn: self) { progress in
            try? connection.send(WorkerFrame.progress(reference: reference, progress: progress))
        }
        control.phase = { try? connection.send(WorkerFrame.phase(reference: reference, phase: $0)) }
        control.step = { [self] in _ = steps.add(1, ordering: .relaxed) }
        let heartbeat = DispatchSource.makeTimerSource(queue: Self.heart)
        heartbeat.schedule(deadline: .now() + 1, repeating: 1)
        heartbeat.setEventHandler { [self] in
            try? connection.send(WorkerFrame.heartbeat(reference: reference, steps: steps.load(ordering: .relaxed)))
        }
        heartbeat.activate()
        defer { heartbeat.cancel() }
        return executor.execute(spec, control: control)
    }

    private static let heart = DispatchQueue(label: "heartbeat")

    // MARK: AttemptTurn

    private enum Pause { case none, wanted, waiting }

    func askForPause() { pauseState.withLock { $0 = .wanted } }

    var isOver: Bool { pauseState.withLock { $0 } == .wanted }

    func pause() {
        pauseState.withLock { $0 = .waiting }
        // Who cancelled before may have found nothing that waits.
        if cancellation.isCancelled { goOn() } else { try? connection.send(WorkerFrame.paused(reference: reference)) }
        mayGoOn.wait()
    }

    func goOn() {
        let wasWaiting = pauseState.withLock { state in
            defer { state = .none }
            return state == .waiting
        }
        if wasWaiting { mayGoOn.signal() }
    }
}
