package import Arrivals
import Foundation
package import Ledger
package import PipelineConfig

/// Tells what pipeline files mean for what has arrived so far: what `millrace replay` would redo.
package struct PlanReport: Report {
    package let pipelines: [PipelinePlan]
    /// The pipelines that the ledger knows and none of the files names: their arrivals stay where they are.
    package let removed: [String]
    package let problems: [String]

    package init(of lint: LintReport, _ ledger: RunLedger) throws(LedgerError) {
        pipelines = try lint.pipelines.map { (pipeline) throws(LedgerError) in try PipelinePlan(of: pipeline, ledger) }
        // Where a file cannot be read, nobody can say which of them are in it.
        removed = lint.isClean ? try ledger.pipelines().filter { name in !lint.files.contains { $0.name == name } } : []
        problems = lint.problems.map(\.description)
    }

    package var lines: [Printed] {
        if pipelines.isEmpty, removed.isEmpty { return ["no pipeline files, and nothing has arrived"] }
        return pipelines.flatMap(\.lines)
            + removed.map { "\($0): in none of these files; its outputs stay, and what waits of it waits" }
    }
}

/// Tells what a pipeline file means for what has arrived so far.
package struct PipelinePlan: Report {
    package struct Outdated: Encodable, Sendable {
        package var revision: String
        /// The number of arrivals, by role.
        package var counts: [String: Int] = [:]
        /// The paths of the first few.
        package var sample: [String] = []
    }

    private static let sampleSize = 5

    package let pipeline: String
    package let file: String
    /// The revision; nil where the key of hashes is not known here, on which it depends.
    package let revision: String?
    package let isNew: Bool
    /// The spool folders that are not there: the daemon makes them.
    package let newSpools: [String]
    /// The roles of which files have arrived and for which the pipeline has no spool any more.
    package let removedSpools: [ArrivalRole]
    /// The arrivals that are done under another revision, the oldest revision first; none where the revision is not known.
    package let outdated: [Outdated]
    /// The outputs that are where they would not be put now.
    package let elsewhere: [OutputsElsewhere]
    /// The number of arrivals that wait, by role; the next two count those that were rejected or quarantined.
    package let waiting: [String: Int]
    package let rejected: [String: Int]
    package let quarantined: [String: Int]

    package init(of pipeline: Pipeline, _ ledger: RunLedger) throws(LedgerError) {
        let counts = try ledger.counts(pipeline: pipeline.name)
        func count(_ state: ArrivalState) -> [String: Int] {
            Dictionary(counts.filter { $0.state == state }.map { ($0.role.rawValue, $0.count) }) { $0 + $1 }
        }
        let roles = pipeline.spools.map(\.role)
        self.pipeline = pipeline.name
        file = pipeline.source
        revision = pipeline.privacy.lacksKey ? nil : pipeline.revision.full
        isNew = try !ledger.pipelines().contains(pipeline.name)
        newSpools = pipeline.spools.map(\.entry.path).filter { !FileManager.default.fileExists(atPath: $0) }
        removedSpools = ArrivalRole.allCases.filter { role in !roles.contains(role) && counts.contains { $0.role == role } }
        outdated = pipeline.privacy.lacksKey ? [] : try Self.outdated(pipeline, ledger)
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
                let index = groups.firstIndex { $0.revision == run.revision } ?? groups.endIndex
                if index == groups.endIndex { groups.append(Outdated(revision: run.revision)) }
                groups[index].counts[run.role.rawValue, default: 0] += 1
                if groups[index].sample.count < sampleSize { groups[index].sample.append(run.path) }
            }
        }
    }
}

extension PipelinePlan {
    package var lines: [Printed] {
        var lines: [Printed] = ["\(pipeline) (\(file)): revision \(revision?.shortDigest ?? "not known")\(isNew ? ", new" : "")"]
        func words(_ counts: [String: Int]) -> String {
            counts.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
        }
        for spool in newSpools { lines.append("  \(shownPath(spool)) is new: the daemon makes it") }
        for role in removedSpools { lines.append("  \(role.rawValue): no spool any more; what arrived there stays as it is") }
        if revision == nil, !isNew {
            lines.append("  the key of its hashes cannot be read here: the daemon's user can ask what was done under another revision")
        }
        for group in outdated {
            let sample = group.sample.joined(separator: ", ")
            lines.append("  done under revision \(group.revision.shortDigest): \(words(group.counts)), such as \(sample)")
        }
        if !outdated.isEmpty {
            lines.append(
                "    not redone by itself: millrace replay FILE, or millrace replay --pipeline \(pipeline) for all that is decided")
        }
        for outputs in elsewhere { lines.append("  \(outputs)") }
        if !waiting.isEmpty { lines.append("  waiting: \(words(waiting)); those without an attempt yet are done under this revision") }
        if !rejected.isEmpty {
            lines.append("  rejected: \(words(rejected)); millrace replay --pipeline \(pipeline) --state rejected decides again")
        }
        if !quarantined.isEmpty {
            let command = "millrace retry --pipeline \(pipeline) --state quarantined"
            lines.append("  quarantined: \(words(quarantined)); \(command) does it under this revision")
        }
        if outdated.isEmpty, elsewhere.isEmpty, !isNew, revision != nil { lines.append("  nothing that is done would be redone") }
        return lines
    }
}

/// Describes outputs that an edit of the pipeline's format or path has left where they are.
package struct OutputsElsewhere: Encodable, Sendable, CustomStringConvertible {
    package let folder: String
    /// The suffix of their names, without the dot.
    package let suffix: String
    package let count: Int
    /// The place where they would be put now; nil where nothing is scored any more.
    package let now: String?

    package static func all(of pipeline: Pipeline, _ ledger: RunLedger) throws(LedgerError) -> [OutputsElsewhere] {
        let landing = pipeline.land.outputs
        let now = landing.map { "\(shownPath($0.path)) as .\($0.format.rawValue)" }
        return try ledger.outputPlaces(pipeline: pipeline.name)
            .filter { $0.key.root != landing?.path || $0.key.suffix != landing?.format.rawValue }
            .map { OutputsElsewhere(folder: $0.key.root, suffix: $0.key.suffix, count: $0.value, now: now) }
            .sorted { ($0.folder, $0.suffix) < ($1.folder, $1.suffix) }
    }

    package var description: String {
        let what = "\(counted(count, "output")) in \(shownPath(folder)) as .\(suffix)"
        guard let now else { return what + " stay\(count == 1 ? "s" : ""): nothing is scored any more" }
        return what + ": a replay, or new content, puts each in \(now) and removes it where it is"
    }
}
