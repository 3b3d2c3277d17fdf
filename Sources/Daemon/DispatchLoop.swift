import Ledger
import Logging
import PipelineConfig
import Runner

/// The thread that owns the dispatcher. Everything that is to be decided reaches it as a message, so that it never waits for work: while it lands one
/// round, finished attempts gather for the next.
final class DispatchLoop: @unchecked Sendable {
    enum Message: Sendable {
        case numbered([Intake.Numbered])
        case finished(Dispatcher.Assignment, AttemptResult)
        case pipelines([Pipeline])
        /// With `--once`: nothing more will be numbered; these files had not settled.
        case caughtUp([String])
        /// Take nothing more; finish what is in flight.
        case stop
    }

    // Touched by the loop's own thread only, but for the two queues.
    let inbox = BoundedQueue<Message>(capacity: 8192)
    let work: BoundedQueue<Dispatcher.Assignment>
    /// Attempts that only train, which may take hours.
    let training: BoundedQueue<Dispatcher.Assignment>
    private let dispatcher: Dispatcher
    private let log: Logger
    private var isStopping = false
    private(set) var unsettled: [String]?
    private(set) var failure: LedgerError?
    /// How long it waits for the machine once everything that is there has been numbered, with `--once`.
    private let patience: Duration
    /// Throws where the ledger in use is not the one that stands there any more.
    private let check: () throws(LedgerError) -> Void
    private var machineIsAwaitedUntil: UTCTime?

    /// How often commands are looked for.
    private static let requestInterval: Duration = .milliseconds(250)

    init(_ dispatcher: Dispatcher, patience: Duration, check: @escaping () throws(LedgerError) -> Void, log: Logger) {
        self.dispatcher = dispatcher
        self.patience = patience
        self.check = check
        self.log = log
        work = BoundedQueue(capacity: dispatcher.configuration.window + 16)
        training = BoundedQueue(capacity: dispatcher.configuration.window + 16)
    }

    /// Until told to stop and nothing is in flight, or, with `--once`, until nothing can be done any more.
    func run() {
        do throws(LedgerError) {
            try loop()
        } catch {
            failure = error
            log.critical("the ledger cannot be used; stopping", metadata: ["reason": "\(error)"])
        }
        work.close()
        training.close()
        inbox.close()
    }

    private func loop() throws(LedgerError) {
        try dispatcher.applyRequests(at: .now)
        var nextRequests = ContinuousClock.now + Self.requestInterval
        while true {
            let started = isStopping ? [] : try dispatcher.assignments(at: .now)
            for assignment in started { (assignment.goal == .fineTune ? training : work).put(assignment) }
            if isDone { return }
            try handle(inbox.take(upTo: 4096, timeout: pause()))
            if ContinuousClock.now >= nextRequests {
                try check()
                try dispatcher.applyRequests(at: .now)
                nextRequests = ContinuousClock.now + Self.requestInterval
            }
        }
    }

    var problems: Int { dispatcher.problems }

    private var isDone: Bool {
        guard dispatcher.inFlight.isEmpty else { return false }
        return isStopping || unsettled != nil && nextWake == nil
    }

    private var nextWake: UTCTime? { dispatcher.nextWake(awaitingMachineUntil: machineIsAwaitedUntil) }

    private func pause() -> Duration {
        guard !isStopping, let wake = nextWake else { return Self.requestInterval }
        return min(max(wake.duration(since: .now), .milliseconds(1)), Self.requestInterval)
    }

    private func handle(_ messages: [Message]) throws(LedgerError) {
        var finished: [(assignment: Dispatcher.Assignment, result: AttemptResult)] = []
        for message in messages {
            switch message {
            case .numbered(let numbered):
                for pipeline in numbered { dispatcher.arrived(pipeline) }
            case .finished(let assignment, let result): finished.append((assignment, result))
            case .pipelines(let pipelines):
                try dispatcher.use(pipelines)
                try dispatcher.recover(at: .now)
            case .caughtUp(let files):
                unsettled = files
                machineIsAwaitedUntil = UTCTime.now.advanced(by: patience)
            case .stop: isStopping = true
            }
        }
        if !finished.isEmpty { try dispatcher.finish(finished, at: .now) }
    }
}
