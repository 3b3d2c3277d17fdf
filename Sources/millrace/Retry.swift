import ArgumentParser
import Ledger
import PipelineConfig

enum Retriable: String, SelectableState { case quarantined, rejected, waiting }

struct Retry: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Try again what is in quarantine, rejected, or waiting for a later attempt, under the version and revision it had.")

    @OptionGroup var which: SelectionOptions<Retriable>
    @OptionGroup var root: RootOption
    @OptionGroup var files: PipelinesOption
    @OptionGroup var output: JSONFlag

    func run() throws {
        let pipelines = files.read(root).pipelines
        try Asking(root: root, pipelines: pipelines).ask(.retry(try which.selection(root, pipelines)), json: output.json)
    }
}
