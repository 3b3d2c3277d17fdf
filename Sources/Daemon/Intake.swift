import Landing
package import Ledger
package import Logging
package import PipelineConfig
import Reasons
import SystemPackage
package import Watcher

/// Turns complete files into numbered arrivals: hashes them, asks the ledger, and tells who dispatches. Owned by one thread, so that a file of a
/// hundred gigabytes being hashed holds up other arrivals, but nothing that is already numbered.
package final class Intake {
    package struct Route: Sendable {
        let pipeline: Pipeline
        let role: ArrivalRole
    }

    private let ledger: RunLedger
    private let log: Logger
    private var routes: [String: Route] = [:]

    package init(ledger: RunLedger, log: Logger) {
        self.ledger = ledger
        self.log = log
    }

    /// The directories to watch for `pipelines`, whose events this intake can then take.
    package func directories(for pipelines: [Pipeline]) -> [SpoolDirectory] {
        var directories: [SpoolDirectory] = []
        for pipeline in pipelines {
            let entries: [(ArrivalRole, Int, SpoolEntry?)] = [
                (.model, 0, pipeline.spool.models), (.labelled, 1, pipeline.spool.labelled), (.data, 2, pipeline.spool.data),
            ]
            for (role, order, entry) in entries {
                guard let entry else { continue }
                let id = "\(pipeline.name)/\(role.rawValue)"
                routes[id] = Route(pipeline: pipeline, role: role)
                directories.append(
                    SpoolDirectory(
                        id: id, path: entry.path, include: entry.include, ignoresSuffixCase: entry.ignoresSuffixCase, order: order,
                        watch: SpoolDirectory.WatchMode(rawValue: entry.watch.rawValue) ?? .auto,
                        settle: .init(quiet: pipeline.settle.quiet, giveUp: pipeline.settle.giveUp)))
            }
        }
        return directories
    }

    /// What one pipeline got.
    package struct Numbered: Sendable {
        package let pipeline: String
        package let time: UTCTime
        /// In the order of their numbers.
        package var arrivals: [(file: ArrivingFile, outcome: ArrivalOutcome)]
        /// Files that can never be arrivals, which need a reason beside them.
        package var refused: [(input: SpoolInput, report: QuarantineReport)] = []

        package init(pipeline: String, at time: UTCTime, arrivals: [(file: ArrivingFile, outcome: ArrivalOutcome)] = []) {
            self.pipeline = pipeline
            self.time = time
            self.arrivals = arrivals
        }
    }

    /// Numbers what `events` report, models first, then by when they changed last, and returns what each pipeline got.
    package func take(_ events: [SpoolEvent], at now: UTCTime) throws(LedgerError) -> [Numbered] {
        var complete: [(file: CompleteFile, route: Route, order: Int)] = []
        var refused: [(Ledger.RefusedFile, SpoolInput)] = []
        for event in events {
            switch event {
            case .complete(let file):
                guard let route = routes[file.directory] else { continue }
                complete.append((file, route, [ArrivalRole.model: 0, .labelled: 1, .data: 2][route.role]!))
            case .truncated(let file):
                guard let route = routes[file.directory] else { continue }
                let explanation = Explanation(
                    reason: "\(file.relativePath): truncated: \(file.reason)", rule: route.role == .model ? .modelTruncated : .dataTruncated)
                refused.append(refusal(route, file.relativePath, file.stamp.recorded, explanation))
            case .refused(let file):
                guard let route = routes[file.directory] else { continue }
                let explanation = Explanation(reason: "\(file.relativePath): \(file.reason)", rule: file.rule, remedy: file.remedy)
                refused.append(refusal(route, file.relativePath, file.stamp?.recorded ?? .none, explanation))
            case .foreign(let file):
                log.warning(
                    "not what its name says",
                    metadata: ["spool": "\(file.directory)", "file.path": "\(file.relativePath)", "reason": "\(file.reason)"])
            case .overflowed:
                log.warning("events were dropped by the kernel; every spool is scanned again")
            case .unhealthy(let directory, let reason):
                log.error("spool cannot be watched", metadata: ["spool": "\(directory)", "reason": "\(reason)"])
            case .healthy(let directory):
                log.notice("spool is watched", metadata: ["spool": "\(directory)"])
            case .gone, .ignored, .rescanned, .caughtUp:
                break
            }
        }
        complete.sort { ($0.order, $0.file.stamp.changed, $0.file.relativePath) < ($1.order, $1.file.stamp.changed, $1.file.relativePath) }
        var files: [ArrivingFile] = []
        for (file, route, _) in complete {
            if let arriving = try arriving(file, route) { files.append(arriving) }
        }
        return try number(files, refused, at: now)
    }

    private func number(_ files: [ArrivingFile], _ refused: [(Ledger.RefusedFile, SpoolInput)], at now: UTCTime) throws(LedgerError) -> [Numbered] {
        guard !files.isEmpty || !refused.isEmpty else { return [] }
        // Arrivals that are lost with the power are found and numbered again: nothing of them is visible before `intend`, which is durable and they
        // with it. What is refused may be moved to quarantine next, and must be known before.
        let (outcomes, refusals) = try ledger.write(durably: !refused.isEmpty) { (tx) throws(LedgerError) in
            let outcomes = try tx.arrive(files, at: now)
            let refusals = try tx.refuse(refused.map(\.0), at: now)
            var events: [NewEvent] = []
            for (file, outcome) in zip(files, outcomes) where !outcome.isRefused { events += outcome.events(of: file) }
            for (refusal, number) in zip(refused, refusals) {
                events.append(NewEvent("refused", pipeline: refusal.0.pipeline, arrival: number))
            }
            try tx.append(events, at: now)
            return (outcomes, refusals)
        }
        // Only the ledger could tell that these are refused. One durable transaction makes those before it durable too.
        let refusedByLedger = zip(files, outcomes).filter { $1.isRefused }
        if !refusedByLedger.isEmpty {
            try ledger.write { (tx) throws(LedgerError) in try tx.append(refusedByLedger.flatMap { $1.events(of: $0) }, at: now) }
        }
        var numbered: [String: Numbered] = [:]
        for (file, outcome) in zip(files, outcomes) {
            numbered[file.pipeline, default: Numbered(pipeline: file.pipeline, at: now)].arrivals.append((file, outcome))
            if case .refused(let number, let explanation, _) = outcome, let route = routes["\(file.pipeline)/\(file.role.rawValue)"] {
                let input = SpoolInput(
                    spool: route.pipeline.spoolPath(of: file.role), path: file.path, digest: file.digest, stamp: file.stamp,
                    companions: file.companions)
                numbered[file.pipeline]!.refused.append(
                    (input, QuarantineReport(explanation: explanation, arrival: number, run: nil, attempts: [])))
            }
        }
        for ((file, input), number) in zip(refused, refusals) {
            numbered[file.pipeline, default: Numbered(pipeline: file.pipeline, at: now)].refused.append(
                (input, QuarantineReport(explanation: file.explanation, arrival: number, run: nil, attempts: [])))
        }
        return numbered.values.sorted { $0.pipeline < $1.pipeline }
    }

    private func refusal(_ route: Route, _ path: String, _ stamp: RecordedStamp, _ explanation: Explanation) -> (Ledger.RefusedFile, SpoolInput) {
        (
            Ledger.RefusedFile(pipeline: route.pipeline.name, role: route.role, path: path, stamp: stamp, explanation: explanation),
            SpoolInput(spool: route.pipeline.spoolPath(of: route.role), path: path, digest: nil, stamp: stamp, companions: [])
        )
    }

    /// Nil where the file changed or went away while it was read: the watcher hears of that and tells again.
    private func arriving(_ file: CompleteFile, _ route: Route) throws(LedgerError) -> ArrivingFile? {
        let root = FilePath(route.pipeline.spoolPath(of: route.role))
        let path = root.appending(FilePath(file.relativePath).components)
        var arriving = ArrivingFile(
            pipeline: route.pipeline.name, role: route.role, path: file.relativePath, digest: "", stamp: file.stamp.recorded,
            outputKey: route.role == .data
                ? try? route.pipeline.land.outputs?.keyNaming.path(for: file.relativePath, facts: .init(arrivedAt: 0, version: 0)) : nil)
        do throws(LandingError) {
            if file.companions.isEmpty {
                if let known = try? ledger.knownDigest(arriving.stamp) {
                    arriving.digest = known
                } else {
                    arriving.digest = try FileDigest.of(path).digest
                }
            } else {
                let folder = FilePath(file.relativePath).removingLastComponent()
                var named: [(name: String, path: FilePath)] = []
                for companion in file.companions {
                    var relative = FilePath(companion)
                    if !folder.isEmpty { _ = relative.removePrefix(folder) }
                    named.append((relative.string, root.appending(FilePath(companion).components)))
                }
                let digested = try FileDigest.ofModel(at: path, companions: named)
                arriving.digest = digested.digest
                arriving.companions = zip(named, digested.files.dropFirst()).map { name, file in
                    Companion(path: name.name, digest: file.digest, stamp: file.stamp.recorded)
                }
            }
        } catch {
            log.info("the file moved on while it was hashed", metadata: ["file.path": "\(path)", "reason": "\(error)"])
            return nil
        }
        return arriving
    }
}

extension ArrivalOutcome {
    fileprivate var isRefused: Bool {
        if case .refused = self { true } else { false }
    }

    /// None where nothing happened.
    fileprivate func events(of file: ArrivingFile) -> [NewEvent] {
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
    /// What two inputs must not share: the output's path without the partitions, which depend on when they arrive.
    var keyNaming: OutputNaming { OutputNaming(fileExtension: format.fileExtension) }
}

extension Watcher.FileStamp {
    package var recorded: RecordedStamp {
        RecordedStamp(device: Int64(bitPattern: device), inode: Int64(bitPattern: inode), size: size, changed: changed)
    }
}

extension Landing.FileStamp {
    var recorded: RecordedStamp { RecordedStamp(device: device, inode: inode, size: size, changed: changed) }
}

extension RecordedStamp {
    /// Of what cannot even be looked at.
    static var none: RecordedStamp { RecordedStamp(device: 0, inode: 0, size: 0, changed: 0) }
    var landing: Landing.FileStamp { Landing.FileStamp(device: device, inode: inode, size: size, changed: changed) }
}
