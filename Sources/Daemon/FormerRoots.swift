import FileSystem
import Foundation
import Landing
import Ledger
import PipelineConfig
import SystemPackage

/// Keeps the output folders that a pipeline had before an edit of `land.outputs.path`, and in which outputs of it still are: a file beside
/// the manifests of the present folder names them, so that a lost ledger is restored from the manifests there too.
struct FormerRoots {
    private let file: FilePath
    private let access: FileAccess

    init(of pipeline: Pipeline, in landing: OutputLanding) {
        file = FilePath(landing.path).appending("_millrace").appending("former-\(pipeline.name).json")
        access = pipeline.land.access.landing
    }

    /// Returns absolute paths, oldest first.
    func paths() throws(FileSystemError) -> [String] {
        guard FileManager.default.fileExists(atPath: file.string) else { return [] }
        return try JSONFile.decode([String].self, from: file)
    }

    /// Writes down the folders that the ledger knows, for pipelines that have moved.
    static func note(_ pipelines: [Pipeline], _ ledger: RunLedger) throws {
        for pipeline in pipelines {
            guard let landing = pipeline.land.outputs else { continue }
            let roots = try ledger.outputRoots(of: pipeline.name).filter { $0 != landing.path }
            guard !roots.isEmpty else { continue }
            let former = FormerRoots(of: pipeline, in: landing)
            let known = (try? former.paths()) ?? []
            // Folders whose outputs have all gone stay in the list: a restoration reads from their manifests what was published, and finds
            // it gone.
            let all = known.filter { $0 != landing.path } + roots.filter { !known.contains($0) }
            if all != known { try former.write(all) }
        }
    }

    private func write(_ paths: [String]) throws(FileSystemError) {
        let folder = file.removingLastComponent()
        try PublicFolder.make(folder, access)
        try JSONFile.replace(
            file, with: try JSONFile.encode(paths, for: file), staged: folder.appending(".former-\(UUID().uuidString)"), access)
    }
}
