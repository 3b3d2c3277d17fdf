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
    let waiting: [String: Int]
    let upToDate: Int
    /// What is done, rejected or in quarantine under another revision, the newest revision first.
    let outdated: [Outdated]

    init(of pipeline: Pipeline, _ ledger: RunLedger) throws(LedgerError) {
        let revision = pipeline.revision.full
        let counts = try ledger.counts(pipeline: pipeline.name)
        let roles = pipeline.spools.map(\.role)
        self.pipeline = pipeline.name
        file = pipeline.source
        self.revision = revision
        isNew = try !ledger.pipelines().contains(pipeline.name)
        newSpools = pipeline.spools.map(\.entry.path).filter { !FileManager.default.fileExists(atPath: $0) }
        removedSpools = ArrivalRole.allCases.filter { role in !roles.contains(role) && counts.contains { $0.role == role } }
        waiting = Dictionary(counts.filter { $0.state == .waiting }.map { ($0.role.rawValue, $0.count) }) { $0 + $1 }
        (upToDate, outdated) = try Self.compare(pipeline.name, revision, ledger)
    }

    private struct Decided {
        let arrival: Arrival
        let revision: String
    }

    /// Only the present content of a path counts: what came before it is not done again.
    private static func compare(_ name: String, _ revision: String, _ ledger: RunLedger) throws(LedgerError) -> (Int, [Outdated]) {
        var upToDate: Set<Int64> = []
        var old: [Int64: Decided] = [:]
        var last: Int64 = 0
        while true {
            let page = try ledger.arrivals(after: last)
            guard let end = page.last else { break }
            last = end.number
            for arrival in page where arrival.pipeline == name {
                if let previous = arrival.previous {
                    upToDate.remove(previous)
                    old[previous] = nil
                }
                guard [.done, .rejected, .quarantined].contains(arrival.state), let run = arrival.run, let record = try ledger.run(run) else {
                    continue
                }
                if record.revision == revision { upToDate.insert(arrival.number) } else {
                    old[arrival.number] = Decided(arrival: arrival, revision: record.revision)
                }
            }
        }
        var groups: [Outdated] = []
        for (_, decided) in old.sorted(by: { $0.key < $1.key }) {
            let place = groups.firstIndex { $0.revision == decided.revision } ?? groups.endIndex
            if place == groups.endIndex { groups.append(Outdated(revision: decided.revision)) }
            groups[place].counts[decided.arrival.role.rawValue, default: 0] += 1
            if groups[place].sample.count < sampleSize { groups[place].sample.append(decided.arrival.path) }
        }
        return (upToDate.count, groups.reversed())
    }
}

extension PipelinePlan: CustomStringConvertible {
    var description: String {
        var lines = ["\(pipeline) (\(file)): revision \(revision.shortDigest)\(isNew ? ", new" : "")"]
        func counted(_ counts: [String: Int]) -> String { counts.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ") }
        for spool in newSpools { lines.append("  \(shownPath(spool)) is new: the daemon makes it") }
        for role in removedSpools { lines.append("  \(role.rawValue): no spool any more; what arrived there stays as it is") }
        if !waiting.isEmpty { lines.append("  waiting: \(counted(waiting)); done under this revision, unless an attempt was made under another") }
        if upToDate > 0 { lines.append("  up to date: \(upToDate)") }
        for group in outdated {
            let sample = group.sample.joined(separator: ", ")
            lines.append("  under revision \(group.revision.shortDigest): \(counted(group.counts)), such as \(sample)")
        }
        if !outdated.isEmpty {
            lines.append("  none of these is redone by itself; millrace replay FILE, or millrace replay --pipeline \(pipeline) for all that is decided")
        } else if !isNew {
            lines.append("  nothing to redo")
        }
        return lines.joined(separator: "\n")
    }
}
