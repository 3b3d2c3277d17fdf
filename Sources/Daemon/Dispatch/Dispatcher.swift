package import Arrivals
package import Attempts
package import Ledger
package import Logging
package import PipelineConfig

/// Joins the scheduler's decisions to the ledger: what arrived becomes runs, what attempts answer becomes publications, retries, rejections
/// and quarantines. Owned by one thread; it starts no work itself and takes the time as an argument, so that scenarios drive it with a
/// manual clock.
///
/// Every batch of work waits for the disk in two ledger transactions, however many files it is about: one records what is about to become
/// visible, the other closes those runs. To open the next takes a third, which nothing waits for.
package final class Dispatcher {
    /// An attempt handed out, until it is finished.
    package struct Assignment: Sendable {
        package let spec: AttemptSpec
        let opened: Opened
        /// How long it takes, as far as that is known.
        var seconds: Double?

        var arrival: WaitingArrival { opened.arrival }
        var run: OpenedRun { opened.run }
        var pipeline: Pipeline { opened.pipeline }
        var goal: AttemptSpec.Goal { opened.goal }
        var input: SpoolInput { opened.input }
        /// Whether it trains, which may take hours.
        var trains: Bool { opened.trains }
    }

    /// A run that is open, whether or not its attempt could be handed out.
    struct Opened: Sendable {
        let arrival: WaitingArrival
        let run: OpenedRun
        let pipeline: Pipeline
        /// Whether its attempt trains. One that could not be handed out does not.
        var trains = false
        var goal: AttemptSpec.Goal { AttemptSpec.Goal(arrival.role) }
        var input: SpoolInput { pipeline.input(arrival) }
    }

    package struct Configuration: Sendable {
        /// Attempts handed out at most, which is what one landing round may hold.
        package var window: Int
        /// Engine threads of one attempt, unless its pipeline says otherwise.
        package var threads: Int
        /// Whether attempts tell nothing that cells of tables hold, so that it is neither logged nor recorded.
        package var hidesValues: Bool

        package init(window: Int = 256, threads: Int = 1, hidesValues: Bool = false) {
            self.window = window
            self.threads = threads
            self.hidesValues = hidesValues
        }
    }

    let ledger: RunLedger
    let publisher: any Publisher
    let log: Logger
    let configuration: Configuration
    var scheduler = Scheduler()
    /// Those in force now. Work that is handed out keeps the one that it was opened under.
    package internal(set) var pipelines: [String: Pipeline] = [:]
    /// The revisions of those, which every file asks for and which take a digest to make.
    private(set) var revisions: [String: String] = [:]
    /// By name and revision, pipelines as they were before they were edited, for runs that were opened under them.
    var formerPipelines: [String: [String: Pipeline]] = [:]
    /// Data and models that the scheduler holds and that are not handed out.
    var held: [Int64: WaitingArrival] = [:]
    var inFlight: Set<Int64> = []
    /// Pipelines whose waiting arrivals must be read from the ledger again. Of the others every one is held or handed out.
    var stale: Set<String> = []
    /// The highest arrival that was ever held, by pipeline.
    var newest: [String: Int64] = [:]
    var versions: [String: [Int: ModelVersion]] = [:]
    /// By pipeline and revision.
    var columnPins: [String: [String: ColumnPins]] = [:]
    /// The revision under which this process has scored a file with rows, by pipeline.
    var firstScored: [String: String] = [:]
    /// Runs that are suspected of what an earlier process died of, with their arrivals.
    var suspects: [Int64: Int64] = [:]
    /// The pipelines that wait for the machine.
    var machineWaits: [String: MachineWait] = [:]
    /// The number of times that the output of a run has filled the disk, by run.
    var fillings: [Int64: Filling] = [:]
    /// The inputs that are decided and could not be archived, deleted or explained yet.
    var undisposed: [Undisposed] = []
    /// The outputs that have their final name and not their manifest line, by run.
    var unfinished: [Int64: UnfinishedOutput] = [:]
    /// When the recovery is tried again that the machine did not allow.
    var unrecovered: Postponement?
    /// The arrivals whose attempt was void, until their file has settled.
    var settling: [Int64: WaitingArrival] = [:]
    /// When outputs that could not be removed are tried again.
    var unremoved: Postponement?
    /// How long data files take, by pipeline.
    var paces: [String: Pace] = [:]
    /// Files that are to settle again.
    var void: [HashJob.Key] = []
    /// How many arrivals this process has put into quarantine or rejected.
    package internal(set) var problems = 0
    /// The newest arrival of earlier processes.
    private let newestAtStart: Int64
    /// The newest data files that were scored, by pipeline: what a new model is tried on.
    var scoredRows: [String: AttemptSpec.InputFile] = [:]

    package init(ledger: RunLedger, publisher: any Publisher, configuration: Configuration = Configuration(), log: Logger) {
        self.ledger = ledger
        self.publisher = publisher
        self.configuration = configuration
        self.log = log
        newestAtStart = (try? ledger.newestArrival()) ?? 0
    }

    /// Puts `pipelines` in force in place of those before: at the start and after an edit.
    package func use(_ pipelines: [Pipeline]) throws(LedgerError) {
        for name in self.pipelines.keys where !pipelines.contains(where: { $0.name == name }) {
            scheduler.remove(pipeline: name)
            held = held.filter { $0.value.pipeline != name }
        }
        self.pipelines = Dictionary(pipelines.map { ($0.name, $0) }, uniquingKeysWith: { _, last in last })
        revisions = self.pipelines.mapValues(\.revision.full)
        formerPipelines = [:]
        try carryOverRevisions()
        for pipeline in pipelines where !scheduler.holds(pipeline.name) {
            scheduler.add(pipeline: pipeline.name)
            for activation in try ledger.activations(pipeline: pipeline.name) {
                scheduler.activated(.init(position: activation.position, version: activation.version), in: pipeline.name)
            }
            try readVersions(of: pipeline.name)
            stale.insert(pipeline.name)
        }
        for pipeline in pipelines {
            scheduler.order(pipeline.name, isStrict: pipeline.order == .strict)
            try awaitFirst(of: pipeline)
        }
        try applyPauses()
    }

    private func carryOverRevisions() throws(LedgerError) {
        let carried = try ledger.write { (tx) throws(LedgerError) in
            var carried: [Pipeline] = []
            for pipeline in pipelines.values
            where try tx.carryOver(from: pipeline.formerRevision.full, to: pipeline.revision.full, at: .now) { carried.append(pipeline) }
            for (name, pipeline) in pipelines { try tx.keepRevision(revisions[name]!, body: pipeline.revisionBody.text) }
            return carried
        }
        for pipeline in carried {
            log.notice(
                "what was done before the form of revisions changed stays done",
                metadata: ["pipeline.name": "\(pipeline.name)", "revision": "\(pipeline.revision)", "was": "\(pipeline.formerRevision)"])
        }
    }

    func applyPauses() throws(LedgerError) {
        let pauses = try ledger.pauses()
        for name in pipelines.keys {
            pauses.includes(name) ? scheduler.pause(name) : scheduler.resume(name)
        }
    }

    func readVersions(of pipeline: String) throws(LedgerError) {
        var found: [Int: ModelVersion] = [:]
        for version in try ledger.versions(pipeline: pipeline) {
            if let number = version.version { found[number] = version }
        }
        versions[pipeline] = found
    }

    /// The ledger has numbered new arrivals. They are held as they come; the ledger is read only where it has more that wait than are held.
    package func arrived(_ numbered: Intake.Numbered) throws(LedgerError) {
        let pipeline = numbered.pipeline
        for (file, outcome) in numbered.arrivals {
            switch outcome {
            case .arrived(let number, let superseded):
                if let superseded { forget(superseded, in: pipeline) }
                take(file.waiting(as: number, since: numbered.time))
            case .refused(_, _, let superseded):
                if let superseded { forget(superseded, in: pipeline) }
                problems += 1
            case .known(_, _, let state):
                settling = settling.filter { $0.value.pipeline != pipeline || $0.value.role != file.role || $0.value.path != file.path }
                if state == .done {
                    clearReason(file.role, file.path, in: pipeline)
                    tellKnown(file)
                } else {
                    problems += 1
                }
            case .resumed(let number):
                settling[number] = nil
                stale.insert(pipeline)
            case .unchanged:
                try stands(file.path, file.stamp, role: file.role, in: pipeline, at: numbered.time)
            }
        }
        problems += numbered.refused.count { $0.report.run == nil && $0.input.digest == nil && $0.report.arrival > newestAtStart }
    }

    private func take(_ arrival: WaitingArrival) {
        let pipeline = arrival.pipeline
        guard pipelines[pipeline] != nil, !stale.contains(pipeline), arrival.role != .labelled,
            scheduler.heldData(in: pipeline) < 2 * configuration.window
        else {
            stale.insert(pipeline)
            return
        }
        // A look at the ledger may have met it before it was told.
        guard arrival.number > newest[pipeline] ?? 0 else { return }
        hold(arrival)
        switch arrival.role {
        case .model: scheduler.modelArrived(arrival.number, in: pipeline)
        case .data, .labelled: scheduler.dataArrived(arrival.number, in: pipeline)
        }
    }

    /// Returns the files whose attempts were void since the last call: they are to be judged again.
    func takeVoid() -> [HashJob.Key] {
        defer { void = [] }
        return void
    }

    func forget(_ arrival: Int64, in pipeline: String) {
        scheduler.withdrawn(arrival, in: pipeline)
        held[arrival] = nil
        settling[arrival] = nil
    }

    /// Returns when the next retry is due, if nothing else happens.
    /// - Parameter limit: what waits for the machine beyond this time is left out.
    package func nextWake(awaitingMachineUntil limit: UTCTime? = nil) -> UTCTime? {
        let next = scheduler.nextWake(awaitingMachineUntil: limit?.scheduling).map {
            UTCTime(milliseconds: Int64(($0 / .milliseconds(1)).rounded(.up)))
        }
        let machine = [unfinished.values.map(\.due).min(), unrecovered?.due].compactMap(\.self).filter { due in
            limit.map { due <= $0 } ?? true
        }
        return ([next].compactMap(\.self) + machine).min()
    }

    /// Does again what the machine did not allow before.
    package func tryAgain(at now: UTCTime) throws(LedgerError) {
        try recoverAgain(at: now)
        try finishAgain(at: now)
        disposeAgain(at: now)
        try removeLeavingAgain(at: now)
        try letGoRemoved()
    }
}

extension UTCTime {
    /// As the scheduler counts time.
    var scheduling: Duration { .milliseconds(milliseconds) }
}
