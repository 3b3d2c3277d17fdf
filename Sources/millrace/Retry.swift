import ArgumentParser
import Ledger
import PipelineConfig
import Terminal

enum Retriable: String, SelectableState { case quarantined, rejected, waiting }

struct Retry: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Try again what is in quarantine, rejected, or waiting for a later attempt, under the version it had and the present revision.",
        discussion:
            "So a file that a mended pipeline can take is done by it, and says so. Without `retry`, attempts keep the revision they began "
            + "with."
    )

    @OptionGroup var which: SelectionOptions<Retriable>
    @OptionGroup var root: RootOption
    @OptionGroup var files: PipelinesOption
    @OptionGroup var output: JSONFlag

    func run() throws {
        let pipelines = files.read(root).pipelines
        try DaemonRequest(root: root, pipelines: pipelines).ask(.retry(try which.selection(root, pipelines)), json: output.json)
    }
}
