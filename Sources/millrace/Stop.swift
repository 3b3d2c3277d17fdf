import ArgumentParser
import Ledger
import PipelineConfig
import Reports
import Terminal

struct Stop: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "End the attempt, or the training, of one run; its file goes to quarantine until `millrace retry`.",
        discussion: """
            `millrace status` lists what runs, with the numbers of the runs. An attempt ends at its next batch, or within the operator of \
            the model that computes; a training at its next step. Others go on. Nothing of the run is published, and what stood there \
            before stays.
            """)

    @Argument(help: ArgumentHelp("The number of the run.", valueName: "run")) var number: Int64
    @OptionGroup var root: RootOption
    @OptionGroup var files: PipelinesOption
    @OptionGroup var output: JSONFlag

    func run() throws {
        _ = try root.ledger()
        guard root.daemon != nil else { throw fail("no daemon works on this root, so nothing runs") }
        try DaemonRequest(root: root, pipelines: files.read(root).pipelines).ask(.stop(run: number), json: output.json)
    }
}
