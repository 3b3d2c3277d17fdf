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
    /// The columns that the attempt reports in its answer (`AttemptResult.columns` and `types`).
    var columns: [String: [String]] = [:]
    var types: [String: String] = [:]

    var isInOneGo: Bool { ranges.ranges.count < 2 }
}

/// Holds everything that the values of an output depend on. Parts that were made for another subject are of no use.
struct ScoringSubject: Encodable {
    private let data: String
    private let model: String
    private let schema: RowSchema
    private let stages: [Stage]
    private let columns: [String: [String]]
    private let types: [String: String]
    private let threads: Int
    private let machine: AttemptMachine
    private let build: String

    init(_ spec: AttemptSpec, _ files: AttemptSpec.ScoringFiles, _ machine: AttemptMachine) {
        data = files.data.digest
        model = files.model.digest
        schema = spec.schema
        stages = spec.stages
        columns = spec.columns
        types = spec.types
        threads = spec.limits.threads
        self.machine = machine
        build = toolVersion
    }

    var digest: String {
        get throws(FileSystemError) { FileDigest.of(bytes: try JSONFile.encode(self, for: FilePath("plan.json"))) }
    }
}
