package import Attempts
import FileSystem
import Landing
package import PipelineConfig
package import SystemPackage

extension SharedFolder {
    /// Returns the folders that attempts of these pipelines use.
    /// - Parameter work: the work folder.
    package static func all(of pipelines: [Pipeline], work: FilePath) -> [SharedFolder] {
        var folders = [SharedFolder(work, .ours)]
        for pipeline in pipelines {
            folders += pipeline.spool.entries.map { .spool($0.path) }
            folders += [pipeline.land.models?.path, pipeline.land.outputs?.path].compactMap { $0 }.map { .outputs($0) }
        }
        return folders
    }

    /// Returns the folders that one attempt uses.
    package static func all(of spec: AttemptSpec) -> [SharedFolder] {
        let inputs = [spec.model] + (spec.data.map { [$0] } ?? []) + (spec.training?.labelled ?? []).map(\.file)
        var folders = Set(inputs.compactMap(\.spool).map { spool($0) })
        folders.insert(SharedFolder(FilePath(spec.written).removingLastComponent(), .ours))
        // A version lies in a folder of its own, in that of the pipeline's models.
        if case .score(let files) = spec.work { folders.insert(.outputs(FilePath(files.model.folder).removingLastComponent().string)) }
        if let training = spec.training { folders.insert(SharedFolder(FilePath(training.checkpoints).removingLastComponent(), .ours)) }
        return folders.sorted { $0.path.string < $1.path.string }
    }

    private static func spool(_ path: String) -> SharedFolder { claimed(path, .spool) }
    private static func outputs(_ path: String) -> SharedFolder { claimed(path, .outputs) }

    private static func claimed(_ path: String, _ use: FolderClaim.Use) -> SharedFolder {
        SharedFolder(FilePath(path), .file(use.holder.string))
    }
}
