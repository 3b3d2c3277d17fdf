package import Arrivals
import FileSystem
import Foundation
import Landing
package import Ledger
package import PipelineConfig
import Recipes
import SystemPackage

/// Lets go what `retain` does not keep: archived inputs, inputs in quarantine, history, labelled rows. Nothing goes that is needed by an
/// input or an output that is still there, or by an open training.
package struct Retention {
    package enum Kind: String, Codable, Sendable {
        case archive, quarantine, history, labels
    }

    /// Describes what goes, or went, of one kind in one pipeline.
    package struct Share: Codable, Sendable, Equatable {
        package let pipeline: String
        package let kind: Kind
        package var count = 0
        package var bytes: Int64 = 0
        /// The first few of them, as a person may know them.
        package var examples: [String] = []

        mutating func add(_ name: String, bytes: Int64 = 0) {
            count += 1
            self.bytes += bytes
            if examples.count < 3 { examples.append(name) }
        }
    }

    private let ledger: RunLedger
    private let pipelines: [Pipeline]
    private let work: FilePath
    private let now: UTCTime

    package init(ledger: RunLedger, pipelines: [Pipeline], work: String, now: UTCTime) {
        self.ledger = ledger
        self.pipelines = pipelines
        self.work = FilePath(work)
        self.now = now
    }

    /// Returns what goes, and removes it unless `dry` is true.
    /// - Parameter dry: whether nothing is changed.
    package func apply(dry: Bool) throws -> [Share] {
        var shares: [Share] = []
        for pipeline in pipelines {
            let retain = pipeline.retain
            if case .archive(let path) = pipeline.after, let limit = retain.archive {
                shares.append(try archive(path, limit, pipeline, dry: dry))
            }
            if let limit = retain.quarantine { shares.append(try quarantine(limit, pipeline, dry: dry)) }
            // Labels go before the history, which may then forget what they were.
            if let limit = retain.labels { shares.append(try labels(limit, pipeline, dry: dry)) }
            if let age = retain.history { shares.append(try history(age, pipeline, dry: dry)) }
        }
        return shares.filter { $0.count > 0 }
    }

    // MARK: Archived inputs

    private func archive(_ path: String, _ limit: Retain.Limit, _ pipeline: Pipeline, dry: Bool) throws -> Share {
        var share = Share(pipeline: pipeline.name, kind: .archive)
        let needed = try pathsInWork(of: pipeline)
        let folder = AgedFolder(path)
        // An input that is about to be done again is read from here.
        let files = folder.files().filter { file in !needed.contains { file.isCopy(of: $0) } }
        for file in Self.going(files, limit, now) {
            share.add(file.relative, bytes: file.bytes)
            if !dry { folder.remove(file) }
        }
        return share
    }

    private func pathsInWork(of pipeline: Pipeline) throws(LedgerError) -> [String] {
        var paths: [String] = []
        for role in ArrivalRole.allCases {
            for waiting in try ledger.waiting(pipeline: pipeline.name, role: role, limit: Int.max) {
                paths += Self.paths(waiting.path, waiting.file.companions)
            }
        }
        for open in try ledger.openRuns() where open.arrival.pipeline == pipeline.name {
            paths += Self.paths(open.arrival.path, try ledger.companions(of: open.arrival.number))
        }
        return paths
    }

    /// Returns the paths of a model and of its external data.
    private static func paths(_ path: String, _ companions: [Companion]) -> [String] {
        let folder = (path as NSString).deletingLastPathComponent
        return [path] + companions.map { folder.isEmpty ? $0.path : folder + "/" + $0.path }
    }

    // MARK: Quarantine

    /// Lets go what is in quarantine. A reason stays for as long as the input that it is about is in its spool and is refused; an input in
    /// quarantine goes with its reason.
    private func quarantine(_ limit: Retain.Limit, _ pipeline: Pipeline, dry: Bool) throws -> Share {
        var share = Share(pipeline: pipeline.name, kind: .quarantine)
        let folder = AgedFolder(pipeline.onError.quarantine)
        var files = folder.files()
        let suffix = ".reason.json"
        let needed = try blockedPaths(of: pipeline)
        files.removeAll { file in file.relative.hasSuffix(suffix) && needed.contains { file.isCopy(of: $0 + suffix) } }
        // An input that is about to be done again is read from here, where it does not stay in its spool.
        let inWork = try pathsInWork(of: pipeline)
        files.removeAll { file in inWork.contains { file.isCopy(of: $0) } }
        for file in Self.going(files, limit, now) {
            share.add(file.relative, bytes: file.bytes)
            if !dry { folder.remove(file) }
        }
        return share
    }

    /// Returns the paths of inputs that are refused and still in a spool.
    private func blockedPaths(of pipeline: Pipeline) throws(LedgerError) -> [String] {
        try ledger.blocked(in: pipeline.name).filter {
            FileManager.default.fileExists(atPath: pipeline.spoolPath(of: $0.role) + "/" + $0.path)
        }.map(\.path)
    }

    // MARK: History

    private func history(_ age: Duration, _ pipeline: Pipeline, dry: Bool) throws -> Share {
        var share = Share(pipeline: pipeline.name, kind: .history)
        let cutoff = now.advanced(by: .zero - age)
        // What was published last stays: a ledger without it would be taken for an older copy.
        let published = try Restoration.newestLines(of: pipeline)
        var last: Int64 = 0
        while true {
            let old = try ledger.oldArrivals(
                of: pipeline.name, before: cutoff, above: last, keeping: published.map { ($0.path, $0.outputDigest) })
            guard let newest = old.last?.number else { return share }
            last = newest
            let going = old.filter { !isNeeded($0, pipeline) }
            for arrival in going { share.add("\(arrival.role.rawValue) \(arrival.path), arrival \(arrival.number)") }
            if !dry, !going.isEmpty {
                try ledger.write { (tx) throws(LedgerError) in try tx.forget(going, of: pipeline.name) }
                FaultPoint.reach(.retentionHistory)
            }
        }
    }

    /// Returns whether the file is still there, so that it would be taken for a new one, or an output of it. It is also needed where the
    /// folder of either is away.
    private func isNeeded(_ arrival: OldArrival, _ pipeline: Pipeline) -> Bool {
        if arrival.isKept { return true }
        let files = FileManager.default
        if arrival.isCurrent {
            let spool = pipeline.spoolPath(of: arrival.role)
            // A spool that is away tells nothing of what is in it.
            guard !spool.isEmpty, files.fileExists(atPath: spool) else { return true }
            if files.fileExists(atPath: spool + "/" + arrival.path) { return true }
        }
        return arrival.publications.map(\.output).contains {
            files.fileExists(atPath: $0.absolutePath) || !files.fileExists(atPath: $0.root)
        }
    }

    // MARK: Labels

    private func labels(_ limit: Retain.Limit, _ pipeline: Pipeline, dry: Bool) throws -> Share {
        var share = Share(pipeline: pipeline.name, kind: .labels)
        let kept = KeptFiles(work: work, pipeline: pipeline.name)
        let labels = try ledger.keptLabels(of: pipeline.name)
        var files: [String: (path: FilePath, bytes: Int64)] = [:]
        for label in labels {
            let path = kept.labels(label.digest, named: label.path, privacy: pipeline.schema.privacy)
            files[label.digest] = (path, AgedFolder.bytes(of: path.string) ?? 0)
        }
        var going: [KeptLabels] = []
        switch limit {
        case .age(let age): going = labels.filter { $0.arrivedAt.advanced(by: age) <= now }
        case .bytes(let most):
            // Each content counts once, under its newest arrival.
            var total: Int64 = 0, seen: Set<String> = []
            for label in labels.reversed() {
                if seen.insert(label.digest).inserted { total += files[label.digest]!.bytes }
                if total > Int64(most) { going.append(label) }
            }
            going.reverse()
        }
        // A content that stays under another arrival stays whole.
        let staying = Set(labels.filter { label in !going.contains(label) }.map(\.digest))
        going.removeAll { staying.contains($0.digest) }
        if !dry, !going.isEmpty {
            going = try ledger.write { (tx) throws(LedgerError) in try tx.letGo(going, of: pipeline.name, at: now) }
            FaultPoint.reach(.retentionLabels)
        }
        var removed: Set<String> = []
        for label in going {
            let isFirst = removed.insert(label.digest).inserted
            share.add("\(label.path), arrival \(label.arrival)", bytes: isFirst ? files[label.digest]!.bytes : 0)
            if !dry, isFirst { try kept.discardLabels(label.digest) }
        }
        return share
    }

    // MARK: Which of them

    /// Returns the files that go: the oldest ones, by when they were put there.
    private static func going(_ files: [AgedFolder.File], _ limit: Retain.Limit, _ now: UTCTime) -> [AgedFolder.File] {
        switch limit {
        case .age(let age): return files.filter { $0.since.advanced(by: age) <= now }
        case .bytes(let most):
            var total = files.reduce(Int64(0)) { $0 + $1.bytes }
            return files.sorted { ($0.since, $0.relative) < ($1.since, $1.relative) }.prefix { file in
                guard total > Int64(most) else { return false }
                total -= file.bytes
                return true
            }
        }
    }
}
