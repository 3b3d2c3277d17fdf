import ArgumentParser
import Ledger
import PipelineConfig
import Reports
import Terminal
import WorkerProcesses

struct Doctor: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say how workers are confined here, and what others may change of all that the daemon relies on.",
        discussion: """
            Call it as the daemon's user. It changes nothing. Ends with 0 where nothing must be mended, else with 1; with 2 where a pipeline \
            file or millrace.yaml cannot be read.
            """)

    @Argument(help: "Pipeline files, folders of them, or globs. Default: ROOT/pipelines.", completion: .file()) var pipelines: [String] = []
    @OptionGroup var root: RootOption
    @OptionGroup var output: JSONFlag

    func run() throws {
        let lint = root.folder.lint(pipelines)
        for problem in lint.problems { _ = fail(problem) }
        let report = DoctorReport(
            root.folder, lint, DoctorReport.Kernel(delegates: DelegatedGroup.isOffered), daemon: root.folder.daemon?.pid)
        try show(report, output)
        if !lint.isClean { throw ExitStatus.badConfiguration }
        if report.mustBeMended { throw ExitStatus.problems }
    }
}
