import ArgumentParser
import Ledger
import PipelineConfig
import Terminal

struct Pause: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Start no new work, of one pipeline or of all; what runs is finished, and files are still numbered.")

    @Argument(help: "The pipeline's name. Default: all.") var pipeline: String?
    @OptionGroup var root: RootOption
    @OptionGroup var files: PipelinesOption
    @OptionGroup var output: JSONFlag

    func run() throws {
        try DaemonRequest(root: root, pipelines: files.read(root).pipelines).ask(.pause(pipeline: pipeline), json: output.json)
    }
}
