import Arrivals
import Attempts
import Deployment
import Ledger
import Logging
import PipelineConfig
import Watcher

/// Runs the thread that owns the dispatcher. Everything that is to be decided reaches it as a message, so that it never waits for work:
/// while it lands one round, finished attempts gather for the next.
final class DispatchLoop: @unchecked Sendable {
    enum Message: Sendable {
        case numbered([Intake.Numbered])
        /// A large data file is being read for its digest.
        case reading(CompleteFile)
        /// Files that were being read will not be numbered as they were.
        case forgotten([SpoolPlace])
        case finished([Dispatcher.Finished])
        /// A scan has found a file that the ledger knows, in a spool that is emptied.
        case foundKnown(SpoolPlace, FileStamp)
        /// Data files are not in their spool any more, and their pipeline removes the outputs of deleted inputs.
        case deleted([String], pipeline: String)
        /// There may be room for more: an attempt was paused, so that another took its worker, or workers have come.
        case room
        case pipelines([Pipeline])
        /// With `--once`, nothing more will be numbered; these files had not settled.
        case caughtUp([String])
        /// A model was measured, or could not be.
        case measured(MeasuringOrder.Purpose, Result<DeploymentTable, Failure>)
        /// The loop is to take nothing more, and to finish what is in flight.
        case stop
    }

    // Only the loop's own thread uses these, except the inbox and the workers.
    let inbox: BoundedQueue<Message>
    let workers: Workers
    private let dispatcher: Dispatcher
    private let log: Logger
    /// Takes the files that are to be judged again, since what was read of them was not what was numbered. It is set before the thread
    /// starts.
    var unread: @Sendable ([SpoolPlace]) -> Void = { _ in }
    private var isStopping = false
    private(set) var unsettled: [String]?
    private(set) var failure: LedgerError?
    /// The time for which the loop waits for the machine, with `--once`, once everything that is there has been numbered.
    private let patience: Duration
    /// Returns what is wrong where the ledger in use is not the one that is at its path any more.
    private let ledgerFault: @Sendable () -> LedgerError?
    private var machineIsAwaitedUntil: UTCTime?
    private let conditions: ConditionBoard
    /// The conditions that were set last, of workers elsewhere.
    private var told: Set<Condition.Key> = []
    /// The time since which work waits without a break; nil while none does.
    private var waitsSince: ContinuousClock.Instant?
    private var nextDemand = ContinuousClock.now

    /// The seconds that landing lately took, in which workers get no work.
    private var away = 0.0

    /// The time between two looks for commands.
    private static let requestInterval: Duration = .milliseconds(250)
    /// The time between two reports of how much waits.
    private static let demandInterval: Duration = .seconds(1)

    init(
        _ dispatcher: Dispatcher, jobs: Int, executor: any AttemptExecutor, measuring: @escaping @Sendable () -> any AttemptExecutor,
        conditions: ConditionBoard, patience: Duration,
        ledgerFault: @escaping @Sendable () -> LedgerError?, log: Logger
    ) {
        self.dispatcher = dispatcher
        self.patience = patience
        self.ledgerFault = ledgerFault
        self.log = log
        self.conditions = conditions
        let inbox = BoundedQueue<Message>(capacity: 8192)
        self.inbox = inbox
        workers = Workers(jobs: jobs, executor: executor, measuring: measuring, conditions: conditions, log: log) { inbox.put($0) }
    }

    /// Runs until it is told to stop and nothing is in flight or, with `--once`, until nothing can be done any more. A ledger that cannot
    /// be used ends it too.
    func run() {
        do throws(LedgerError) {
            try loop()
        } catch {
            failure = error
            log.critical("the ledger cannot be used; stopping", metadata: ["reason": "\(error)"])
        }
        dispatcher.endAhead()
        workers.close()
        inbox.close()
    }

