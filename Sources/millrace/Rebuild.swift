import ArgumentParser
import Daemon
import Foundation
import Ledger
import PipelineConfig

struct Rebuild: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Restore a lost ledger from the manifests and cards beside what was published.",
        discussion: """
            Arrivals that were published come back with their numbers, outputs and versions; so nothing is done twice. What was rejected, \
            quarantined or waiting left no trace and is taken up again by the next `millrace run`. What the ledger knows already stays as it \
            is. Not beside a daemon.
            """)

    @Argument(help: "Pipeline files, folders of them, or globs. Default: ROOT/pipelines.") var pipelines: [String] = []
    @OptionGroup var root: RootOption
    @OptionGroup var output: JSONFlag

    private struct Report: Encodable {
        let pipeline: String
        let outputs: Int
        let versions: Int
        let active: Int?
    }

    func run() throws {
        var given = PipelinesOption()
        given.pipelines = pipelines
        let lint = given.read(root)
        // A pipeline that cannot be read would be rebuilt as one to which nothing ever arrived.
        for problem in lint.problems { _ = fail(problem) }
        guard lint.isClean else { throw ExitStatus.badConfiguration }
        guard !lint.pipelines.isEmpty else { throw fail("no pipeline files in \(shownPath(root.path + "/pipelines")): name them", ExitStatus.badConfiguration) }
        let restorations = try worded {
            let stateDirectory = try root.stateDirectory
            let lock = try DaemonLock(stateDirectory: stateDirectory, for: .command)
            return try withExtendedLifetime(lock) {
                let restorations = try lint.pipelines.map { try Restoration(of: $0) }
                try Restoration.apply(restorations, to: try RunLedger(stateDirectory: stateDirectory), at: .now)
                return restorations
            }
        }
        let reports = restorations.map { Report(pipeline: $0.pipeline, outputs: $0.outputs, versions: $0.versions, active: $0.active) }
        if output.json { return try printJSON(reports) }
        for report in reports {
            print("\(report.pipeline): \(report.outputs) outputs, \(report.versions) model versions" + (report.active.map { ", version \($0) active" } ?? ""))
        }
    }
}
