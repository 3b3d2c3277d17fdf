import Arrivals
package import Attempts
import FileSystem
import Foundation
import Landing
package import Ledger
package import Logging
import PipelineConfig
import Reasons
import ServiceLifecycle
import Signatures
import Synchronization
import SystemPackage
import Watcher

/// Watches, numbers, dispatches and lands, until told to stop. `Sources/README.md` has the table of its threads, and what the next daemon
/// finds after a kill. Stopping goes from the front: the watch ends, then dispatch drains what is in flight.
package final class PipelineDaemon: Service {
    package struct Options: Sendable {
        package var root: String
        package var jobs: Int
        /// The most attempts at once where workers of other machines help; nil where there are none.
        package var placesElsewhere: Int?
        package var threads: Int
        /// Tells whether the daemon does what is there and returns.
        package var once: Bool
        /// The time that running attempts may take to finish after a stop, before they are taken back.
        package var grace: Duration
        /// The time to wait, with `once`, for a machine that does not do what the work needs.
        package var patience: Duration
        /// Tells whether what cells of tables hold is neither logged nor stored.
        package var hidesValues: Bool

        package var stateDirectory: String
        package var workDirectory: String

        /// Makes options. The state folder is `ROOT/.millrace` where `state` is left out, and the work folder is the state folder where
        /// `work` is.
        package init(
            root: String, state: String? = nil, work: String? = nil, jobs: Int, threads: Int, once: Bool = false,
            grace: Duration = .seconds(30), patience: Duration = .zero, hidesValues: Bool = false
        ) {
            self.root = root
            self.jobs = jobs
            self.threads = threads
            self.once = once
            self.grace = grace
            self.patience = patience
            self.hidesValues = hidesValues
            stateDirectory = state ?? root + "/.millrace"
            workDirectory = work ?? stateDirectory
        }
    }

    /// Tells how a run of the daemon came out.
    package struct Outcome: Sendable {
        package var unsettled: [String]
        /// The number of files that were refused, rejected or put into quarantine, or that came again and are known as such.
        package var problems: Int
        package var failure: LedgerError?
    }

    let options: Options
    private let seat: Seat
    let ledger: RunLedger
    let log: Logger
    private let loop: DispatchLoop
    private let watcher: SpoolWatcher
    private let numbering: NumberingLoop
    private let conditions: ConditionBoard
    private let publisher: DiskPublisher
    private let reasons: ReasonKeeper
    private let deletions: DeletionWatch
    private let pipelineFiles: PipelineFiles
    private let finished = Mutex<Outcome?>(nil)
    private let isEnding: Ending
    private let couriers: Couriers
    private let edits = Mutex<ConfigWatch?>(nil)

    var lock: DaemonLock { seat.lock }
    private var claims: FolderClaims { seat.claims }

    /// Opens the ledger, and settles what an earlier daemon left. It throws what an operator must mend first.
    /// - Parameters:
    ///   - seat: the right to work on the root.
    ///   - measuring: makes an executor with one worker process, for a candidate that is measured.
    ///   - contents: takes what small files of data hold, for the executor.
    package init(
        _ options: Options, seat: Seat, pipelines: PipelineFiles, executor: any AttemptExecutor,
        measuring: @escaping @Sendable () -> any AttemptExecutor, contents: SmallContents? = nil, log: Logger
    ) throws {
        var options = options
        options.workDirectory = seat.work
        self.options = options
        self.seat = seat
        self.log = log
        pipelineFiles = pipelines
        ledger = try RunLedger(stateDirectory: options.stateDirectory, hidesValues: options.hidesValues)
        FaultPoint.reach(.startLedger)
        for renamed in try Renaming.apply(pipelines.inForce, ledger: ledger, work: options.workDirectory, root: options.root) {
            log.notice(
                "the history of a pipeline goes on under another name",
                metadata: ["pipeline.name": "\(renamed.new)", "was": "\(renamed.old)"])
        }
        let signer = try pipelines.settings.sign?.read()
        try Self.restoreLedger(
            ledger, for: pipelines.inForce, work: options.workDirectory, signer: signer?.publicKey, log: log)
        if !options.once { try ledger.prepareForWriting() }
        let isEnding = Ending()
        self.isEnding = isEnding
        let deadline = options.once ? ContinuousClock.now + options.patience : nil
        ledger.wait(
            with: LedgerPatience(
                isOver: { isEnding.isSet || deadline.map { $0 <= .now } ?? false },
                tell: { news in
                    switch news {
                    case .waiting(let error):
                        log.critical("the ledger cannot be written; waiting until it can", metadata: ["reason": "\(error)"])
                    case .goesOn(let time): log.notice("the ledger can be written again", metadata: ["waited": "\(time)"])
                    }
                }))
        if seat.term != nil {
            try ledger.keepCopy(in: seat.copy) {
                Result { () throws(FileSystemError) in try seat.successor() }
            } tell: {
                log.warning(
                    "the ledger could not be copied anew for other hosts; the copy that there is goes on", metadata: ["reason": "\($0)"])
            }
        }
        let inForce = pipelines.inForce
        couriers = Couriers(ledger: ledger, log: log)
        couriers.use(pipelines.settings, inForce)
        try PipelineFolders.make(inForce)
        try FormerRoots.note(inForce, ledger)
        for folder in Set([options.stateDirectory, options.workDirectory]) { try PrivateFolder.close(FilePath(folder)) }
        try seat.claims.use(inForce)
        publisher = try DiskPublisher(
            root: options.root, work: options.workDirectory, epoch: seat.term?.epoch.number, pipelines: inForce, claims: seat.claims,
            signer: signer
        ) { if let fault = seat.fault { throw fault } }
        try PipelineFolders.verify(inForce)
        let dispatcher = Dispatcher(
            ledger: ledger, publisher: publisher,
            configuration: .init(
                window: max(256, (options.jobs + (options.placesElsewhere ?? 0)) * 16), threads: options.threads, workers: options.jobs,
                hidesValues: options.hidesValues, work: options.workDirectory), log: log)
        try dispatcher.use(inForce)
        try dispatcher.recover(at: .now)
        FaultPoint.reach(.startRecovered)
        try publisher.recoverInputs()
        FaultPoint.reach(.startInputs)
        let reasons = ReasonKeeper(ledger, publisher)
        self.reasons = reasons
        try reasons.settle(inForce)
        let open = Set(try ledger.openRuns().map(\.number))
        try publisher.sweep(open: open)
        try MeasuringQueue.sweep(work: options.workDirectory)
        FaultPoint.reach(.startSwept)
        try publisher.pruneCheckpoints(keeping: open, of: inForce)
        let ledger = ledger
        conditions = ConditionBoard(ledger: ledger)
        loop = DispatchLoop(
            dispatcher, jobs: options.jobs, executor: executor, measuring: measuring, conditions: conditions,
            patience: options.patience,
            ledgerFault: { ledger.fileFault ?? seat.lock.fileFault ?? seat.fault }, log: log)
        let inbox = loop.inbox
        deletions = DeletionWatch(ledger: ledger, pipelines: inForce, log: log) { inbox.put(.deleted($0, pipeline: $1)) }
        let room = NumberingRoom()
        let intake = Intake(ledger: ledger, conditions: conditions, room: room, contents: contents, log: log)
        let (loop, publisher) = (loop, publisher)
        let watcher = SpoolWatcher(
            directories: intake.directories(for: inForce),
            logger: log,
            knowsAny: { spool in (try? ledger.hasFiles(pipeline: spool.pipeline, role: spool.role)) ?? true },
            hasRoom: { room.isFree(for: $0.pipeline) },
            isKnown: { place, stamp in
                let isCurrent =
                    (try? ledger.isCurrent(
                        place.pipeline, place.role, place.path, stamp, stampOf: pipelines.stampsOfSignedData(of: place))) ?? false
                if isCurrent { reasons.stands(place, pipelines.inForce) }
                // Where inputs leave their spool when they are done, one that stands there may have been left by a daemon that was killed.
                if isCurrent, pipelines.inForce.contains(where: { $0.name == place.pipeline && $0.after != .keep }) {
                    loop.inbox.put(.foundKnown(place, stamp))
                }
                return isCurrent
            })
        self.watcher = watcher
        numbering = NumberingLoop(
            intake, ledger: ledger, conditions: conditions,
            outlets: .init(
                numbered: { numbered in
                    for refused in numbered.flatMap(\.refused) { Self.explain(refused, pipelines, publisher, log) }
                    for pipeline in numbered {
                        for case (let file, .unchanged) in pipeline.arrivals {
                            reasons.stands(file.place, pipelines.inForce)
                        }
                    }
                    loop.inbox.put(.numbered(numbered))
                },
                reading: { loop.inbox.put(.reading($0)) },
                forgotten: { loop.inbox.put(.forgotten($0)) },
                caughtUp: { loop.inbox.put(.caughtUp($0)) },
                pipelines: { pipelines, directories in
                    watcher.update(directories: directories)
                    loop.inbox.put(.pipelines(pipelines))
                },
                lookAgain: { watcher.lookAgain(at: $0) }),
            patience: options.patience, log: log)
        loop.unread = { watcher.lookAgain(at: $0) }
        writeInForce()
    }

    /// Writes for the commands which pipelines are in force.
    private func writeInForce() {
        let files = pipelineFiles.inForce.map { (pipeline: $0.name, file: CanonicalPaths.absolute($0.source, root: ".")) }
        do { try InForce(files).write(stateDirectory: options.stateDirectory) } catch {
            log.warning("status cannot be told which pipelines are in force", metadata: ["reason": "\(error)"])
        }
    }

    var mustEnd: Bool { isEnding.isSet }

    func retention(at now: UTCTime) -> Retention {
        Retention(ledger: ledger, pipelines: pipelineFiles.inForce, work: options.workDirectory, now: now)
    }

    /// Has the pipeline files read again, as after an edit, and the log say so. Any thread may call it.
    package func rereadPipelines() { edits.withLock { $0 }?.ask() }

    /// The outcome of `run`; nil until it has returned.
    package var outcome: Outcome? { finished.withLock { $0 } }

    package func run() async throws {
        let server = serve()
        defer { server?.stop() }
        edits.withLock { [pipelineFiles] in
            $0 = ConfigWatch(
                files: { pipelineFiles.paths }, inForce: { pipelineFiles.inForce.map(\.source) }, folders: pipelineFiles.folders,
                logger: log)
        }
        let edits = self.edits.withLock { $0! }
        let dispatching = NamedThread("dispatch") { [loop, watcher, isEnding] in
            loop.run()
            // A daemon that cannot dispatch takes no more files and ends, so that its supervisor starts it again.
            guard loop.failure != nil else { return }
            isEnding.set()
            watcher.stop()
            edits.stop()
            loop.workers.takeBack()
        }
        let numbered = NamedThread("intake") { [numbering] in numbering.run() }
        let hashing = (0..<HashingPool.threads(cores: ProcessInfo.processInfo.activeProcessorCount)).map { number in
            NamedThread("hash-\(number)") { [numbering] in numbering.pool.run() }
        }
        let telling = NamedThread("conditions") { [conditions] in conditions.run() }
        let claiming = NamedThread("claims") { [claims] in claims.run() }
        let pruning = options.once ? nil : NamedThread("prune") { [self] in prune() }
        let missing = options.once ? nil : NamedThread("deletions") { [deletions] in deletions.run() }
        let watching = NamedThread("watch") { [self] in watch() }
        let reloading =
            options.once
            ? nil
            : NamedThread("edits") { [self] in
                // The files may have been edited before the watch knew them.
                reload()
                edits.run { path in reload(isAsked: path == nil) }
            }
        FaultPoint.reach(.startRunning)
        log.notice(
            "running",
            metadata: [
                "pipelines": .list(pipelineFiles.inForce.map(\.name)), "jobs": .number(options.jobs), "root": "\(options.root)",
            ])
        await withGracefulShutdownHandler {
            await watching.join()
            await numbered.join()
            for thread in hashing { await thread.join() }
            await dispatching.join()
            await loop.workers.join()
            edits.stop()
            await reloading?.join()
            await pruning?.join()
            deletions.stop()
            await missing?.join()
            // The notifications of the last work are delivered too, if their targets take them soon.
            await couriers.stop(within: options.once ? max(.seconds(10), options.patience) : .seconds(3))
            conditions.close()
            await telling.join()
            claims.stop()
            await claiming.join()
        } onGracefulShutdown: { [self] in
            log.notice("stopping: taking no more files")
            isEnding.set()
            edits.stop()
            watcher.stop()
            numbering.pool.stop()
            numbering.inbox.put(.stop)
            loop.inbox.put(.stop)
            DispatchQueue.global().asyncAfter(deadline: .now() + options.grace.seconds) { [loop] in loop.workers.takeBack() }
        }
        finished.withLock { $0 = Outcome(unsettled: loop.unsettled ?? [], problems: loop.problems, failure: loop.failure) }
        if let failure = loop.failure { throw failure }
        log.notice("stopped")
    }

    // MARK: The watch thread

    private func watch() {
        let deliver: @Sendable ([SpoolEvent]) -> Void = { [numbering, reasons, pipelineFiles, deletions] events in
            reasons.hear(events, pipelineFiles.inForce)
            deletions.hear(events)
            numbering.hear(events)
        }
        if options.once {
            deletions.lookOnce()
            let deadline = ContinuousClock.now + options.patience
            var pauses = GrowingPauses(first: .milliseconds(200), longest: .seconds(2))
            var waiting = watcher.runOnce(deliver: deliver)
            // What has just been copied settles in this time, or is left for the next call.
            while !waiting.isEmpty, !isEnding.isSet, ContinuousClock.now < deadline {
                Thread.sleep(forTimeInterval: min(pauses.next(), deadline - ContinuousClock.now).seconds)
                waiting = watcher.runOnce(deliver: deliver)
            }
            numbering.inbox.put(.scanned(waiting.map { "\($0.place.path): \($0.reason)" }))
        } else {
            watcher.run(deliver: deliver)
            numbering.inbox.put(.stop)
        }
    }

    private static func explain(
        _ refused: Intake.Numbered.Refused, _ files: PipelineFiles, _ publisher: DiskPublisher, _ log: Logger
    ) {
        FaultPoint.reach(.intakeRefused)
        let (place, explanation) = (refused.input.place, refused.report.explanation)
        log.warning(
            "refused",
            metadata: ["file.path": "\(place.path)", "rule": "\(explanation.rule)"].merging(explanation.fullReason.logged) { $1 })
        // An edit may have given the spool another folder since.
        guard let pipeline = files.inForce.first(where: { $0.spool.entries.contains { $0.path == refused.folder } }) else { return }
        do {
            try publisher.quarantine(refused.input, refused.report, pipeline: pipeline)
        } catch {
            log.error("the reason could not be written", metadata: ["reason": "\(error)"])
        }
    }

    // MARK: Edits

    private func reload(isAsked: Bool = false) {
        if pipelineFiles.needsRestart {
            log.warning("workers, threads, sessions, state, work and sign of millrace.yaml take effect with the next start")
        }
        switch pipelineFiles.reload() {
        case .unchanged:
            writeInForce()
            if isAsked { log.notice("pipelines re-read: nothing has changed") }
        case .refused(let problems):
            for problem in problems { log.error("the edit is refused; what was in force stays", metadata: ["problem": "\(problem)"]) }
        case .changed(let read):
            let pipelines = read.pipelines
            FaultPoint.reach(.editBegin)
            do {
                for pipeline in try Renaming.pending(pipelines, ledger: ledger) {
                    log.warning(
                        "the history of the former name is taken over when the daemon starts next",
                        metadata: ["pipeline.name": "\(pipeline.name)", "was": "\(pipeline.was ?? "")"])
                }
                try PipelineFolders.make(pipelines)
                try FormerRoots.note(pipelines, ledger)
                try claims.use(pipelines)
                do { try publisher.use(pipelines) } catch {
                    // The claims on folders that only this edit names are given back.
                    try claims.use(pipelineFiles.inForce)
                    throw error
                }
                pipelineFiles.putInForce(read)
                couriers.use(read.settings, pipelines)
                FaultPoint.reach(.editInForce)
                numbering.inbox.put(.pipelines(pipelines))
                deletions.use(pipelines)
                writeInForce()
                log.notice("pipelines re-read", metadata: ["pipelines": .list(pipelines.map(\.name))])
            } catch {
                log.error("the edit is refused; what was in force stays", metadata: ["problem": "\(error)"])
            }
        }
    }
}

/// Tells the daemon's threads whether the daemon is to end.
private final class Ending: Sendable {
    private let flag = Atomic(false)

    var isSet: Bool { flag.load(ordering: .relaxed) }
    func set() { flag.store(true, ordering: .relaxed) }
}

extension PipelineDaemon {
    /// Returns what the ledger says of the pipelines in force.
    package func status() throws(LedgerError) -> [PipelineStatus] {
        let names = pipelineFiles.inForce.map(\.name)
        return try ledger.status(naming: names, strict: pipelineFiles.inForce.strict, now: .now).filter { names.contains($0.pipeline) }
    }
}
