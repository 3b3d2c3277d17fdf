package import Arrivals
import FileSystem
package import Landing
package import Ledger
package import PipelineConfig
import SystemPackage

/// Removes outputs, and tells which inputs are gone from their spool.
extension DiskPublisher {
    package func withdraw(_ outputs: [LeavingOutput]) -> [OutputWithdrawal.Outcome?] {
        let unwritten = recordRemovals(outputs.filter { $0.publication.state == .orphaned })
        FaultPoint.reach(.removalListed)
        var directories: Set<FilePath> = []
        let outcomes = outputs.map { output -> OutputWithdrawal.Outcome? in
            guard !unwritten.contains(output.publication.number) else { return nil }
            let file = output.publication.output
            let outcome = try? OutputWithdrawal.remove(file.target, digest: file.digest)
            if outcome == .removed { directories.insert(file.target.removingLastComponent()) }
            return outcome
        }
        // The ledger records a removal only after this: one that a power cut undoes before then is made again.
        for directory in directories { try? OutputWithdrawal.sync(directory: directory) }
        return outcomes
    }

    /// Records in the manifests, before they are removed, the outputs that go with their inputs, so that `millrace rebuild` does not bring
    /// them back. Returns the publications for which that cannot be done.
    private func recordRemovals(_ outputs: [LeavingOutput]) -> Set<Int64> {
        struct OutputFolder: Hashable { let root: String, pipeline: String }
        var unwritten: Set<Int64> = []
        let places = Dictionary(grouping: outputs) {
            OutputFolder(root: $0.publication.output.root, pipeline: $0.publication.pipeline)
        }
        for (place, outputs) in places {
            let manifest = Manifest(
                outputRoot: FilePath(place.root), pipeline: place.pipeline, access: access(of: place.pipeline), signer: signer)
            do throws(FileSystemError) {
                try manifest.appendRemovals(of: outputs.map(\.manifestLine), at: .now)
            } catch {
                unwritten.formUnion(outputs.map(\.publication.number))
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
        let file = publication.output
        return ManifestLine(
            path: file.path, outputDigest: file.digest, bytes: file.byteCount, rows: rowCount.map(Int.init), pipeline: publication.pipeline,
            input: publication.inputPath, inputDigest: inputDigest, modelVersion: version, modelDigest: nil, revision: revision,
            arrival: publication.arrival, run: publication.run, publishedAt: publication.publishedAt?.description ?? "",
            execution: publication.execution)
    }
}
