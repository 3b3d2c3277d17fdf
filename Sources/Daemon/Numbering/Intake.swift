package import Arrivals
package import Attempts
import FileSystem
import Landing
package import Ledger
package import Logging
import Names
package import PipelineConfig
import Reasons
package import Watcher

/// Turns complete files into numbered arrivals: it has them read for their digests, keeps their order, and asks the ledger. One thread owns
/// it, which reads no file itself.
///
/// The order of one pipeline (SEMANTICS 3): files get their numbers in the order in which they were complete, so that a model, labels, or a
/// small data file that is being read holds up what was complete after it. A large data file does not: it gets its number when it has been
/// read, unless the pipeline's order is strict. A file that the machine does not let be read holds up nothing either. Pipelines never wait
/// for each other.
package final class Intake {
    package struct Route: Sendable {
        let pipeline: Pipeline
        let role: ArrivalRole

        var folder: String { pipeline.spoolPath(of: role) }
        /// The keys whose signatures count; nil where files need none.
        var signers: TrustedSigners? { pipeline.trust.signers(of: role) }
    }

    private struct Retry {
        let job: HashJob
        var pauses = GrowingPauses()
        /// The time of the next try; nil while the file is being read.
        var due: ContinuousClock.Instant?
    }

    private let ledger: RunLedger
    let conditions: ConditionBoard
    let room: NumberingRoom
    private let contents: SmallContents?
    let log: Logger
    /// The files that nothing takes and that the log has named, by spool.
    var saidUnmatched: [SpoolID: NameSet] = [:]
    private(set) var routes: [SpoolID: Route] = [:]
    /// The files that have no number yet, each in its newest state.
    private var jobs: [SpoolPlace: HashJob] = [:]
    /// The jobs that keep their order, by pipeline.
    private var lanes: [String: FIFO<HashJob>] = [:]
    /// The files outside the lanes that have been read.
    private var read: [(HashJob, ArrivedFile)] = []
    private var retries: [SpoolPlace: Retry] = [:]
    private var refused: [(file: RefusedFile, folder: String)] = []
    /// The large data files that will not be numbered as they were, and that nobody has been told of.
    private var forgotten: [SpoolPlace] = []

    /// - Parameter contents: takes the contents of small files, which need not be read again.
    package init(
        ledger: RunLedger, conditions: ConditionBoard, room: NumberingRoom = NumberingRoom(), contents: SmallContents? = nil, log: Logger
    ) {
        self.contents = contents
        self.ledger = ledger
        self.conditions = conditions
        self.room = room
        self.log = log
    }

    /// Returns the directories to watch for `pipelines`, whose events this intake can then take.
    package func directories(for pipelines: [Pipeline]) -> [SpoolDirectory] {
        var directories: [SpoolDirectory] = []
        for pipeline in pipelines {
            let entries: [(ArrivalRole, Int, SpoolEntry?)] = [
                (.model, 0, pipeline.spool.models), (.labelled, 1, pipeline.spool.labelled), (.data, 2, pipeline.spool.data),
            ]
            for (role, order, entry) in entries {
                guard let entry else { continue }
                let id = SpoolID(pipeline.name, role)
                routes[id] = Route(pipeline: pipeline, role: role)
                directories.append(
                    SpoolDirectory(
                        id: id, path: entry.path, include: entry.include, ignoresSuffixCase: entry.ignoresSuffixCase, order: order,
                        watch: SpoolDirectory.WatchMode(rawValue: entry.watch.rawValue) ?? .auto,
                        settle: .init(quiet: pipeline.settle.quiet, giveUp: pipeline.settle.giveUp),
                        signatures: pipeline.trust.signers(of: role).map { $0.isRequired ? .required : .taken } ?? .ignored))
            }
        }
        return directories
    }

    /// Holds what was numbered or refused in one pipeline.
    package struct Numbered: Sendable {
        package struct Refused: Sendable {
            package let input: RefusedInput
            package let report: QuarantineReport
            /// The folder of its spool when it was found.
            let folder: String
        }

        package let pipeline: String
        package let time: UTCTime
        /// The files with the ledger's answers, in the order of their numbers.
        package var arrivals: [(file: ArrivedFile, outcome: ArrivalOutcome)]
        /// The files that are refused, for each of which a reason is to be written.
        package var refused: [Refused] = []

        package init(pipeline: String, at time: UTCTime, arrivals: [(file: ArrivedFile, outcome: ArrivalOutcome)] = []) {
            self.pipeline = pipeline
            self.time = time
            self.arrivals = arrivals
        }
    }

    // MARK: What is heard

    /// Takes what the watcher tells, and returns the files whose content is to be read: models first, then labels, then data, each kind in
    /// the order of their last changes.
    package func take(_ events: [SpoolEvent]) -> [HashJob] {
        var complete: [(file: CompleteFile, route: Route, order: Int)] = []
        for event in events {
            switch event {
            case .complete(let file):
                guard let route = routes[file.place.spool] else { continue }
                // The newest state counts, such as after a permission was given back.
                refused.removeAll { $0.file.place == file.place }
                complete.append((file, route, [ArrivalRole.model: 0, .labelled: 1, .data: 2][route.role]!))
            case .truncated(let file):
                guard let route = routes[file.place.spool] else { continue }
                if file.isUnsigned {
                    let reason = "\(file.place.path): not admitted: \(file.reason)"
                    refuse(file.place, route, file.stamp, Explanation(reason: Reason(reason), rule: .trustMissing))
                    continue
                }
                let rule: Rule = route.role == .model ? .modelTruncated : .dataTruncated
                refuse(file.place, route, file.stamp, Explanation(reason: "\(file.place.path): truncated: \(file.reason)", rule: rule))
            case .refused(let file):
                guard let route = routes[file.place.spool] else { continue }
                complete.removeAll { $0.file.place == file.place }
                var explanation = file.explanation
                explanation.fullReason = "\(file.place.path): \(explanation.fullReason)"
                refuse(file.place, route, file.stamp ?? .none, explanation)
            case .gone(let place): forget(place)
            case .foreign, .overflowed, .unhealthy, .healthy, .blocked, .unblocked, .unmatched, .ignored, .rescanned, .caughtUp:
                report(event)
            }
        }
        complete.sort { ($0.order, $0.file.stamp.changed, $0.file.place.path) < ($1.order, $1.file.stamp.changed, $1.file.place.path) }
        return complete.compactMap { file, route, _ in begin(file, route) }
    }

    /// The number of bytes above which a file is large: large data is numbered when it has been read, whatever came after it.
    package static let largeSize: Int64 = 64 << 20

    /// Begins to read a file. Returns nil where the same state of it is being read already.
    private func begin(_ file: CompleteFile, _ route: Route) -> HashJob? {
        let key = file.place
        if let known = jobs[key], known.file.stamp == file.stamp, known.file.signature == file.signature { return nil }
        forget(key)
        let job = HashJob(file, route, contents: contents)
        jobs[key] = job
        room.begun(in: job.pipeline)
        if route.role == .data, file.stamp.size > Self.largeSize, route.pipeline.order != .strict { return job }
        lanes[job.pipeline, default: FIFO()].append(job)
        job.isInLane = true
        return job
    }

    private func refuse(_ place: SpoolPlace, _ route: Route, _ stamp: FileStamp, _ explanation: Explanation) {
        forget(place)
        refused.append((RefusedFile(place, stamp: stamp, explanation: explanation), route.folder))
    }

    /// Forgets the job of a file that is not there any more as it was.
    private func forget(_ key: SpoolPlace) {
        guard let job = jobs.removeValue(forKey: key) else { return }
        room.ended(in: job.pipeline)
        job.cancel()
        job.stage = .dropped
        if job.mayBeScoredAhead { forgotten.append(key) }
        if retries.removeValue(forKey: key) != nil { conditions.clear(job.unreadableKey) }
    }

    /// Returns the large data files, forgotten since the last call, that will not be numbered as they were.
    package func takeForgotten() -> [SpoolPlace] {
        defer { forgotten = [] }
        return forgotten
    }

    // MARK: What was read

    /// Takes what came of jobs.
    /// - Returns: files that are to be looked at again, since what was read is not what was found complete.
    package func take(_ hashed: [Hashed], at now: ContinuousClock.Instant) -> [SpoolPlace] {
        var again: [SpoolPlace] = []
        for (job, result) in hashed.map({ ($0.job, $0.result) }) where jobs[job.place] === job {
            switch result {
            case .success(let file):
                FaultPoint.reach(.intakeHashed)
                if retries.removeValue(forKey: job.place) != nil { conditions.clear(job.unreadableKey) }
                if let distrust = job.distrust {
                    refuse(job.place, job.route, job.file.stamp.judged(with: job.file.signature), distrust)
                    continue
                }
                if job.isInLane { job.stage = .read(file) } else { read.append((job, file)) }
            case .failure(let error):
                let failure = Failure(opening: error, place: job.place.path)
                if [.unreadable, .machine, .resource].contains(failure.kind) {
                    hold(job, failure, at: now)
                } else {
                    log.info(
                        "the file moved on while it was hashed", metadata: ["file.path": "\(job.place.path)", "reason": "\(error)"])
                    forget(job.place)
                    again.append(job.place)
                }
            }
        }
        return again
    }

    /// Has a file wait, as long as it takes, since the machine does not let it be read. No other file waits for it.
    private func hold(_ job: HashJob, _ failure: Failure, at now: ContinuousClock.Instant) {
        var retry = retries[job.place] ?? Retry(job: job)
        if retry.pauses.count == 0 {
            log.warning(
                "the file cannot be read; it is tried again",
                metadata: ["pipeline.name": "\(job.pipeline)", "file.path": "\(job.place.path)", "reason": "\(failure.what)"])
        }
        conditions.set(job.unreadableKey, "\(job.place.path): \(failure.what); it is tried again")
        retry.due = now + retry.pauses.next()
        retries[job.place] = retry
        // What came after it in its pipeline does not wait for it.
        job.stage = .dropped
        job.isInLane = false
    }

    /// Returns the files that are due to be tried again.
    package func dueAgain(at now: ContinuousClock.Instant) -> [HashJob] {
        var due: [HashJob] = []
        for (key, retry) in retries where retry.due.map({ $0 <= now }) ?? false {
            retries[key]!.due = nil
            due.append(retry.job)
        }
        return due
    }

    /// The time at which the next file is to be tried again; nil where none waits for that.
    package var nextRetry: ContinuousClock.Instant? { retries.values.compactMap(\.due).min() }

    /// Tells whether nothing is being read.
    package var isIdle: Bool { jobs.count == retries.count && retries.values.allSatisfy { $0.due != nil } }

    /// The files that cannot be read, one sentence each, for a daemon that waits no longer.
    package var unreadable: [String] { retries.keys.map { "\($0.path): it cannot be read" }.sorted() }

    // MARK: Numbering

    /// Numbers the files that may be: in each pipeline all that were read, up to the first in its lane that is still being read.
    /// - Throws: the ledger's error, after `lost` has been called with what is not on record.
    package func number(at now: UTCTime, lost: ([SpoolPlace]) -> Void) throws(LedgerError) -> [Numbered] {
        var files = read
        for pipeline in Array(lanes.keys) {
            while let job = lanes[pipeline]!.first {
                if case .hashing = job.stage { break }
                if case .read(let file) = job.stage { files.append((job, file)) }
                lanes[pipeline]!.removeFirst()
            }
            if lanes[pipeline]!.first == nil { lanes[pipeline] = nil }
        }
        read = []
        let refusals = refused
        refused = []
        for (job, _) in files where jobs[job.place] === job {
            jobs[job.place] = nil
            room.ended(in: job.pipeline)
        }
        do throws(LedgerError) {
            return try number(files.map(\.1), refusals, at: now)
        } catch {
            lost(files.map(\.0.place) + refusals.map(\.file.place))
            throw error
        }
    }

    private func number(
        _ files: [ArrivedFile], _ refused: [(file: RefusedFile, folder: String)], at now: UTCTime
    ) throws(LedgerError) -> [Numbered] {
        guard !files.isEmpty || !refused.isEmpty else { return [] }
        // Arrivals that are lost in a power cut are found and numbered again: nothing of them is visible before `intend`, and that write is
        // durable and makes them durable with it. What is refused may be moved to quarantine next, and must be on record before; that some
        // files are refused only the ledger can tell.
        FaultPoint.reach(.intakeNumber)
        let outcomes: [ArrivalOutcome], refusals: [Int64]
        do throws(LedgerError) {
            (outcomes, refusals) = try record(files, refused, durably: !refused.isEmpty, at: now)
        } catch .takenBack {
            (outcomes, refusals) = try record(files, refused, durably: true, at: now)
        }
        FaultPoint.reach(.intakeNumbered)
        var numbered: [String: Numbered] = [:]
        for (file, outcome) in zip(files, outcomes) {
            numbered[file.pipeline, default: Numbered(pipeline: file.pipeline, at: now)].arrivals.append((file, outcome))
            if case .refused(let number, let explanation, _) = outcome, let route = routes[file.place.spool] {
                let report = QuarantineReport(explanation: explanation, arrival: number, run: nil, attempts: [])
                numbered[file.pipeline]!.refused.append(.init(input: .read(file), report: report, folder: route.folder))
            }
        }
        for ((file, folder), number) in zip(refused, refusals) {
            let pipeline = file.place.pipeline
            let report = QuarantineReport(explanation: file.explanation, arrival: number, run: nil, attempts: [])
            numbered[pipeline, default: Numbered(pipeline: pipeline, at: now)].refused.append(
                .init(input: .unread(file.place, digest: nil), report: report, folder: folder))
        }
        return numbered.values.sorted { $0.pipeline < $1.pipeline }
    }

    /// Records files in one transaction with the events that tell of them. Throws `takenBack` where it is not durable and the ledger
    /// refuses one.
    private func record(
        _ files: [ArrivedFile], _ refused: [(file: RefusedFile, folder: String)], durably: Bool, at now: UTCTime
    ) throws(LedgerError) -> (outcomes: [ArrivalOutcome], refusals: [Int64]) {
        try ledger.write(durably: durably) { (tx) throws(LedgerError) in
            let outcomes = try tx.arrive(files, at: now)
            if !durably, outcomes.contains(where: \.isRefused) { throw .takenBack }
            let refusals = try tx.refuse(refused.map(\.file), at: now)
            var events = zip(files, outcomes).flatMap { $1.events(of: $0) }
            for (refusal, number) in zip(refused, refusals) {
                events.append(NewEvent("refused", pipeline: refusal.file.place.pipeline, arrival: number))
            }
            try tx.append(events, at: now)
            return (outcomes, refusals)
        }
    }
}

extension ArrivalOutcome {
    fileprivate var isRefused: Bool {
        if case .refused = self { true } else { false }
    }

    /// Returns the events that tell of it; none where nothing happened.
    fileprivate func events(of file: ArrivedFile) -> [NewEvent] {
        eventKind.map { [NewEvent($0, pipeline: file.pipeline, arrival: number)] } ?? []
    }

    private var eventKind: String? {
        switch self {
        case .arrived: "arrived"
        case .resumed: "resumed"
        case .known: "known"
        case .refused: "refused"
        case .unchanged: nil
        }
    }
}

extension OutputLanding {
    /// The naming that gives what two inputs must not share: the output's path without the partitions, which depend on when they arrive.
    var keyNaming: OutputNaming { OutputNaming(fileExtension: format.fileExtension) }
}
