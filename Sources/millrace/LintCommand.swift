import ArgumentParser
import PipelineConfig

struct LintCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lint", abstract: "Say what is wrong with pipeline files, each problem with file:line:column.",
        discussion: "Ends with 0 where nothing is, else with 2.")

    @Argument(help: "Pipeline files, folders of them, or globs. Default: ROOT/pipelines.") var pipelines: [String] = []
    @OptionGroup var root: RootOption
    @OptionGroup var output: JSONFlag

    func run() throws {
        var given = PipelinesOption()
        given.pipelines = pipelines
        let patterns = given.patterns(root)
        guard !patterns.isEmpty else {
            throw fail("there is no \(shownPath(root.path + "/pipelines")). Name pipeline files, or make one with millrace init.", ExitStatus.badConfiguration)
        }
        let report = LintReport.lint(patterns, root: root.path)
        output.json ? try printJSON(report) : print(report)
        if !report.isClean { throw ExitStatus.badConfiguration }
    }
}
