import ArgumentParser
import Foundation
import Ledger
import PipelineConfig

struct Plan: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say what the present pipeline files would do otherwise than what is done: what `millrace replay` would redo.",
        discussion: "Nothing is redone by itself. Ends with 2 where a pipeline file cannot be read.")

    @Argument(help: "Pipeline files, folders of them, or globs. Default: ROOT/pipelines.", completion: .file()) var pipelines: [String] = []
    @OptionGroup var root: RootOption
    @OptionGroup var output: JSONFlag

    private struct Report: Encodable {
        let pipelines: [PipelinePlan]
        /// Known to the ledger and in none of the files: their arrivals stay where they are.
        let removed: [String]
        let problems: [String]
    }

    func run() throws {
        var given = PipelinesOption()
        given.pipelines = pipelines
        let lint = given.read(root)
        for problem in lint.problems { _ = fail(problem) }
        let ledger = try root.ledger()
        let report = try worded {
            Report(
                pipelines: try lint.pipelines.map { try PipelinePlan(of: $0, ledger) },
                // Which of them an unreadable file holds cannot be said.
                removed: lint.isClean ? try ledger.pipelines().filter { name in !lint.files.contains { $0.name == name } } : [],
                problems: lint.problems.map(\.description))
        }
        if output.json { try printJSON(report) } else { show(report) }
        if !lint.isClean { throw ExitStatus.badConfiguration }
    }

    private func show(_ report: Report) {
        if report.pipelines.isEmpty, report.removed.isEmpty { print("no pipeline files, and nothing has arrived") }
        for pipeline in report.pipelines { print(pipeline) }
        for name in report.removed { print("\(name): in none of these files; its outputs stay, and what waits of it waits") }
    }
}
