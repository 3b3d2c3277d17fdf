import Arrivals
import Foundation
package import PipelineConfig
import Synchronization

/// Keeps the pipeline files that the daemon was started with, and what of them is in force. A file that appears in one of the folders, or
/// that one of the patterns takes, belongs to them too.
package final class PipelineFiles: Sendable {
    package enum Reloaded: Sendable {
        case unchanged
        /// The last good ones stay in force.
        case refused([Problem])
        /// The pipelines that were read are not in force before `putInForce`.
        case changed(PipelineSet)
    }

    private let patterns: [String]
    private let root: String
    private let current: Mutex<PipelineSet>
    /// The settings of `ROOT/millrace.yaml` at the start.
    private let first: RootSettings

    package init(patterns: [String], root: String) throws(PipelineError) {
        self.patterns = patterns
        self.root = root
        let read = try PipelineSet.load(patterns, root: root, makesKeys: true)
        current = Mutex(read)
        first = read.settings
    }

    package var inForce: [Pipeline] { current.withLock(\.pipelines) }
    /// The settings of `ROOT/millrace.yaml`, as far as they are in force.
    package var settings: RootSettings { current.withLock(\.settings) }

    /// The paths of the files that are there now, with `ROOT/millrace.yaml` and the keys whose signatures count.
    package var paths: [String] { PipelineSet.files(patterns).files + RootFile.paths(root: root) + keyFiles }

    /// The files of the keys whose signatures count. Who replaces one expects that the key before counts no more.
    private var keyFiles: [String] {
        Set(inForce.flatMap { [$0.trust.models, $0.trust.labelled] }.flatMap { $0?.files ?? [] }).sorted()
    }

    /// The folders in which a new file may appear.
    package var folders: [String] { PipelineSet.folders(of: patterns) + [root] }

    /// Tells whether `millrace.yaml` now says something that only the next start can take up.
    package var needsRestart: Bool {
        let now = RootFile.load(root: root).settings
        return (now.workers, now.threads, now.sessions, now.state, now.work)
            != (first.workers, first.threads, first.sessions, first.state, first.work) || now.sign != first.sign
            || now.executor != first.executor
    }

    package func putInForce(_ read: PipelineSet) { current.withLock { $0 = read } }

    /// Reads all files again.
    package func reload() -> Reloaded {
        do throws(PipelineError) {
            let read = try PipelineSet.load(patterns, root: root, makesKeys: true)
            return current.withLock { $0 == read } ? .unchanged : .changed(read)
        } catch {
            return .refused(error.problems)
        }
    }
}

extension PipelineFiles {
    /// Returns how to find the stamps of a model's external data, where files of its spool need signatures; nil elsewhere. A model that was
    /// admitted is known by them, whatever has become of its signature. Elsewhere such a model is read again when it is found, which costs
    /// nothing but time.
    func stampsOfSignedData(of place: SpoolPlace) -> ((String) -> FileStamp?)? {
        guard let pipeline = inForce.first(where: { $0.name == place.pipeline }), pipeline.trust.signers(of: place.role) != nil else {
            return nil
        }
        let folder = (pipeline.spoolPath(of: place.role) + "/" + place.path as NSString).deletingLastPathComponent
        return { FileStamp(path: folder + "/" + $0) }
    }
}
