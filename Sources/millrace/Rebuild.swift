import ArgumentParser
import Arrivals
import Daemon
import Foundation
import Ledger
import PipelineConfig
import Reports
import Signatures
import Terminal

struct Rebuild: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Restore a lost ledger from the manifests and cards beside what was published.",
        discussion: """
            Arrivals that were published come back with their numbers, outputs and versions; so nothing is done twice. What was rejected, \
            quarantined or waiting left no trace and is taken up again by the next `millrace run`. What the ledger knows already stays as \
            it is. Not beside a daemon. Ends with 1 where something could not be restored, which is named. `millrace run` does this by \
            itself where there is no ledger, if all of it can be restored.
            """)

    @Argument(help: "Pipeline files, folders of them, or globs. Default: ROOT/pipelines.", completion: .file()) var pipelines: [String] = []
    @OptionGroup var root: RootOption
    @OptionGroup var output: JSONFlag

    func run() throws {
        let lint = root.folder.lint(pipelines)
        // A pipeline that cannot be read would be rebuilt as one to which nothing ever arrived.
        for problem in lint.problems { _ = fail(problem) }
        guard lint.isClean else { throw ExitStatus.badConfiguration }
        guard !lint.pipelines.isEmpty else {
            throw fail("no pipeline files in \(shownPath(root.path + "/pipelines")): name them", ExitStatus.badConfiguration)
        }
        let reports = try reportingErrors {
            let settings = try root.settings
            let lock = try DaemonLock(stateDirectory: settings.state, for: .command)
            let work = try root.place.work
            return try withExtendedLifetime(lock) {
                let signer = try settings.sign?.read().publicKey
                let restorations = try lint.pipelines.map { try Restoration(of: $0, work: work, signer: signer) }
                return try Restoration.apply(restorations, to: try RunLedger(stateDirectory: settings.state), at: .now)
            }
        }
        if output.json { try printJSON(reports) } else { reports.forEach(show) }
        if reports.contains(where: { !$0.left.isEmpty }) { throw ExitStatus.problems }
    }

    private func show(_ report: Restoration.Report) {
        print(
            "\(report.pipeline): \(report.outputs) outputs, \(report.versions) model versions"
                + (report.labels > 0 ? ", \(report.labels) labelled files" : "") + (report.active.map { ", version \($0) active" } ?? "")
                + (report.known > 0 ? "; \(report.known) were known" : ""))
        for left in report.left { print("  not restored: \(left)") }
    }
}
