package import FileSystem
package import Recipes

/// Describes what a model version is and how it was made: `card.json`. What is nil is left out. The keys are sorted, so that the same facts
/// give the same bytes.
package struct Card: Hashable, Sendable, Codable {
    package struct Named: Hashable, Sendable, Codable {
        package let name: String
        package let version: String

        package init(name: String, version: String) {
            self.name = name
            self.version = version
        }
    }

    package struct Parent: Hashable, Sendable, Codable {
        package let version: Int?
        package let digest: String

        package init(version: Int?, digest: String) {
            self.version = version
            self.digest = digest
        }
    }

    package struct File: Hashable, Sendable, Codable {
        package let path: String
        package let digest: String
        package let bytes: Int64

        package init(path: String, digest: String, bytes: Int64) {
            self.path = path
            self.digest = digest
            self.bytes = bytes
        }
    }

    package enum Verdict: String, Hashable, Sendable, Codable { case passed, ungated, rejected }

    package let pipeline: String
    package let version: Int
    package let revision: String
    package let verdict: Verdict
    /// The arrival's number in the ledger.
    package let arrival: Int64
    /// The path relative to the spool.
    package let arrivalPath: String
    package let arrivalDigest: String
    package let tool: Named
    package var run: Int64?
    package var engine: Named?
    /// The processor on which the version was made and tried.
    package var processor: String?
    package var parent: Parent?
    /// The model before anything was quantized, from which training starts.
    package var floatParent: Parent?
    package var trainingData: [TrainingSource]?
    package var hyperParameters: [String: JSONValue]?
    package var lossPerEpoch: [Double]?
    package var gate: GateOutcome?
    /// The versions of the operator sets by domain; the default domain is `ai.onnx`.
    package var opset: [String: Int]?
    package var decisions: [String: JSONValue]?
    package var reason: String?
    /// The time of publication, in UTC and ISO 8601.
    package var publishedAt: String?
    /// Every other file of the version directory; the list is filled in when the version is staged.
    package var files: [File] = []

    package init(
        pipeline: String, version: Int, revision: String, verdict: Verdict, arrival: Int64, arrivalPath: String, arrivalDigest: String,
        tool: Named
    ) {
        self.pipeline = pipeline
        self.version = version
        self.revision = revision
        self.verdict = verdict
        self.arrival = arrival
        self.arrivalPath = arrivalPath
        self.arrivalDigest = arrivalDigest
        self.tool = tool
    }

    package enum CodingKeys: String, CodingKey {
        case pipeline, version, revision, verdict, arrival, tool, run, engine, processor, parent, gate, opset, decisions, reason, files
        case arrivalPath = "arrival_path"
        case arrivalDigest = "arrival_digest"
        case floatParent = "float_parent"
        case trainingData = "training_data"
        case hyperParameters = "hyper_parameters"
        case lossPerEpoch = "loss_per_epoch"
        case publishedAt = "published_at"
    }

    /// The digest that tells this version's model from others: see `FileDigest.ofVersion`.
    package var modelDigest: String? { FileDigest.ofVersion(files.map { (name: $0.path, digest: $0.digest) }) }
}
