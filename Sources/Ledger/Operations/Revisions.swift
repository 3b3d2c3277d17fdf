package import Arrivals
import GRDB

extension LedgerTransaction {
    /// Makes what was recorded under a pipeline's former revision count under the present one: runs, so that finished work stays finished,
    /// and the pinned columns and types. It is called when a pipeline is taken into use. Returns whether there was anything to change.
    ///
    /// - Parameters:
    ///   - former: the digest that an older version of the canonical form gives to the file.
    ///   - current: the digest that the present canonical form gives to the same file.
    package func carryOver(from former: String, to current: String, at time: UTCTime) throws(LedgerError) -> Bool {
        guard let old = try connection.revisionKey(former) else { return false }
        if let new = try connection.revisionKey(current) {
            // Both rows exist where a ledger was rebuilt from what two versions of Millrace published.
            try connection.run("UPDATE runs SET revision = ? WHERE revision = ?", new, old)
            try connection.run("UPDATE OR REPLACE column_orders SET revision = ? WHERE revision = ?", new, old)
            try connection.run("UPDATE OR REPLACE kept_types SET revision = ? WHERE revision = ?", new, old)
            try connection.run("DELETE FROM revisions WHERE id = ?", old)
        } else {
            try connection.run("UPDATE revisions SET digest = ? WHERE id = ?", current, old)
        }
        connection.forgetNames()
        try append([NewEvent("revision", payload: try connection.json(["from": former, "to": current]))], at: time)
        return true
    }
}
