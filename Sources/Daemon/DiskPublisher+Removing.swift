package import Arrivals
import FileSystem
package import Landing
package import Ledger
package import PipelineConfig
import SystemPackage

/// Outputs that go, and the inputs with which they go.
extension DiskPublisher {
    package func withdraw(_ outputs: [LeavingOutput]) -> [OutputWithdrawal.Outcome?] {
        let unwritten = recordRemovals(outputs.filter { $0.publication.state == .orphaned })
        FaultPoint.reach(.removalListed)
        var directories: Set<FilePath> = []
        let outcomes = outputs.map { output -> OutputWithdrawal.Outcome? in
            guard !unwritten.contains(output.publication.publication) else { return nil }
            let target = FilePath(output.publication.root).appending(FilePath(output.publication.path).components)
            let outcome = try? OutputWithdrawal.remove(target, digest: output.publication.digest)
            if outcome == .removed { directories.insert(target.removingLastComponent()) }
            return outcome
        }
        // Should this be lost with the power, the file is still to be removed.
        for directory in directories { try? OutputWithdrawal.sync(directory: directory) }
        return outcomes
    }

    /// Writes into the manifests what goes with its input, before it goes: a lost ledger then does not come back with it. Returns those for
    /// which that cannot be done.
    private func recordRemovals(_ outputs: [LeavingOutput]) -> Set<Int64> {
        struct Place: Hashable { let root: String, pipeline: String }
        var unwritten: Set<Int64> = []
        for (place, outputs) in Dictionary(grouping: outputs, by: { Place(root: $0.publication.root, pipeline: $0.publication.pipeline) }) {
            let manifest = Manifest(outputRoot: FilePath(place.root), pipeline: place.pipeline, access: access(of: place.pipeline))
            do throws(FileSystemError) {
                try manifest.appendRemovals(of: outputs.map(\.manifestLine), at: .now)
            } catch {
                unwritten.formUnion(outputs.map(\.publication.publication))
            }
        }
        return unwritten
    }

    package func lacking(_ inputs: [StandingInput], from folder: WatchedFolder?, of pipeline: Pipeline) -> [StandingInput] {
        guard let folder, let look = try? SpoolLook(FilePath(pipeline.spoolPath(of: .data))), pipeline.dataFolder(look) == folder else {
            return []
        }
        return inputs.filter { look.lacks($0.path, device: $0.device) }
    }

    package func isRemoved(_ file: ArrivedFile, _ pipeline: Pipeline) -> Bool {
        (try? SpoolLook(FilePath(pipeline.spoolPath(of: file.role))))?.lacks(file.path, device: file.stamp.device) ?? false
    }
}

extension LeavingOutput {
    fileprivate var manifestLine: ManifestLine {
        ManifestLine(
            path: publication.path, outputDigest: publication.digest, bytes: publication.byteCount, rows: rowCount.map(Int.init),
            pipeline: publication.pipeline,
            input: publication.inputPath, inputDigest: inputDigest, modelVersion: version, modelDigest: nil, revision: revision,
            arrival: publication.arrival, run: publication.run, publishedAt: publication.publishedAt?.description ?? "")
    }
}
