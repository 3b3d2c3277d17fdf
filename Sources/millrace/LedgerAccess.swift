import ArgumentParser
import Daemon
import Foundation
import Ledger
import PipelineConfig

extension RootOption {
    /// What `ROOT/millrace.yaml` says. Where that leaves in doubt where the state is, the command ends with its problems.
    var settings: RootSettings {
        get throws {
            let file = RootFile.load(root: path)
            if !file.hasKnownState { throw fail(PipelineError.problems(file.problems), ExitStatus.badConfiguration) }
            return file.settings
        }
    }

    var stateDirectory: String { get throws { try settings.state } }

    /// Opens the ledger for reading, while a daemon may be writing. A ledger of an earlier version is brought up to date first, if no
    /// daemon works on it.
    func ledger(_ values: ValuesFlag? = nil) throws -> RunLedger {
        let hidesValues = values?.hideValues ?? false
        let stateDirectory = try stateDirectory
        return try worded {
            do throws(LedgerError) {
                return try RunLedger(stateDirectory: stateDirectory, readOnly: true, hidesValues: hidesValues)
            } catch .olderSchema(_, holder: nil) {
                _ = try RunLedger(stateDirectory: stateDirectory)
                return try RunLedger(stateDirectory: stateDirectory, readOnly: true, hidesValues: hidesValues)
            }
        }
    }

    /// What the daemon that works on this root has in force.
    var inForce: InForce? { (try? stateDirectory).flatMap { InForce.read(stateDirectory: $0) } }

    /// The daemon that works on this root now.
    var daemon: DaemonLock.Holder? {
        (try? stateDirectory).flatMap { DaemonLock.holder(stateDirectory: $0) }.flatMap { $0.work == .daemon ? $0 : nil }
    }

    /// ` --root DIR` for commands that are shown, where it is not the default.
    var asOption: String { root == "." ? "" : " --root \(root)" }
}

struct PipelinesOption: ParsableArguments {
    @Option(
        name: .long, parsing: .upToNextOption,
        help: ArgumentHelp("Pipeline files, folders of them, or globs. Default: ROOT/pipelines.", valueName: "pipeline"),
        completion: .file())
    var pipelines: [String] = []

    /// What can be read of them. Without the option they are those that the daemon has in force; where none runs, those in ROOT/pipelines,
    /// if it exists.
    func read(_ root: RootOption) -> LintReport {
        let inForce = pipelines.isEmpty ? root.inForce?.entries.map(\.file).filter { FileManager.default.fileExists(atPath: $0) } : nil
        return LintReport.lint(inForce?.map(shownPath) ?? patterns(root), root: root.path)
    }

    func patterns(_ root: RootOption) -> [String] {
        if !pipelines.isEmpty { return pipelines }
        let folder = shownPath(root.path + "/pipelines")
        return FileManager.default.fileExists(atPath: folder) ? [folder] : []
    }
}

/// Does `body`; what goes wrong ends the command in the words of the module that met it.
func worded<Result>(_ body: () throws -> Result) throws -> Result {
    do {
        return try body()
    } catch let code as ExitCode {
        throw code
    } catch let error as LedgerError {
        if case .locked = error { throw fail(error, ExitStatus.locked) }
        throw fail(error)
    } catch let error as PipelineError {
        throw fail(error, ExitStatus.badConfiguration)
    } catch {
        throw fail("\(error)")
    }
}

/// As seen from the current directory, where it lies below it.
func shownPath(_ path: String) -> String {
    let here = FileManager.default.currentDirectoryPath
    return path.hasPrefix(here + "/") ? String(path.dropFirst(here.count + 1)) : path
}
