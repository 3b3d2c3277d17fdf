import ArgumentParser
import Ledger
import PipelineConfig

enum Replayable: String, SelectableState { case done, rejected, quarantined }

struct Replay: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Do again what is done, rejected or in quarantine, under the present version and revision.",
        discussion: "`millrace plan` says what was done under an older revision. New outputs take the place of the old ones.")

    @OptionGroup var which: SelectionOptions<Replayable>
    @OptionGroup var root: RootOption
    @OptionGroup var files: PipelinesOption
    @OptionGroup var output: JSONFlag

    func run() throws {
        let pipelines = files.read(root).pipelines
        try Asking(root: root, pipelines: pipelines).ask(.replay(try which.selection(root, pipelines)), json: output.json)
    }
}
