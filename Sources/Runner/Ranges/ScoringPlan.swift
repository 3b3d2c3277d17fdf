import Arrivals
import Attempts
import Columnar
import FileSystem
import Machine
import PipelineConfig
import Recipes
import SystemPackage

/// Describes how a large file is scored: where it is cut, and what every range must know of the whole. It depends on the file, the
/// pipeline's revision, the model and the machine, and not on who scores which range.
struct ScoringPlan: Codable, Hashable {
    /// The digest of everything that the values of the output depend on (`ScoringSubject`).
    var subject: String
    /// The boot of the machine. Parts are not synced, so that a machine that stopped may have lost some of their bytes.
    var boot: String
    /// The ranges. If there is only one, the file is scored in one go.
    var ranges: RangePlan
    /// The columns that the attempt reports in its answer (`AttemptResult.columns`, `types` and `absentColumns`).
    var columns: [String: [String]] = [:]
    var types: [String: String] = [:]
    var absentColumns: [String] = []

    var isInOneGo: Bool { ranges.ranges.count < 2 }
}

/// Holds everything that the values of an output depend on. Parts that were made for another subject are of no use.
///
/// The content of the file is known by its digest or, to those that score while it is read for its digest, by its stamp.
struct ScoringSubject: Encodable {
    private let data: String?
    private let stamp: FileStamp?
    private let model: String
    private let schema: RowSchema
    private let stages: [Stage]
    private let columns: [String: [String]]
    private let types: [String: String]
    private let threads: Int
    private let machine: AttemptMachine
    /// The engine and its precision; nil for the usual one.
    private let engine: EngineChoice?
    private let build: String

    private init(_ spec: AttemptSpec, _ files: AttemptSpec.ScoringFiles, _ machine: AttemptMachine, data: String?, stamp: FileStamp?) {
        self.data = data
        self.stamp = stamp
        model = files.model.digest
        schema = spec.schema
        stages = spec.stages
        columns = spec.columns
        types = spec.types
        threads = spec.limits.threads
        self.machine = machine
        engine = spec.engine == .onnxRuntime ? nil : spec.engine
        build = toolVersion
    }

    /// Returns the digests of the subjects of an attempt. Its own plans are for the first; it takes plans for any of them.
    ///
    /// A file that was numbered had its stamp before and after it was read for its digest, so that what was read of it under this stamp was
    /// of this content.
    static func digests(
        _ spec: AttemptSpec, _ files: AttemptSpec.ScoringFiles, _ machine: AttemptMachine
    ) throws(FileSystemError) -> [String] {
        var digests: [String] = []
        if !files.data.digest.isEmpty {
            digests.append(try ScoringSubject(spec, files, machine, data: files.data.digest, stamp: nil).digest)
        }
        if let stamp = files.data.stamp { digests.append(try ScoringSubject(spec, files, machine, data: nil, stamp: stamp).digest) }
        return digests
    }

    private var digest: String {
        get throws(FileSystemError) { FileDigest.of(bytes: try JSONFile.encode(self, for: FilePath("plan.json"))) }
    }
}