    private func loop() throws(LedgerError) {
        try applyRequests()
        var nextRequests = ContinuousClock.now + Self.requestInterval
        while true {
            try handOut()
            if isDone { return }
            if !isStopping, let order = try dispatcher.orderAhead() { workers.scoreAhead(order) }
            try handle(inbox.take(upTo: 4096, timeout: pause()))
            if ContinuousClock.now >= nextRequests {
                if let fault = ledgerFault() { throw fault }
                try applyRequests()
                try dispatcher.tryAgain(at: .now)
                nextRequests = ContinuousClock.now + Self.requestInterval
                tellDemand()
            }
        }
    }

    /// Tells the executor how much waits, and `status` of workers elsewhere.
    private func tellDemand() {
        let now = ContinuousClock.now
        guard now >= nextDemand else { return }
        nextDemand = now + Self.demandInterval
        var demand = dispatcher.demand(at: .now)
        waitsSince = demand.waiting == 0 ? nil : waitsSince ?? now
        demand.waited = waitsSince.map { (now - $0).seconds } ?? 0
        var keys: Set<Condition.Key> = []
        for news in workers.tell(demand) {
            let key = Condition.Key(.worker, subject: news.subject)
            conditions.set(key, news.text)
            keys.insert(key)
        }
        for key in told.subtracting(keys) { conditions.clear(key) }
        told = keys
    }

    private func applyRequests() throws(LedgerError) {
        let applied = try dispatcher.applyRequests(at: .now)
        for run in applied.stopping { workers.stop(run) }
        if !applied.again.isEmpty { unread(applied.again) }
    }

    private func handOut() throws(LedgerError) {
        guard !isStopping else { return }
        workers.put(try dispatcher.assignments(at: .now, for: workers.loads(away: away)))
        workers.measuring.put(dispatcher.takeMeasuringOrders())
    }

    var problems: Int { dispatcher.problems }

    private var isDone: Bool {
        guard dispatcher.isIdle else { return false }
        if isStopping { return true }
        guard unsettled != nil, nextWake == nil, !dispatcher.isMeasuring else { return false }
        // What may start and does not, waits for a worker from elsewhere.
        return !workers.mayCome || dispatcher.demand(at: .now).waiting == 0
    }

    private var nextWake: UTCTime? { dispatcher.nextWake(awaitingMachineUntil: machineIsAwaitedUntil) }

    private func pause() -> Duration {
        guard !isStopping, let wake = nextWake else { return Self.requestInterval }
        return min(max(wake.duration(since: .now), .milliseconds(1)), Self.requestInterval)
    }

    private func handle(_ messages: [Message]) throws(LedgerError) {
        var finished: [Dispatcher.Finished] = []
        for message in messages {
            switch message {
            case .numbered(let numbered):
                for pipeline in numbered { try dispatcher.arrived(pipeline) }
            case .reading(let file): dispatcher.isRead(file)
            case .forgotten(let places): dispatcher.areForgotten(places)
            case .finished(let results): finished += results
            case .foundKnown(let place, let stamp): try dispatcher.foundKnown(place, stamp, at: .now)
            case .deleted(let paths, let pipeline): try dispatcher.deleted(paths, in: pipeline, at: .now)
            case .measured(let purpose, let outcome): try dispatcher.measured(purpose, outcome, at: .now)
            case .room: break
            case .pipelines(let pipelines):
                try dispatcher.use(pipelines)
                try dispatcher.recover(at: .now)
            case .caughtUp(let files):
                unsettled = files
                machineIsAwaitedUntil = UTCTime.now.advanced(by: patience)
            case .stop:
                isStopping = true
                dispatcher.endAhead()
            }
        }
        guard !finished.isEmpty else { return }
        // Landing takes as long as the disk takes: workers that are free get their next work before it.
        if workers.haveRoom { try handOut() }
        let start = ContinuousClock.now
        try dispatcher.finish(finished, at: .now)
        away = max((ContinuousClock.now - start).seconds, away * 0.9)
        let void = dispatcher.settling.takeFiles()
        if !void.isEmpty { unread(void) }
    }
}
