package import Attempts
import Dispatch
import Synchronization

/// Represents one attempt on the worker's side of a connection, over which the daemon exchanges messages with it.
package final class RemoteAttempt: AttemptTurn {
    private enum Pause { case none, wanted, waiting }

    package let cancellation = AttemptCancellation()
    private let reference: AttemptReference
    private let connection: FrameConnection
    private let pauseState = Mutex(Pause.none)
    private let mayGoOn = DispatchSemaphore(value: 0)
    private let steps = Atomic(0)

    package init(_ reference: AttemptReference, _ connection: FrameConnection) {
        self.reference = reference
        self.connection = connection
    }

    /// Returns what connects an execution of the attempt with the daemon.
    /// - Parameters:
    ///   - data: the data that came with the order.
    ///   - files: opens the files of the attempt; nil lets the executor open them by their names.
    package func control(_ data: AttemptData?, _ files: (any AttemptFiles)? = nil) -> AttemptControl {
        let (connection, reference) = (connection, reference)
        var control = AttemptControl(cancellation, turn: self) { progress in
            try? connection.send(WorkerFrame.progress(reference: reference, progress: progress))
        }
        control.data = data
        control.files = files
        control.phase = { try? connection.send(WorkerFrame.phase(reference: reference, phase: $0)) }
        control.offer = { try? connection.send(WorkerFrame.ranges(reference: reference, open: $0)) }
        control.step = { [self] in _ = steps.add(1, ordering: .relaxed) }
        return control
    }

    /// Tells the daemon how far the attempt is.
    package func tellSteps() {
        try? connection.send(WorkerFrame.heartbeat(reference: reference, steps: steps.load(ordering: .relaxed)))
    }

    // MARK: Pauses

    package func askForPause() { pauseState.withLock { $0 = .wanted } }

    package var isOver: Bool { pauseState.withLock { $0 } == .wanted }

    package func pause() {
        pauseState.withLock { $0 = .waiting }
        // A cancellation that came earlier may have found nothing that waits.
        if cancellation.isCancelled { goOn() } else { try? connection.send(WorkerFrame.paused(reference: reference)) }
        mayGoOn.wait()
    }

    package func goOn() {
        let wasWaiting = pauseState.withLock { state in
            defer { state = .none }
            return state == .waiting
        }
        if wasWaiting { mayGoOn.signal() }
    }
}
