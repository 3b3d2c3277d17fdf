package import PipelineConfig
import Synchronization

/// The pipeline files that the daemon was started with, and what of them is in force.
package final class PipelineFiles: Sendable {
    package enum Reloaded: Sendable {
        case unchanged
        /// The last good ones stay in force.
        case refused([Problem])
        case changed([Pipeline])
    }

    package let paths: [String]
    private let patterns: [String]
    private let root: String
    private let current: Mutex<[Pipeline]>
    /// What `ROOT/millrace.yaml` said at the start.
    package let settings: RootSettings

    package init(patterns: [String], root: String) throws(PipelineError) {
        self.patterns = patterns
        self.root = root
        let read = try PipelineSet.load(patterns, root: root)
        current = Mutex(read.pipelines)
        settings = read.settings
        paths = PipelineSet.files(patterns).files + [RootFile.load(root: root).path]
    }

    package var inForce: [Pipeline] { current.withLock { $0 } }

    /// Reads all files again: what means something else is put in force, if all of it is sound.
    package func reload() -> Reloaded {
        do throws(PipelineError) {
            let read = try PipelineSet.load(patterns, root: root).pipelines
            return current.withLock { inForce in
                if read == inForce { return .unchanged }
                inForce = read
                return .changed(read)
            }
        } catch {
            return .refused(error.problems)
        }
    }
}
