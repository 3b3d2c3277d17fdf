import ArgumentParser
import Ledger
import PipelineConfig
import Terminal

struct Resume: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Undo `pause`, of one pipeline or of all.")

    @Argument(help: "The pipeline's name. Default: all.") var pipeline: String?
    @OptionGroup var root: RootOption
    @OptionGroup var files: PipelinesOption
    @OptionGroup var output: JSONFlag

    func run() throws {
        try DaemonRequest(root: root, pipelines: files.read(root).pipelines).ask(.resume(pipeline: pipeline), json: output.json)
    }
}
