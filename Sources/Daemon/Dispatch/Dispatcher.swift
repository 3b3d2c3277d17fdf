package import Arrivals
package import Attempts
import FileSystem
import Landing
package import Ledger
package import Logging
package import PipelineConfig

/// Joins the scheduler's decisions to the ledger: what arrived becomes runs, what attempts answer becomes publications, retries, rejections
/// and quarantines. One thread owns it; it starts no work itself and takes the time as an argument, so that scenarios drive it with a
/// manual clock.
///
/// Its parts keep what it knows, each with private state; the dispatcher says what happens in which order. Every batch of work waits for
/// the disk in two ledger transactions, however many files it is about: one records what is about to become visible, the other closes those
/// runs. Opening the next runs takes a third, which waits for the disk only where not all of them score.
package final class Dispatcher {
    /// Describes an attempt that is handed out and not finished yet.
    package struct Assignment: Sendable {
        package let spec: AttemptSpec
        let opened: OpenAttempt
        /// The seconds that it probably takes; nil where that is not known.
        var seconds: Double?

        var arrival: WaitingArrival { opened.arrival }
        var run: OpenedRun { opened.run }
        var pipeline: Pipeline { opened.pipeline }
        var goal: AttemptSpec.Goal { opened.goal }
        /// Tells whether it trains, which may take hours.
        var trains: Bool { opened.trains }
        /// The digest of the float model that labels were trained from; nil for a model that arrived.
        var parentDigest: String? { goal == .fineTune ? spec.model.digest : nil }
    }

    package struct Configuration: Sendable {
        /// The number of attempts that may be handed out at once, which one landing round can hold. Only a pipeline without work may exceed
        /// it.
        package var window: Int
        /// The number of engine threads of one attempt, unless its pipeline says otherwise.
        package var threads: Int
        /// The number of worker processes.
        package var workers: Int
        /// Tells whether attempts leave out what cells of tables hold, so that it is neither logged nor recorded.
        package var hidesValues: Bool
        /// The path of the work folder, where models are measured and choices are kept; nil measures none.
        package var work: String?

        package init(window: Int = 256, threads: Int = 1, workers: Int = 1, hidesValues: Bool = false, work: String? = nil) {
            self.window = window
            self.threads = threads
            self.workers = workers
            self.hidesValues = hidesValues
            self.work = work
        }
    }

    let ledger: RunLedger
    let publisher: any Publisher
    let log: Logger
    let scheduler = Scheduler()
    let pipelines: PipelinesInForce
    let window: ArrivalsWindow
    let settling: SettlingArrivals
    let versions: ModelVersions
    let columns: PinnedColumns
    let history = ScoringHistory()
    let executions = ModelExecutions()
    let specs: AttemptSpecs
    let ahead = ScoringAhead()
    let absent = AbsentColumns()
    let machine: MachineWaits
    let inputs: InputDisposal
    let unfinished = UnfinishedOutputs()
    let removal: OutputRemoval
    /// The number of arrivals that this process has refused, rejected or put into quarantine, and of files that came again and whose
    /// content is known but not done.
    package private(set) var problems = 0
    /// The newest arrival of earlier processes.
    private let newestAtStart: Int64

    package init(ledger: RunLedger, publisher: any Publisher, configuration: Configuration = Configuration(), log: Logger) {
        self.ledger = ledger
        self.publisher = publisher
        self.log = log
        pipelines = PipelinesInForce(ledger: ledger, log: log)
        window = ArrivalsWindow(ledger: ledger, scheduler: scheduler, pipelines: pipelines, size: configuration.window)
        settling = SettlingArrivals(ledger: ledger, publisher: publisher, pipelines: pipelines, log: log)
        versions = ModelVersions(ledger: ledger, publisher: publisher, scheduler: scheduler, pipelines: pipelines, log: log)
        columns = PinnedColumns(ledger: ledger, scheduler: scheduler)
        specs = AttemptSpecs(
            ledger: ledger, publisher: publisher, configuration: configuration, versions: versions, history: history,
            executions: executions)
        machine = MachineWaits(publisher: publisher, scheduler: scheduler, log: log)
        inputs = InputDisposal(publisher: publisher, log: log)
        removal = OutputRemoval(ledger: ledger, publisher: publisher, log: log)
        newestAtStart = (try? ledger.newestArrival()) ?? 0
    }

    // MARK: Pipelines

    /// Puts `pipelines` in force in place of those before: at the start and after an edit.
    package func use(_ pipelines: [Pipeline]) throws(LedgerError) {
        for name in self.pipelines.names where !pipelines.contains(where: { $0.name == name }) { window.remove(pipeline: name) }
        try self.pipelines.use(pipelines)
        for pipeline in pipelines where !scheduler.holds(pipeline.name) {
            scheduler.add(pipeline: pipeline.name)
            try versions.readAll(of: pipeline.name)
            window.readAgain(pipeline.name)
        }
        for pipeline in pipelines {
            scheduler.order(pipeline.name, isStrict: pipeline.order == .strict)
            try columns.awaitFirst(of: pipeline)
        }
        try eraseHiddenValues()
        try applyPauses()
    }

    func applyPauses() throws(LedgerError) {
        let pauses = try ledger.pauses()
        for name in pipelines.names {
            pauses.includes(name) ? scheduler.pause(name) : scheduler.resume(name)
        }
    }

    // MARK: Arrivals

    /// Takes up arrivals that the ledger has numbered. They are held as they come; the ledger is read only where it has more that wait than
    /// are held.
    package func arrived(_ numbered: Intake.Numbered) throws(LedgerError) {
        let pipeline = numbered.pipeline
        for (file, outcome) in numbered.arrivals {
            switch outcome {
            case .arrived(let number, let superseded):
                if let superseded { forget(superseded, in: pipeline) }
                ahead.isNumbered(file, number)
                window.add(WaitingArrival(number, file, arrivedAt: numbered.time))
            case .refused(_, _, let superseded):
                if let superseded { forget(superseded, in: pipeline) }
                ahead.forget(file.place)
                problems += 1
            case .known(_, _, let state):
                ahead.forget(file.place)
                settling.remove(file.role, file.path, in: pipeline)
                if state == .done {
                    clearReason(file.role, file.path, in: pipeline)
                    versions.logKnown(file)
                } else {
                    problems += 1
                }
            case .resumed(let number):
                ahead.isNumbered(file, number)
                settling.remove(number)
                window.readAgain(pipeline)
            case .unchanged:
                ahead.forget(file.place)
                try foundKnown(file.place, file.stamp, at: numbered.time)
            }
        }
        problems += numbered.refused.count { $0.report.run == nil && $0.input.digest == nil && $0.report.arrival > newestAtStart }
    }

    /// Puts away a file that a scan has found and that the ledger knows as done: it was not archived or deleted before, because an earlier
    /// daemon was killed or the machine did not allow it.
    package func foundKnown(_ place: SpoolPlace, _ stamp: FileStamp, at now: UTCTime) throws(LedgerError) {
        guard let pipeline = pipelines[place.pipeline], pipeline.after != .keep, let done = try ledger.doneInput(place, stamp) else {
            return
        }
        if !inputs.isPostponed(done) { inputs.dispose(done, pipeline, at: now) }
    }

    /// Forgets an arrival that will not start, or not as it is known here.
    func forget(_ arrival: Int64, in pipeline: String) {
        window.remove(arrival, in: pipeline)
        settling.remove(arrival)
        ahead.forget(arrival)
    }

    /// Removes the reason of an input from quarantine, since its cause is gone.
    func clearReason(_ role: ArrivalRole, _ path: String, in name: String) {
        guard let pipeline = pipelines[name] else { return }
        do throws(FileSystemError) {
            try publisher.clearReason(role: role, path: path, pipeline: pipeline)
        } catch {
            log.warning(
                "a reason stays in quarantine", metadata: ["pipeline.name": "\(name)", "file.path": "\(path)", "reason": "\(error)"])
        }
    }

    /// Counts an arrival that was put into quarantine or rejected.
    func countProblem() { problems += 1 }

    // MARK: What waits

    /// Tells whether no attempt is handed out.
    var isIdle: Bool { !window.hasHandedOut }

    /// Tells whether data waits for a model to be measured.
    var isMeasuring: Bool { executions.isMeasuring }

    /// Returns the time of the next retry; nil where nothing waits for a time.
    /// - Parameter limit: what waits for the machine beyond this time is left out.
    package func nextWake(awaitingMachineUntil limit: UTCTime? = nil) -> UTCTime? {
        let next = scheduler.nextWake(awaitingMachineUntil: limit?.scheduling).map {
            UTCTime(milliseconds: Int64(($0 / .milliseconds(1)).rounded(.up)))
        }
        let machine = unfinished.due.filter { due in limit.map { due <= $0 } ?? true }
        return ([next].compactMap(\.self) + machine).min()
    }

    /// Tries again what the machine did not allow before.
    package func tryAgain(at now: UTCTime) throws(LedgerError) {
        if unfinished.isRecoveryDue(at: now) { try recover(at: now) }
        try finishAgain(at: now)
        inputs.tryAgain(at: now)
        try removal.tryAgain(at: now)
        try settling.withdrawRemoved()
    }
}

extension UTCTime {
    /// The time as the scheduler counts it.
    var scheduling: Duration { .milliseconds(milliseconds) }
}
