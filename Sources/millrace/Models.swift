import ArgumentParser
import PipelineConfig
import Reports
import Terminal

struct Models: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List a pipeline's model versions: verdicts, parents, which one is active.")

    @Argument(help: "The pipeline's name.") var pipeline: String
    @OptionGroup var root: RootOption
    @OptionGroup var files: PipelinesOption
    @OptionGroup var output: JSONFlag
    @OptionGroup var values: ValuesFlag

    func run() throws {
        let ledger = try root.ledger(values)
        let report = try reportingErrors {
            try checkPipeline(pipeline, ledger, files.read(root).pipelines)
            return try ModelsReport(of: pipeline, ledger)
        }
        try show(report, output)
    }
}
