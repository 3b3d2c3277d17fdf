/// Where results are published.
package struct Land: Sendable, Equatable {
    package let models: ModelLanding?
    package internal(set) var outputs: OutputLanding?

    package init(models: ModelLanding? = nil, outputs: OutputLanding? = nil) {
        self.models = models
        self.outputs = outputs
    }
}

package struct ModelLanding: Sendable, Equatable {
    package let path: String
    /// Versions left standing, the active one always among them.
    package let keep: Int

    package init(path: String, keep: Int = 5) {
        self.path = path
        self.keep = keep
    }
}

package struct OutputLanding: Sendable, Equatable, Codable {
    package let path: String
    package internal(set) var format: OutputFormat
    /// Directory levels below `path`, outermost first.
    package internal(set) var partitionBy: [PartitionKey]

    package init(path: String, format: OutputFormat = .parquet, partitionBy: [PartitionKey] = []) {
        self.path = path
        self.format = format
        self.partitionBy = partitionBy
    }
}

package enum OutputFormat: String, Sendable, Equatable, Codable, CaseIterable {
    case parquet, arrow, csv, jsonl, npy, npz
}

/// A fact of the arrival, never of its rows; the directory is `KEY=VALUE`.
package enum PartitionKey: String, Sendable, Equatable, Codable, CaseIterable {
    case arrivalDate = "arrival_date"
    case version
    case stem
}
