import Arrivals
import FileSystem
import Ledger
import Logging
import PipelineConfig
import Signatures

extension PipelineDaemon {
    /// Restores what pipelines have published and the ledger does not know, from the manifests and cards beside it, before anything else is
    /// done. Where there was no ledger they must tell everything, or the daemon does not start.
    static func restoreLedger(_ ledger: RunLedger, for pipelines: [Pipeline], work: String, signer: VerifyingKey?, log: Logger) throws {
        let wanted = try pipelines.filter { try Restoration.isNeeded(for: $0, by: ledger) }
        guard !wanted.isEmpty else { return }
        let wasLost = try ledger.isEmpty()
        log.warning(
            wasLost
                ? "there is no ledger: it is restored from manifests and cards"
                : "the ledger lacks what was published: that is restored from manifests and cards",
            metadata: ["pipelines": "\(wanted.map(\.name))"])
        // Numbers are given to all pipelines together, so that they keep those that they had.
        let restorations = try (wasLost ? pipelines : wanted).map { try Restoration(of: $0, work: work, signer: signer) }
        FaultPoint.reach(.restoreBegin)
        let reports = try Restoration.apply(restorations, to: ledger, orNothing: wasLost, at: .now)
        FaultPoint.reach(.restoreRecorded)
        for report in reports {
            log.notice(
                "restored",
                metadata: [
                    "pipeline.name": "\(report.pipeline)", "outputs": "\(report.outputs)", "versions": "\(report.versions)",
                    "model.version": "\(report.active.map(String.init) ?? "none")",
                ])
            for left in report.left { log.warning("not restored", metadata: ["pipeline.name": "\(report.pipeline)", "reason": "\(left)"]) }
        }
    }
}
