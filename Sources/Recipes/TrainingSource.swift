/// Names a file whose rows a model was trained on, as the model's card does.
package struct TrainingSource: Hashable, Sendable, Codable {
    package let path: String?
    package let digest: String
    package let rows: Int?
    /// The number of the arrival in the ledger; nil where the card does not have it.
    package let arrival: Int64?

    package init(path: String? = nil, digest: String, rows: Int? = nil, arrival: Int64? = nil) {
        self.path = path
        self.digest = digest
        self.rows = rows
        self.arrival = arrival
    }
}
