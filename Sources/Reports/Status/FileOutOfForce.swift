import Foundation
import Ledger
import PipelineConfig

/// Describes a pipeline file that says something else than what the daemon has in force.
package struct FileOutOfForce: Encodable, Sendable {
    package let file: String
    package let reason: String
    package let remedy: String

    /// Returns those of the daemon's files, and of ROOT/pipelines, that are not in force as they stand; none where no daemon runs.
    package static func all(_ root: RootFolder) -> [FileOutOfForce] {
        guard let inForce = root.inForce else { return [] }
        var found = inForce.entries.filter { !$0.isCurrent }.map { entry in
            let exists = FileManager.default.fileExists(atPath: entry.file)
            return FileOutOfForce(
                file: shownPath(entry.file),
                reason: exists
                    ? "it was edited, and what the daemon has in force of \(entry.pipeline) is from before"
                    : "it is gone, and \(entry.pipeline) is still in force",
                remedy: exists
                    ? "The daemon takes an edit up within seconds, unless something is wrong: see `millrace lint`, and its log."
                    : "The daemon lets it go within seconds, unless something is wrong with other files: see `millrace lint`, and its log."
            )
        }
        let known = Set(inForce.entries.map { CanonicalPaths.real($0.file) })
        let folder = root.path + "/pipelines"
        let standing = FileManager.default.fileExists(atPath: folder) ? PipelineSet.files([folder]).files : []
        found += standing.filter { !known.contains(CanonicalPaths.real($0)) }.map { file in
            FileOutOfForce(
                file: shownPath(file), reason: "it is not in force",
                remedy:
                    "The daemon takes it up within seconds if it was started with its folder and nothing is wrong with it: see "
                    + "`millrace lint`; else start `millrace run` with it.")
        }
        return found
    }

    /// Returns the file in ROOT/pipelines that is not in force and has `path` in one of its spools.
    static func naming(_ path: String, _ root: RootFolder) -> (file: FileOutOfForce, pipeline: Pipeline)? {
        for file in all(root) {
            guard let pipeline = try? PipelineFile.load(path: file.file, root: root.path),
                SpoolMap(pipelines: [pipeline]).place(of: path) != nil
            else { continue }
            return (file, pipeline)
        }
        return nil
    }
}
