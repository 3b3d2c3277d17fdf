import ArgumentParser
import Ledger
import PipelineConfig
import Reports
import Terminal

struct Explain: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say what became of a file, by which rule, and what to do.",
        discussion: """
            Answers done, rejected, running, waiting, ignored, quarantined, not watched or not there. FILE is a path, from the current \
            directory or from the root, or one relative to its spool.
            """)

    @Argument(help: "A file in a spool, or an output.", completion: .file()) var file: String
    @OptionGroup var root: RootOption
    @OptionGroup var files: PipelinesOption
    @OptionGroup var output: JSONFlag
    @OptionGroup var values: ValuesFlag

    func run() throws {
        let ledger = try openedLedger()
        let pipelines = files.read(root).pipelines
        let explainer = Explainer(root.folder, pipelines: pipelines, ledger: ledger, looksOutOfForce: files.pipelines.isEmpty)
        try show(try reportingErrors { try explainer.explain(file) }, output)
    }

    /// Opens the ledger as it is; nil where there is none.
    private func openedLedger() throws -> RunLedger? {
        let stateDirectory = try root.stateDirectory
        do throws(LedgerError) {
            return try RunLedger(stateDirectory: stateDirectory, readOnly: true, hidesValues: root.hides(values))
        } catch .missing {
            return nil
        } catch {
            throw fail(error)
        }
    }
}
