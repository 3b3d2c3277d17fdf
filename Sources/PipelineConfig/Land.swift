/// Names the places where results are published.
package struct Land: Sendable, Equatable {
    package let models: ModelLanding?
    package internal(set) var outputs: OutputLanding?
    package let access: LandAccess

    package init(models: ModelLanding? = nil, outputs: OutputLanding? = nil, access: LandAccess = LandAccess()) {
        self.access = access
        self.models = models
        self.outputs = outputs
    }
}

/// Says who may read what is published, and what is in quarantine. No bytes depend on it.
package struct LandAccess: Sendable, Equatable {
    /// The permissions of files. A folder may also be entered by everyone who may read it.
    package let mode: UInt16
    /// The number of the group that everything is given to. Nil leaves the group that the file system gives.
    package let group: UInt32?

    package init(mode: UInt16 = 0o640, group: UInt32? = nil) {
        self.mode = mode
        self.group = group
    }
}

package struct ModelLanding: Sendable, Equatable {
    package let path: String
    /// The number of versions that are kept. The active one is always among them.
    package let keep: Int

    package init(path: String, keep: Int = 5) {
        self.path = path
        self.keep = keep
    }
}

package struct OutputLanding: Sendable, Equatable, Codable {
    package let path: String
    package internal(set) var format: OutputFormat
    /// The directory levels below `path`, outermost first.
    package internal(set) var partitionBy: [PartitionKey]

    package init(path: String, format: OutputFormat = .parquet, partitionBy: [PartitionKey] = []) {
        self.path = path
        self.format = format
        self.partitionBy = partitionBy
    }
}

package enum OutputFormat: String, Sendable, Equatable, Codable, CaseIterable {
    case parquet, arrow, csv, jsonl, npy, npz

    /// Tells whether a file has columns of one length, and no arrays.
    package var isTable: Bool {
        switch self {
        case .parquet, .arrow, .csv, .jsonl: true
        case .npy, .npz: false
        }
    }
}

/// A fact of the arrival, never of its rows; the directory is named `KEY=VALUE`.
package enum PartitionKey: String, Sendable, Equatable, Codable, CaseIterable {
    case arrivalDate = "arrival_date"
    case version
    case stem
}
