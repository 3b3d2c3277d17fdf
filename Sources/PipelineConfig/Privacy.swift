package import Recipes

/// Says what of the tables that arrive may stand in what Millrace writes.
package struct Privacy: Sendable, Equatable {
    /// The columns that are left out or hashed; nil where there are none.
    package let rows: RowPrivacy?
    /// Tells whether the values of cells may stand in the log, the ledger and reasons.
    package let showsValues: Bool

    package init(rows: RowPrivacy? = nil, showsValues: Bool = false) {
        self.rows = rows
        self.showsValues = showsValues
    }

    /// Tells whether there are hashes and their key is not known here, as for a reader who may not read its file. Then the revision is not
    /// known either.
    package var lacksKey: Bool { rows.map { !$0.hash.isEmpty && $0.key == nil } ?? false }

    /// The mode of inputs where they are moved to; nil where they have nothing that others may not read.
    package var inputMode: UInt16? { rows == nil ? nil : 0o600 }
}

extension [Pipeline] {
    /// Tells whether one of the pipelines lets values of cells be told. Otherwise those that were stored before stay hidden.
    package var showValues: Bool { contains { $0.privacy.showsValues } }
}

extension CanonicalForm {
    /// Adds the columns, whose order has no meaning, and the name of the key, since another key makes other bytes.
    mutating func add(_ privacy: Privacy) {
        guard let rows = privacy.rows else { return }
        add("privacy.drop", rows.drop.sorted())
        add("privacy.hash", rows.hash.sorted())
        add("privacy.key", rows.key.map { [$0.id] } ?? [])
    }
}
