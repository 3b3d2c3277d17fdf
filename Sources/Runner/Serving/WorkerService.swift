package import Attempts
import Dispatch
import FileSystem
import Foundation
import Glibc
import Reasons
import Synchronization
import SystemPackage
package import WorkerProtocol

/// A worker's side of one connection: it executes the attempts that the daemon sends, one after another, and answers each.
///
/// The thread that runs it reads frames and executes attempts, so that no thread waits for another between small files. While an attempt
/// takes long, the listening thread reads in its place: the attempt is told to pause or to end, the daemon is told that the attempt goes
/// on, and the process ends at once when the daemon is gone.
package final class WorkerService: Sendable {
    private struct State {
        var waiting: [Order] = []
        /// The attempt that is executed, and those that wait.
        var attempts: [AttemptReference: RemoteAttempt] = [:]
        /// The attempt that is being executed.
        var executed: RemoteAttempt?
        /// The number of attempts that were begun, which shows whether the process has something to do.
        var begun = 0
        var isListening = false
    }

    /// Describes an attempt that waits, with its data where that came with it.
    private struct Order {
        let reference: AttemptReference
        let spec: AttemptSpec
        let data: AttemptData?
        /// Tells whether the daemon sends the open output without being asked.
        var outputFollows = false
    }

    private let connection: FrameConnection
    private let executor: any AttemptExecutor
    /// Asks for files; nil where this process opens them by their names.
    private let asking: FileAsking?
    private let mounts: [String: String]
    private let state = Mutex(State())
    /// The lock that the reading thread holds. That thread also queues attempts.
    private let reading = NSLock()
    private let settings = Mutex(ToldSettings())
    private let isNeeded = DispatchSemaphore(value: 0)

    /// The time, in microseconds, between two looks of the listening thread for something to read.
    private static let tick: UInt32 = 50_000
    /// The number of ticks from one heartbeat to the next.
    private static let heartbeat = 20

    /// - Parameters:
    ///   - asking: asks for files; nil where this process opens them by their names.
    ///   - mounts: the mount points that this process sees, as the greeting tells them.
    package init(
        _ connection: FrameConnection, executor: any AttemptExecutor, asking: FileAsking? = nil, mounts: [String: String] = Mount.points
    ) {
        self.mounts = mounts
        self.connection = connection
        self.executor = executor
        self.asking = asking
    }

    /// Serves until the daemon closes the connection.
    /// - Parameter token: the token that the process was started with, which its first frame shows.
    package func run(token: String) throws(FrameError) {
        FaultPoint.reach(.workerStart)
        try connection.send(
            WorkerFrame.hello(
                hello: WorkerHello(
                    build: toolVersion, token: token, machine: LocalExecutor.machine, process: getpid(),
                    host: ProcessInfo.processInfo.hostName,
                    mounts: mounts)))
        FaultPoint.reach(.workerGreeted)
        let listener = Thread { [self] in listen() }
        listener.name = "listen"
        listener.start()
        var limits = AttemptSpec.Limits()
        while true {
            do throws(FrameError) {
                execute(try next(), &limits)
            } catch .closed {
                return
            }
        }
    }

    private func next() throws(FrameError) -> Order {
        reading.lock()
        defer { reading.unlock() }
        while true {
            if let next = state.withLock({ $0.waiting.isEmpty ? nil : $0.waiting.removeFirst() }) { return next }
            if !connection.hasFrame, try connection.sendHeld() { FaultPoint.reach(.workerAnswered) }
            if let frame = try connection.receive(DaemonFrame.self) { take(frame) }
        }
    }

    private func execute(_ order: Order, _ limits: inout AttemptSpec.Limits) {
        let (spec, reference) = (order.spec, order.reference)
        let files = asking.map { AskedFiles(reference, $0, outputFollows: order.outputFollows) }
        defer {
            if case .file(let file) = order.data { try? file.close() }
            files?.closeOutput()
        }
        if spec.limits != limits {
            ProcessLimits.apply(spec)
            limits = spec.limits
        }
        let (attempt, mustWake) = state.withLock { state in
            state.executed = state.attempts[reference]
            state.begun += 1
            defer { state.isListening = true }
            return (state.executed, !state.isListening)
        }
        guard let attempt else { return }
        if mustWake { isNeeded.signal() }
        FaultPoint.reach(.workerOrdered)
        let start = ContinuousClock.now
        var result = executor.execute(spec, control: attempt.control(order.data, files))
        // The machine is known from the first frame of this connection, where the attempt ran on the usual engine.
        if result.machine == LocalExecutor.machine { result.machine = nil }
        state.withLock { state in
            state.attempts[reference] = nil
            state.executed = nil
        }
        FaultPoint.reach(.workerAnswer)
        // The answers to attempts that came together are sent together, before this thread waits again, because each sending wakes a thread
        // of the daemon. If the daemon is gone, the next read finds that out.
        try? connection.hold(WorkerFrame.answer(reference: reference, result: result))
        // Memory that a long attempt has freed goes back to the system, so that it does not count as the next attempt's.
        if ContinuousClock.now - start > .seconds(1) { LinuxCalls.trimHeap() }
    }

    // MARK: The listening thread

    private func listen() {
        while true {
            isNeeded.wait()
            var (before, ticks) = (-1, 0)
            while true {
                usleep(Self.tick)
                ticks += 1
                let (executed, begun, isOver) = state.withLock { state in
                    // There was nothing to read, and nothing has been done since the last tick: the next attempt wakes this thread.
                    let isOver = state.executed == nil && state.begun == before
                    if isOver { state.isListening = false }
                    return (state.executed, state.begun, isOver)
                }
                if isOver { break }
                before = begun
                guard let executed else { continue }
                hear()
                if ticks.isMultiple(of: Self.heartbeat) { executed.tellSteps() }
            }
        }
    }

    /// Takes the frames that have come while an attempt is executed.
    private func hear() {
        reading.lock()
        defer { reading.unlock() }
        do throws(FrameError) {
            // Answers to short attempts do not wait for the end of a long one.
            try connection.sendHeld()
            while state.withLock({ $0.executed != nil }), let frame = try connection.receive(DaemonFrame.self, within: .zero) {
                take(frame)
            }
        } catch {
            // The daemon is gone, and nobody can use what is still being computed.
            _exit(1)
        }
    }

    // MARK: Frames

    private func take(_ frame: DaemonFrame) {
        switch frame {
        case .setting(let number, let setting):
            settings.withLock { $0.keep(setting, number) }
        case .score(let order):
            guard let setting = settings.withLock({ $0[order.setting] }) else {
                try? receivedFile(order.hasFile)?.close()
                if order.outputFollows { asking?.closeOutput(of: order.reference) }
                let failure = Failure(
                    .executorLost, what: "its setting \(order.setting) is not known here", place: order.data.path, remedy: "It runs again.")
                try? connection.send(WorkerFrame.answer(reference: order.reference, result: AttemptResult(failure: failure)))
                return
            }
            let data = order.content.map { .content($0) } ?? receivedFile(order.hasFile).map { AttemptData.file($0) }
            queue(order.spec(setting), order.reference, data, outputFollows: order.outputFollows)
        case .attempt(let reference, let spec, let hasFile): queue(spec, reference, receivedFile(hasFile).map { .file($0) })
        case .cancel(let reference, let cause): attempt(reference)?.cancellation.cancel(cause)
        case .pause(let reference): attempt(reference)?.askForPause()
        case .goOn(let reference): attempt(reference)?.goOn()
        // Only a worker that has joined from elsewhere is told these.
        case .alive, .probe, .adopt, .claim, .scored, .meet: break
        }
    }

    /// Returns the open file that came with the frame.
    private func receivedFile(_ isThere: Bool) -> FileDescriptor? {
        isThere ? connection.takeFile().map { FileDescriptor(rawValue: $0) } : nil
    }

    private func queue(_ spec: AttemptSpec, _ reference: AttemptReference, _ data: AttemptData?, outputFollows: Bool = false) {
        state.withLock { state in
            state.attempts[reference] = RemoteAttempt(reference, connection)
            state.waiting.append(Order(reference: reference, spec: spec, data: data, outputFollows: outputFollows))
        }
    }

    private func attempt(_ reference: AttemptReference) -> RemoteAttempt? { state.withLock { $0.attempts[reference] } }
}
