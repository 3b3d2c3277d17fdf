package import Ledger
import Reasons

/// Lists a pipeline's model versions: verdicts, parents, which one is active.
package struct ModelsReport: Report {
    private let pipeline: String
    package let versions: [ModelVersion]
    /// The paths of the files as which the versions were dropped, by arrival.
    private let files: [Int64: String]

    package init(of pipeline: String, _ ledger: RunLedger) throws(LedgerError) {
        self.pipeline = pipeline
        versions = try ledger.versions(pipeline: pipeline)
        var files: [Int64: String] = [:]
        for version in versions { files[version.arrival] = try ledger.arrival(version.arrival)?.path }
        self.files = files
    }

    package func encode(to encoder: any Encoder) throws { try versions.encode(to: encoder) }

    package var lines: [Printed] {
        if versions.isEmpty { return ["\(pipeline) has no model yet: drop one into its models spool"] }
        var table = TextTable("VERSION", "", "VERDICT", "PARENT", "TRAINED", "ARRIVAL", "CONTENT", "DECIDED", "FILE")
        var reasons: [Printed] = []
        for version in versions {
            let file = files[version.arrival] ?? ""
            table.add(
                version.version.map(String.init) ?? "-",
                version.isPinned ? "pinned" : version.isActive ? "active" : version.isPruned ? "pruned" : "",
                version.verdict.rawValue, version.parent.map(String.init) ?? "-", version.training?.summary ?? "-",
                "\(version.arrival)",
                version.sourceDigest?.shortDigest ?? "-", version.decidedAt?.short ?? "-", file)
            if let rejection = version.training?.fullReason, version.verdict == .published {
                reasons.append("  tuning of arrival \(version.arrival), \(file): \(rejection.sentence)")
            }
            if let reason = version.fullReason { reasons.append("  arrival \(version.arrival), \(file): \(reason.sentence)") }
        }
        return table.lines + (reasons.isEmpty ? [] : ["", "rejected:"] + reasons)
    }
}
