import ArgumentParser
import Ledger
import PipelineConfig

struct Activate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Put another version in force for what arrives from now on.",
        discussion: "`millrace models PIPELINE` lists the versions. What was scored already is not scored again: see `millrace replay`.")

    @Argument(help: "The pipeline's name.") var pipeline: String
    @Argument(help: "A published version.") var version: Int
    @OptionGroup var root: RootOption
    @OptionGroup var files: PipelinesOption
    @OptionGroup var output: JSONFlag

    func run() throws {
        try Asking(root: root, pipelines: files.read(root).pipelines)
            .ask(.activate(pipeline: pipeline, version: version), json: output.json)
    }
}
