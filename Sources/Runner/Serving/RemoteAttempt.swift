import Attempts
import Dispatch
import Synchronization
import WorkerProtocol

/// Represents one attempt in a worker, with which the daemon exchanges messages.
final class RemoteAttempt: AttemptTurn {
    private enum Pause { case none, wanted, waiting }

    let cancellation = AttemptCancellation()
    private let reference: AttemptReference
    private let connection: FrameConnection
    private let pauseState = Mutex(Pause.none)
    private let mayGoOn = DispatchSemaphore(value: 0)
    private let steps = Atomic(0)

    init(_ reference: AttemptReference, _ connection: FrameConnection) {
        self.reference = reference
        self.connection = connection
    }

    /// Executes the attempt on the calling thread.
    /// - Parameters:
    ///   - data: the data that came with the order.
    ///   - files: opens the files of the attempt; nil lets the executor open them by their names.
    func execute(
        _ spec: AttemptSpec, _ data: AttemptData?, _ files: (any AttemptFiles)?, _ executor: any AttemptExecutor
    ) -> AttemptResult {
        let (connection, reference) = (connection, reference)
        var control = AttemptControl(cancellation, turn: self) { progress in
            try? connection.send(WorkerFrame.progress(reference: reference, progress: progress))
        }
        control.data = data
        control.files = files
        control.phase = { try? connection.send(WorkerFrame.phase(reference: reference, phase: $0)) }
        control.offer = { try? connection.send(WorkerFrame.ranges(reference: reference, open: $0)) }
        control.step = { [self] in _ = steps.add(1, ordering: .relaxed) }
        return executor.execute(spec, control: control)
    }

    /// Tells the daemon how far the attempt is.
    func tellSteps() {
        try? connection.send(WorkerFrame.heartbeat(reference: reference, steps: steps.load(ordering: .relaxed)))
    }

    // MARK: Pauses

    func askForPause() { pauseState.withLock { $0 = .wanted } }

    var isOver: Bool { pauseState.withLock { $0 } == .wanted }

    func pause() {
        pauseState.withLock { $0 = .waiting }
        // A cancellation that came earlier may have found nothing that waits.
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
