import Columnar
import FileSystem
import ONNX
import Reasons
import Recipes
import SystemPackage
import Tensors
import TrainingGraph

/// Computes a digest of everything that decides the bytes of a run, except the machine. A run resumes from a checkpoint, or uses packed
/// rows again, only if they have the same digest. A checkpoint must have the same machine too, since another processor or engine may
/// compute other last bits.
enum RunIdentity {
    /// The number of the format, which changes whenever the same inputs would give other bytes, or a run's directory gets files of another
    /// form.
    private static let format = "5"

    static func digest(_ run: FineTuning) throws(TrainingError) -> String {
        var lines = ["format \(format)"]
        do throws(ONNXError) { lines.append("model \(FileDigest.of(bytes: try run.model.serialized()))") } catch {
            throw .badModel(reason: "\(error)", remedy: "export the model again")
        }
        for location in run.model.externalDataLocations {
            lines.append("weights \(location) \(try digest(ofExternalData: location, run.model))")
        }
        for factors in run.adapter?.factors ?? [] {
            let digests = [factors.down, factors.up].map { tensor in withExtendedLifetime(tensor) { FileDigest.of(bytes: tensor.bytes) } }
            lines.append("adapter \(factors.weight) \(factors.scale) \(factors.isTransposed) \(digests)")
        }
        for file in run.data.files {
            lines.append("rows \(try digest(file, run.data)) \(file.format.map { "\($0)" } ?? "")")
            // Columns that folders name are data too.
            if let path = file.originalPath, path.contains("=") { lines.append("from \(path)") }
        }
        lines.append(try text(run.recipe))
        lines.append("gate \(try text(run.gate)) measured \(run.alsoMeasured.map(\.rawValue)) threads \(run.threads)")
        lines += run.data.inputs.sorted { $0.key < $1.key }.map { "input \($0.key) \($0.value)" }
        let schema = run.data.schema
        lines.append(
            "label \(schema.label?.words ?? "") classes \(schema.classes ?? []) missing label \(schema.missingLabel) "
                + "weight \(schema.weight ?? "") key \(schema.key) keep \(schema.keep)")
        lines.append("types \(schema.typeNames.sorted { $0.key < $1.key }) dialect \(schema.dialect)")
        return FileDigest.of(bytes: lines.joined(separator: "\n").utf8)
    }

    private static func digest(_ file: LabelledData.File, _ data: LabelledData) throws(TrainingError) -> String {
        try data.reading(file) { descriptor throws(TrainingError) in
            try onDisk { () throws(FileSystemError) in
                guard let descriptor else { return try FileDigest.of(FilePath(file.path)).digest }
                return try FileDigest.of(FileDescriptor(rawValue: descriptor), named: FilePath(file.path)).digest
            }
        }
    }

    private static func digest(ofExternalData location: String, _ model: Model) throws(TrainingError) -> String {
        let opened: Result<CInt, ExternalDataDirectory.Refusal>?
        do throws(ONNXError) { opened = try model.externalData()?.open(location) } catch {
            throw .cannotRead(path: location, reason: "\(error)")
        }
        switch opened {
        case nil: throw .cannotRead(path: location, reason: "\(ExternalDataProblem.noDirectory)")
        case .failure(let refusal): throw .cannotRead(path: location, reason: "\(refusal.problem)")
        case .success(let file):
            let file = FileDescriptor(rawValue: file)
            defer { Disk.close(file) }
            return try onDisk { () throws(FileSystemError) in try FileDigest.of(file, named: FilePath(location)).digest }
        }
    }

    private static func text(_ value: some Encodable) throws(TrainingError) -> String {
        String(
            decoding: try onDisk { () throws(FileSystemError) in try JSONFile.encode(value, for: "the training's settings") }, as: UTF8.self
        )
    }
}
