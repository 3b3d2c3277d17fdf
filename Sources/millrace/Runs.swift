import ArgumentParser
import Arrivals
import Ledger
import PipelineConfig
import Reports
import Terminal

struct Runs: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List runs, newest first; with a run's number, its attempts, timings and what it published.")

    @Argument(help: ArgumentHelp("The number of one run.", valueName: "run")) var number: Int64?
    @OptionGroup var root: RootOption
    @Option(name: .long, help: "Of this pipeline only.") var pipeline: String?
    @Option(name: .long, help: "open, done, rejected, quarantined or abandoned.") var state: RunState?
    @Option(name: .long, help: "Of this file only.", completion: .file()) var file: String?
    @Option(name: .long, help: "At most as many.") var limit = 50
    @Option(name: .long, help: "Only runs below this number: the next page.") var before: Int64?
    @OptionGroup var files: PipelinesOption
    @OptionGroup var output: JSONFlag
    @OptionGroup var values: ValuesFlag

    func validate() throws {
        guard limit > 0 else { throw ValidationError("--limit is at least 1.") }
    }

    func run() throws {
        let ledger = try root.ledger(values)
        if let number { return try show(try reportingErrors { try RunReport(ofRun: number, ledger) }, output) }
        try show(try reportingErrors { try RunList(try filter(ledger), ledger) }, output)
    }

    private func filter(_ ledger: RunLedger) throws -> RunFilter {
        var filter = RunFilter(pipeline: pipeline, state: state, before: before, limit: limit)
        let pipelines = files.read(root).pipelines
        if let pipeline { try checkPipeline(pipeline, ledger, pipelines) }
        if let file {
            let found = try FileFinder(map: SpoolMap(pipelines: pipelines), ledger: ledger, root: root.path).find(file)
            filter.path = found.place?.relativePath ?? found.known.first?.path ?? file
            filter.pipeline = pipeline ?? found.place?.pipeline.name
        }
        return filter
    }
}
