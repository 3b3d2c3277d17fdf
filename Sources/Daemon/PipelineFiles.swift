package import PipelineConfig
import Synchronization

/// The pipeline files that the daemon was started with, and what of them is in force. A file that appears in one of the folders, or that
/// one of the patterns takes, belongs to them too.
package final class PipelineFiles: Sendable {
    package enum Reloaded: Sendable {
        case unchanged
        /// The last good ones stay in force.
        case refused([Problem])
        /// What was read is not in force before `putInForce`.
        case changed(PipelineSet)
    }

    private let patterns: [String]
    private let root: String
    private let current: Mutex<PipelineSet>
    /// What `ROOT/millrace.yaml` said at the start.
    private let first: RootSettings

    package init(patterns: [String], root: String) throws(PipelineError) {
        self.patterns = patterns
        self.root = root
        let read = try PipelineSet.load(patterns, root: root)
        current = Mutex(read)
        first = read.settings
    }

    package var inForce: [Pipeline] { current.withLock(\.pipelines) }
    /// What `ROOT/millrace.yaml` says, as far as it is in force.
    package var settings: RootSettings { current.withLock(\.settings) }

    /// The files as they stand now, with `ROOT/millrace.yaml`.
    package var paths: [String] { PipelineSet.files(patterns).files + RootFile.paths(root: root) }

    /// Where a new file may appear.
    package var folders: [String] { PipelineSet.folders(of: patterns) + [root] }

    /// Whether `millrace.yaml` now says something that only the next start can take up.
    package var needsRestart: Bool {
        let now = RootFile.load(root: root).settings
        return (now.workers, now.threads, now.sessions, now.state, now.work)
            != (first.workers, first.threads, first.sessions, first.state, first.work)
    }

    package func putInForce(_ read: PipelineSet) { current.withLock { $0 = read } }

    /// Reads all files again.
    package func reload() -> Reloaded {
        do throws(PipelineError) {
            let read = try PipelineSet.load(patterns, root: root)
            return current.withLock { $0 == read } ? .unchanged : .changed(read)
        } catch {
            return .refused(error.problems)
        }
    }
}
