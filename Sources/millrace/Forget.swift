import ArgumentParser
import Ledger
import PipelineConfig
import Terminal

struct Forget: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Clear what is gone or settled: files in quarantine that were removed, and what was rejected.",
        discussion: """
            Their reasons in quarantine go too. A file in quarantine that is still in its spool is not forgotten: mend it, remove it, or \
            retry it. Content that was forgotten is looked at like any other when it is dropped again.
            """)

    @OptionGroup var which: SelectionOptions<Retriable>
    @OptionGroup var root: RootOption
    @OptionGroup var files: PipelinesOption
    @OptionGroup var output: JSONFlag

    func run() throws {
        let pipelines = files.read(root).pipelines
        try DaemonRequest(root: root, pipelines: pipelines).ask(.forget(try which.selection(root, pipelines)), json: output.json)
    }
}
