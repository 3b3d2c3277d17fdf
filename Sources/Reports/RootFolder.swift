import Foundation
package import Ledger
package import PipelineConfig

/// Describes a root: the folder that relative paths of pipelines start from, with its settings, its pipeline files and the daemon that
/// works on it.
package struct RootFolder: Sendable {
    /// The absolute path.
    package let path: String

    package init(path: String) { self.path = path }

    /// The settings of `ROOT/millrace.yaml`. Throws its problems where they leave in doubt where the state is.
    package var settings: RootSettings {
        get throws(PipelineError) {
            let file = RootFile.load(root: path)
            if !file.hasKnownState { throw .problems(file.problems) }
            return file.settings
        }
    }

    private var state: String? { try? settings.state }

    /// The daemon that works on the root now.
    package var daemon: DaemonLock.Holder? {
        state.flatMap { DaemonLock.holder(stateDirectory: $0) }.flatMap { $0.work == .daemon ? $0 : nil }
    }

    /// The pipelines that this daemon has in force.
    package var inForce: InForce? { state.flatMap { InForce.read(stateDirectory: $0) } }

    // MARK: Pipeline files

    /// Reads the pipeline files that `patterns` name. Where they name none, it reads those that the daemon has in force or, where none
    /// runs, those in ROOT/pipelines.
    package func lint(_ patterns: [String]) -> LintReport {
        let inForce = patterns.isEmpty ? inForce?.entries.map(\.file).filter { FileManager.default.fileExists(atPath: $0) } : nil
        return LintReport.lint(inForce?.map(shownPath) ?? self.patterns(patterns), root: path)
    }

    /// Returns `given`, or where that is empty ROOT/pipelines, if it exists.
    package func patterns(_ given: [String]) -> [String] {
        if !given.isEmpty { return given }
        let folder = shownPath(path + "/pipelines")
        return FileManager.default.fileExists(atPath: folder) ? [folder] : []
    }
}
