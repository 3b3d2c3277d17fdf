/// What a model version is and how it came about: `card.json`. What is nil is left out; keys are sorted, so the same facts give the same
/// bytes.
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

    package struct TrainingData: Hashable, Sendable, Codable {
        package let path: String?
        package let digest: String
        package let rows: Int?
        /// Its number in the ledger. Cards of earlier versions do not have it.
        package let arrival: Int64?

        package init(path: String? = nil, digest: String, rows: Int? = nil, arrival: Int64? = nil) {
            self.path = path
            self.digest = digest
            self.rows = rows
            self.arrival = arrival
        }
    }

    package struct Gate: Hashable, Sendable, Codable {
        package let metric: String
        package let before: Double?
        package let after: Double?
        package let dropAtMost: Double?
        package let rows: Int?

        package init(metric: String, before: Double?, after: Double?, dropAtMost: Double? = nil, rows: Int? = nil) {
            self.metric = metric
            self.before = before
            self.after = after
            self.dropAtMost = dropAtMost
            self.rows = rows
        }

        package enum CodingKeys: String, CodingKey {
            case metric, before, after, rows
            case dropAtMost = "drop_at_most"
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

    /// A hyper-parameter or a decision that retries reuse.
    package enum Setting: Hashable, Sendable {
        case flag(Bool)
        case integer(Int64)
        case number(Double)
        case text(String)
        case list([Setting])
        case table([String: Setting])
    }

    package let pipeline: String
    package let version: Int
    package let revision: String
    package let verdict: Verdict
    /// The arrival's number in the ledger.
    package let arrival: Int64
    /// Relative to the spool.
    package let arrivalPath: String
    package let arrivalDigest: String
    package let tool: Named
    package var run: Int64?
    package var engine: Named?
    package var parent: Parent?
    /// The model before anything was quantized, from which training starts.
    package var floatParent: Parent?
    package var trainingData: [TrainingData]?
    package var hyperParameters: [String: Setting]?
    package var lossPerEpoch: [Double]?
    package var gate: Gate?
    /// By domain; the default domain is `ai.onnx`.
    package var opset: [String: Int]?
    package var decisions: [String: Setting]?
    package var reason: String?
    /// UTC, ISO 8601.
    package var publishedAt: String?
    /// Every other file of the version directory; filled in when it is staged.
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
        case pipeline, version, revision, verdict, arrival, tool, run, engine, parent, gate, opset, decisions, reason, files
        case arrivalPath = "arrival_path"
        case arrivalDigest = "arrival_digest"
        case floatParent = "float_parent"
        case trainingData = "training_data"
        case hyperParameters = "hyper_parameters"
        case lossPerEpoch = "loss_per_epoch"
        case publishedAt = "published_at"
    }

    /// In a version directory: low-rank factors that belong to `model.onnx`, which is then the one that they were trained beside.
    package static let adapterFile = "adapter.safetensors"

    /// What tells this version's model from others: see `FileDigest.ofVersion`.
    package var modelDigest: String? { FileDigest.ofVersion(files.map { (name: $0.path, digest: $0.digest) }) }
}

extension Card.Setting: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let value = try? container.decode(Bool.self) {
            self = .flag(value)
        } else if let value = try? container.decode(Int64.self) {
            self = .integer(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .text(value)
        } else if let value = try? container.decode([Card.Setting].self) {
            self = .list(value)
        } else {
            self = .table(try container.decode([String: Card.Setting].self))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .flag(let value): try container.encode(value)
        case .integer(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .text(let value): try container.encode(value)
        case .list(let value): try container.encode(value)
        case .table(let value): try container.encode(value)
        }
    }
}
