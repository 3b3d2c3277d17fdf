package import Arrivals
package import FileSystem
import Landing
package import Ledger
package import PipelineConfig
import Recipes
import SystemPackage

/// Finds the content of inputs that were decided: in their spool, or where they were put when they were done or failed.
package enum DecidedInputs {
    /// Returns the path from which the input can be read again; nil where it cannot. Labels whose rows are kept can be read again under
    /// their path in the spool, though no file may be there.
    package static func find(_ input: ArrivedFile, _ pipeline: Pipeline, work: String) -> String? {
        let relative = FilePath(input.path)
        let spooled = FilePath(pipeline.spoolPath(of: input.role)).pushing(relative)
        if (try? FileDigest.stamp(spooled)) ?? nil != nil { return spooled.string }
        if input.role == .labelled {
            let files = KeptFiles(work: FilePath(work), pipeline: pipeline.name)
            // Before the pipeline had this `privacy` they were kept as they arrived, and are kept without its columns when they are used.
            for privacy in [pipeline.schema.privacy, nil] {
                let kept = files.labels(input.digest, named: input.path, privacy: privacy)
                if (try? FileDigest.stamp(kept)) ?? nil != nil { return spooled.string }
            }
        }
        var places: [String] = []
        if case .archive(let archive) = pipeline.after { places.append(archive) }
        if pipeline.after != .keep { places.append(pipeline.onError.quarantine) }
        let companions = input.companions.map { (name: $0.path, digest: $0.digest) }
        let found = try? PutAway.find(relative, digest: input.digest, companions: companions, below: places.map { FilePath($0) })
        return (found ?? nil)?.string
    }

    /// Says why an input cannot be worked on again; nil where it can, or where its pipeline is not known here.
    package static func refusal(_ input: ArrivedFile, among pipelines: [Pipeline], work: String) -> String? {
        guard let pipeline = pipelines.first(where: { $0.name == input.pipeline }), find(input, pipeline, work: work) == nil else {
            return nil
        }
        return switch pipeline.after {
        case .delete: "\(input.path) is not there any more (after: delete): drop it again"
        case .keep: "\(input.path) is not in its spool any more: drop it again"
        case .archive(let path): "\(input.path) is neither in its spool nor, with that content, in \(path): drop it again"
        }
    }

    package static func lookup(among pipelines: [Pipeline], work: String) -> InputLookup {
        InputLookup(
            refusal: { refusal($0, among: pipelines, work: work) },
            isSpooled: { input in
                guard let pipeline = pipelines.first(where: { $0.name == input.pipeline }) else { return false }
                return (try? FileDigest.stamp(FilePath(pipeline.spoolPath(of: input.role)).pushing(FilePath(input.path)))) ?? nil != nil
            })
    }

    /// Removes `NAME.reason.json` of an input whose cause is gone.
    package static func clearReason(role: ArrivalRole, path: String, pipeline: Pipeline) throws(FileSystemError) {
        let spool = pipeline.spoolPath(of: role)
        try Quarantine.clear(FilePath(path), of: spool + "/" + path, in: FilePath(pipeline.onError.quarantine))
    }
}
