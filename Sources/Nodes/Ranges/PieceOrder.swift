import Attempts
import WorkerProtocol

/// Has a worker from elsewhere do a part of another attempt: score one range, which was claimed for it, or help one that trains.
struct PieceOrder {
    private let worker: JoinedWorker
    private let spec: AttemptSpec
    private let control: AttemptControl
    private let reference: AttemptReference

    /// The time between two looks at the cancellation.
    private static let tick: Duration = .milliseconds(50)

    init(_ spec: AttemptSpec, _ control: AttemptControl, on worker: JoinedWorker) {
        self.spec = spec
        self.control = control
        self.worker = worker
        reference = AttemptReference(run: spec.run, attempt: spec.attempt, nonce: .random(in: .min ... .max))
    }

    /// Returns the answer. Where the worker is lost, or the attempt is to end, it says that nothing was done: nobody waits for a range.
    func run() -> AttemptResult {
        let inbox = HandOutInbox()
        defer { worker.forget([reference]) }
        guard (try? worker.send([spec], [reference], inbox)) != nil else { return AttemptResult() }
        while true {
            switch inbox.next(within: Self.tick) {
            case .frame(.answer(_, let result))?: return result
            case .lost?: return AttemptResult()
            case .frame?: break
            case nil:
                guard let cause = control.cancellation.cause else {
                    // One who helps leaves then.
                    if control.turn?.isOver ?? false { worker.tell(.pause(reference: reference)) }
                    break
                }
                worker.tell(.cancel(reference: reference, cause: cause))
                return AttemptResult()
            }
        }
    }
}
