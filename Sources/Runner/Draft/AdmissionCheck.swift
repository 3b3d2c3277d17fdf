package import Attempts
import FileSystem
import Foundation
package import PipelineConfig
import Recipes
import SystemPackage

/// Finds what the daemon would do with a model and a data file under a pipeline, before either is dropped: it makes the same attempts, into
/// a folder that is then removed.
package enum AdmissionCheck {
    package enum Verdict: Sendable {
        case taken(rows: Int64?)
        /// The model is refused, and no data was read.
        case modelRefused(Failure)
        case dataRefused(Failure)
        /// The model is accepted; the data was not tried, for this reason.
        case untried(String)
    }

    /// The largest size of a data file that is tried; a larger one would have to be read to the end.
    private static let mostBytes = 64 << 20

    /// - Parameter companions: the model's files of external data, relative to its folder.
    package static func verdict(model: String, companions: [String], data: String?, pipeline: Pipeline) throws -> Verdict {
        let folder = FileManager.default.temporaryDirectory.path + "/millrace-init-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let executor = LocalExecutor(sessionBytes: 1 << 30)
        var schema = pipeline.schema
        if let privacy = schema.privacy, privacy.key == nil {
            // No daemon has made the key of hashes yet. Nobody reads the output, which has no such columns then.
            schema.privacy = RowPrivacy(drop: privacy.drop + privacy.hash)
        }
        func run(_ work: AttemptSpec.Work) -> AttemptResult {
            let spec = AttemptSpec(
                run: 0, attempt: 1, pipeline: pipeline.name, work: work, schema: schema, stages: pipeline.stages,
                limits: .init(threads: ProcessInfo.processInfo.activeProcessorCount))
            return executor.execute(spec, cancellation: AttemptCancellation())
        }
        let modelPath = FilePath(CanonicalPaths.absolute(model, root: "."))
        let digest = try FileDigest.ofModel(
            at: modelPath, companions: companions.map { (name: $0, path: modelPath.removingLastComponent().appending($0)) }
        ).digest
        let decided = run(
            .validateModel(
                .init(model: .init(path: modelPath.string, digest: digest, companions: companions), directory: folder + "/model"),
                training: nil))
        if let failure = decided.failure { return .modelRefused(failure) }
        guard let data, let format = pipeline.land.outputs?.format else { return .untried("no data file was given") }
        let dataPath = CanonicalPaths.absolute(data, root: ".")
        let size = (try FileManager.default.attributesOfItem(atPath: dataPath)[.size] as? Int) ?? 0
        if size > mostBytes { return .untried("it has \(size >> 20) MiB, and only files of at most \(mostBytes >> 20) MiB are tried") }
        let copy = folder + "/model/model.onnx"
        let digested = try FileDigest.of(FilePath(dataPath))
        let scored = run(
            .score(
                .init(
                    model: .init(path: copy, digest: try TunedModel.digest(of: copy)),
                    data: .init(path: dataPath, digest: digested.digest, stamp: digested.stamp),
                    output: folder + "/output." + format.rawValue, format: format)))
        if let failure = scored.failure { return .dataRefused(failure) }
        return .taken(rows: scored.rowCount)
    }
}
