import Arrivals
import Foundation
import Ledger
import PipelineConfig

/// What a pipeline file means for what has arrived so far.
struct PipelinePlan: Encodable {
    struct Outdated: Encodable {
        var revision: String
        var counts: [String: Int] = [:]
        /// The first few.
        var sample: [String] = []
    }

    static let sampleSize = 5

    let pipeline: String
    let file: String
    let revision: String
    let isNew: Bool
    /// Spool folders that are not there: the daemon makes them.
    let newSpools: [String]
    /// Roles of which files have arrived and that the pipeline has no spool for any more.
    let removedSpools: [ArrivalRole]
    /// What is done now under another revision, the oldest revision first.
    let outdated: [Outdated]
    /// Outputs that stand where they would not be put now.
    let elsewhere: [OutputsElsewhere]
    let waiting: [String: Int]
    let rejected: [String: Int]
    let quarantined: [String: Int]

    init(of pipeline: Pipeline, _ ledger: RunLedger) throws(LedgerError) {
        let counts = try ledger.counts(pipeline: pipeline.name)
        func count(_ state: ArrivalState) -> [String: Int] {
            Dictionary(counts.filter { $0.state == state }.map { ($0.role.rawValue, $0.count) }) { $0 + $1 }
        }
        let roles = pipeline.spools.map(\.role)
        self.pipeline = pipeline.name
        file = pipeline.source
        revision = pipeline.revision.full
        isNew = try !ledger.pipelines().contains(pipeline.name)
        newSpools = pipeline.spools.map(\.entry.path).filter { !FileManager.default.fileExists(atPath: $0) }
        removedSpools = ArrivalRole.allCases.filter { role in !roles.contains(role) && counts.contains { $0.role == role } }
        outdated = try Self.outdated(pipeline, ledger)
        elsewhere = try OutputsElsewhere.all(of: pipeline, ledger)
        waiting = count(.waiting)
        rejected = count(.rejected)
        quarantined = count(.quarantined)
    }

    private static func outdated(_ pipeline: Pipeline, _ ledger: RunLedger) throws(LedgerError) -> [Outdated] {
        var groups: [Outdated] = []
        var last: Int64 = 0
        while true {
            let page = try ledger.outdated(
                pipeline: pipeline.name, revision: pipeline.revision.full, former: pipeline.formerRevision.full, after: last)
            guard let end = page.last else { return groups }
            last = end.arrival
            for run in page {
                let place = groups.firstIndex { $0.revision == run.revision } ?? groups.endIndex
                if place == groups.endIndex { groups.append(Outdated(revision: run.revision)) }
                groups[place].counts[run.role.rawValue, default: 0] += 1
                if groups[place].sample.count < sampleSize { groups[place].sample.append(run.path) }
            }
        }
    }
}

extension PipelinePlan: CustomStringConvertible {
    var description: String {
        var lines = ["\(pipeline) (\(file)): revision \(revision.shortDigest)\(isNew ? ", new" : "")"]
        func counted(_ counts: [String: Int]) -> String {
            counts.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
        }
        for spool in newSpools { lines.append("  \(shownPath(spool)) is new: the daemon makes it") }
        for role in removedSpools { lines.append("  \(role.rawValue): no spool any more; what arrived there stays as it is") }
        for group in outdated {
            let sample = group.sample.joined(separator: ", ")
            lines.append("  done under revision \(group.revision.shortDigest): \(counted(group.counts)), such as \(sample)")
        }
        if !outdated.isEmpty {
            lines.append(
                "    not redone by itself: millrace replay FILE, or millrace replay --pipeline \(pipeline) for all that is decided")
        }
        for outputs in elsewhere { lines.append("  \(outputs)") }
        if !waiting.isEmpty { lines.append("  waiting: \(counted(waiting)); those without an attempt yet are done under this revision") }
        if !rejected.isEmpty {
            lines.append("  rejected: \(counted(rejected)); millrace replay --pipeline \(pipeline) --state rejected decides again")
        }
        if !quarantined.isEmpty {
            lines.append(
                "  quarantined: \(counted(quarantined)); millrace retry --pipeline \(pipeline) --state quarantined does it under this revision"
            )
        }
        if outdated.isEmpty, elsewhere.isEmpty, !isNew { lines.append("  nothing that is done would be redone") }
        return lines.joined(separator: "\n")
    }
}

/// Outputs that an edit of the pipeline's format or path has left where they are.
struct OutputsElsewhere: Encodable, CustomStringConvertible {
    let folder: String
    /// Of names, without the dot.
    let suffix: String
    let count: Int
    /// Where they would be put now; nil where nothing is scored any more.
    let now: String?

    static func all(of pipeline: Pipeline, _ ledger: RunLedger) throws(LedgerError) -> [OutputsElsewhere] {
        let landing = pipeline.land.outputs
        let now = landing.map { "\(shownPath($0.path)) as .\($0.format.rawValue)" }
        return try ledger.outputPlaces(pipeline: pipeline.name)
            .filter { $0.key.root != landing?.path || $0.key.suffix != landing?.format.rawValue }
            .map { OutputsElsewhere(folder: $0.key.root, suffix: $0.key.suffix, count: $0.value, now: now) }
            .sorted { ($0.folder, $0.suffix) < ($1.folder, $1.suffix) }
    }

    var description: String {
        let what = "\(count) output\(count == 1 ? "" : "s") in \(shownPath(folder)) as .\(suffix)"
        guard let now else { return what + " stay\(count == 1 ? "s" : ""): nothing is scored any more" }
        return what + ": a replay, or new content, puts each in \(now) and removes it where it is"
    }
}
