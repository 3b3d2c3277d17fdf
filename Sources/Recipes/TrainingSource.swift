/// A file whose rows a model was trained on, as its card names it.
package struct TrainingSource: Hashable, Sendable, Codable {
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
