import Attempts
import FileSystem
import Foundation
import ONNX
import PipelineConfig
import Recipes
import Reports
import Runner
import SystemPackage
import Terminal

/// Holds the files of a command that runs a model over rows, with what the rows become.
struct ScoringInputs {
    let model: AttemptSpec.InputFile
    let adapter: String?
    /// The rows; nil where none are given.
    let data: AttemptSpec.InputFile?
    /// The pipeline that says what the rows become; nil where options do.
    let pipeline: Pipeline?
    let schema: RowSchema
    let forward: ForwardStage

    /// - Parameter loaded: the graph of the model.
    init(_ loaded: Model, at model: String, adapter: String? = nil, data: String?, _ rows: RowOptions) throws {
        let path = CanonicalPaths.absolute(model, root: ".")
        self.adapter = TunedModel.adapter(of: path, given: adapter.map { CanonicalPaths.absolute($0, root: ".") })
        self.model = .init(path: path, digest: try TunedModel.digest(of: path, adapter: self.adapter))
        self.data = try data.map { data in
            let path = CanonicalPaths.absolute(data, root: ".")
            let digested = try FileDigest.of(FilePath(path))
            return .init(path: path, digest: digested.digest, stamp: digested.stamp)
        }
        pipeline = try rows.pipeline.map { try PipelineFile.load(path: $0, root: ".") }
        forward = try pipeline.map { $0.forward ?? ForwardStage() } ?? ForwardStage(outputs: rows.mappings(for: loaded, model))
        schema = try pipeline?.schema ?? rows.schema(for: loaded, model)
    }

    /// Throws where the file of rows is not there, or cannot be a table.
    static func check(data: String) throws {
        guard FileManager.default.fileExists(atPath: data) else { throw fail("\(data): there is no such file.") }
        try refuseForeign(data)
    }
}
