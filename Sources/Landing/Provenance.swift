package import Arrivals

/// Holds the settings that the first file under a revision fixes for those after it, so that a lost ledger can be restored with them.
package struct ManifestPins: Hashable, Sendable, Codable {
    /// The columns that each model input took, where the schema leaves them to the file's order.
    package var columns: [String: [String]]?
    /// The types of kept columns of text, by column.
    package var types: [String: String]?

    package init(columns: [String: [String]]?, types: [String: String]?) {
        self.columns = columns
        self.types = types
    }
}

/// Describes what an output came from; the same facts stand in the metadata of formats that have any.
package struct Provenance: Hashable, Sendable, Codable {
    package let pipeline: String
    /// The path relative to the spool.
    package let input: String
    package let inputDigest: String
    package let rows: Int?
    package let modelVersion: Int?
    package let modelDigest: String?
    package let revision: String
    package let arrival: Int64
    /// The way in which the model was executed; nil where measurements do not decide it.
    package let execution: OutputExecution?
    /// The settings that this file fixed for those after it; nil where it fixed none.
    package let pins: ManifestPins?

    package init(
        pipeline: String, input: String, inputDigest: String, rows: Int?, modelVersion: Int?, modelDigest: String?, revision: String,
        arrival: Int64, execution: OutputExecution? = nil, pins: ManifestPins? = nil
    ) {
        self.execution = execution
        self.pins = pins
        self.pipeline = pipeline
        self.input = input
        self.inputDigest = inputDigest
        self.rows = rows
        self.modelVersion = modelVersion
        self.modelDigest = modelDigest
        self.revision = revision
        self.arrival = arrival
    }
}
