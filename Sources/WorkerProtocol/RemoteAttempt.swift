package import Attempts
import Dispatch
import Synchronization

/// Takes what a worker tells the daemon. Where the daemon is gone nothing is told, which the thread that reads finds out.
package protocol WorkerFrameSink: AnyObject, Sendable {
    func tell(_ frame: WorkerFrame)
}

extension FrameConnection: WorkerFrameSink {
    package func tell(_ frame: WorkerFrame) { try? send(frame) }
}

/// Represents one attempt on the worker's side of a connection, over which the daemon exchanges messages with it.
package final class RemoteAttempt: AttemptTurn {
    private enum Pause { case none, wanted, waiting }

    package let cancellation = AttemptCancellation()
    private let reference: AttemptReference
    private let sink: any WorkerFrameSink
    private let pauseState = Mutex(Pause.none)
    private let mayGoOn = DispatchSemaphore(value: 0)
    private let steps = Atomic(0)

    package init(_ reference: AttemptReference, _ sink: any WorkerFrameSink) {
        self.reference = reference
        self.sink = sink
    }

    /// Returns what connects an execution of the attempt with the daemon.
    /// - Parameters:
    ///   - data: the data that came with the order.
    ///   - files: opens the files of the attempt; nil lets the executor open them by their names.
    package func control(_ data: AttemptData?, _ files: (any AttemptFiles)? = nil) -> AttemptControl {
        let (sink, reference) = (sink, reference)
        var control = AttemptControl(cancellation, turn: self) { progress in
            sink.tell(.progress(reference: reference, progress: progress))
        }
        control.data = data
        control.files = files
        control.phase = { sink.tell(.phase(reference: reference, phase: $0)) }
        control.offer = { sink.tell(.ranges(reference: reference, open: $0)) }
        control.step = { [self] in _ = steps.add(1, ordering: .relaxed) }
        return control
    }

    /// Tells the daemon how far the attempt is.
    package func tellSteps() {
        sink.tell(.heartbeat(reference: reference, steps: steps.load(ordering: .relaxed)))
    }

    // MARK: Pauses

    /// Asks the attempt to pause. One that has paused already is not asked, since it would not be known that it is to go on.
    package func askForPause() { pauseState.withLock { if $0 == .none { $0 = .wanted } } }

    package var isOver: Bool { pauseState.withLock { $0 } == .wanted }

    package func pause() {
        pauseState.withLock { $0 = .waiting }
        // A cancellation that came earlier may have found nothing that waits.
        if cancellation.isCancelled { goOn() } else { sink.tell(.paused(reference: reference)) }
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
