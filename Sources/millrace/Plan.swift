import ArgumentParser
import PipelineConfig
import Reports
import Terminal

struct Plan: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say what the present pipeline files would do otherwise than what is done: what `millrace replay` would redo.",
        discussion: "Nothing is redone by itself. Ends with 2 where a pipeline file cannot be read.")

    @Argument(help: "Pipeline files, folders of them, or globs. Default: ROOT/pipelines.", completion: .file()) var pipelines: [String] = []
    @OptionGroup var root: RootOption
    @OptionGroup var output: JSONFlag

    func run() throws {
        let lint = root.folder.lint(pipelines)
        for problem in lint.problems { _ = fail(problem) }
        let ledger = try root.ledger()
        try show(try reportingErrors { try PlanReport(of: lint, ledger) }, output)
        if !lint.isClean { throw ExitStatus.badConfiguration }
    }
}
