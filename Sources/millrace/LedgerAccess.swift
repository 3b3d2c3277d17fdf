import ArgumentParser
import Daemon
import Ledger
import PipelineConfig
import Reports
import Terminal

extension RootOption {
    /// The settings of `ROOT/millrace.yaml`. Where that leaves in doubt where the state is, the command ends with its problems.
    var settings: RootSettings {
        get throws {
            do throws(PipelineError) { return try folder.settings } catch { throw fail(error, ExitStatus.badConfiguration) }
        }
    }

    var stateDirectory: String { get throws { try settings.state } }

    /// The folder in which the daemon keeps what it works with, and the number of its epoch. Throws where another host works on the root, so
    /// that nothing may be changed here.
    var place: (work: String, epoch: Int64?) {
        get throws {
            let settings = try settings
            do { return try Seat.place(state: settings.state, work: settings.work) } catch let error as Seat.Refusal {
                throw fail(error, ExitStatus.locked)
            }
        }
    }

    /// Opens the ledger for reading, while a daemon may be writing. A ledger of an earlier version is brought up to date first, if no
    /// daemon works on it. What cells hold is read where a command shows it and a pipeline says `show_values: true`.
    func ledger(_ values: ValuesFlag? = nil) throws -> RunLedger {
        let hidesValues = values.map(hides) ?? true
        let stateDirectory = try stateDirectory
        return try reportingErrors {
            do throws(LedgerError) {
                return try RunLedger(stateDirectory: stateDirectory, readOnly: true, hidesValues: hidesValues)
            } catch .olderSchema(_, holder: nil) {
                _ = try RunLedger(stateDirectory: stateDirectory)
                return try RunLedger(stateDirectory: stateDirectory, readOnly: true, hidesValues: hidesValues)
            }
        }
    }

    /// Returns whether values of cells are left out, by the command or by all pipelines.
    func hides(_ values: ValuesFlag) -> Bool { values.hideValues || !folder.lint([]).pipelines.showValues }

    /// The daemon that works on this root now.
    var daemon: DaemonLock.Holder? { folder.daemon }
}

struct PipelinesOption: ParsableArguments {
    @Option(
        name: .long, parsing: .upToNextOption,
        help: ArgumentHelp("Pipeline files, folders of them, or globs. Default: ROOT/pipelines.", valueName: "pipeline"),
        completion: .file())
    var pipelines: [String] = []

    /// Reads the pipeline files that are named; otherwise those that the daemon has in force or, where none runs, those in ROOT/pipelines.
    func read(_ root: RootOption) -> LintReport { root.folder.lint(pipelines) }
}
