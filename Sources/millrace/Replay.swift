import ArgumentParser
import Arrivals
import Ledger
import PipelineConfig
import Reports
import Terminal

enum Replayable: String, SelectableState { case done, rejected, quarantined }

struct Replay: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Do again what is done, rejected or in quarantine, under the present version and revision.",
        discussion: """
            `millrace plan` says what was done under an older revision. New outputs take the place of the old ones, also where another \
            format or path puts them elsewhere: the old ones are removed then, if they are still what was published. What was archived is \
            read from the archive; what is gone is refused.
            """)

    @OptionGroup var which: SelectionOptions<Replayable>
    @OptionGroup var root: RootOption
    @OptionGroup var files: PipelinesOption
    @OptionGroup var output: JSONFlag

    func run() throws {
        let pipelines = files.read(root).pipelines
        let outcome = try DaemonRequest(root: root, pipelines: pipelines).ask(
            .replay(try which.selection(root, pipelines)), json: output.json)
        guard !output.json else { return }
        let affected = Set(outcome.affected.filter { $0.role == .data }.map(\.pipeline))
        let ledger = try root.ledger()
        for pipeline in pipelines where affected.contains(pipeline.name) {
            for line in try reportingErrors({ try OutputsElsewhere.all(of: pipeline, ledger) }) { print("  \(line)") }
        }
    }
}
