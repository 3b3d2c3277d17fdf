extension LedgerTransaction {
    /// Records conditions; each replaces an earlier one with the same key.
    package func set(_ conditions: [Condition]) throws(LedgerError) {
        for condition in conditions {
            try connection.run(
                "INSERT OR REPLACE INTO conditions (kind, pipeline, subject, text, facts, since) VALUES (?, ?, ?, ?, ?, ?)",
                condition.key.kind, condition.key.pipeline, condition.key.subject, condition.text, condition.facts, condition.since)
        }
    }

    /// Removes conditions that do not hold any more.
    package func clear(_ keys: [Condition.Key]) throws(LedgerError) {
        for key in keys {
            try connection.run(
                "DELETE FROM conditions WHERE kind = ? AND pipeline = ? AND subject = ?", key.kind, key.pipeline, key.subject)
        }
    }

    /// Removes all conditions, which an earlier daemon recorded.
    package func clearConditions() throws(LedgerError) { try connection.run("DELETE FROM conditions") }
}

extension RunLedger {
    /// Returns the conditions that the daemon recorded for `pipeline`, or all of them.
    package func conditions(pipeline: String? = nil) throws(LedgerError) -> [Condition] {
        try readOne { (connection) throws(LedgerError) in
            try connection.all(
                """
                SELECT kind, pipeline, subject, text, facts, since FROM conditions
                WHERE ?1 IS NULL OR pipeline = ?1 ORDER BY pipeline, kind, since, subject
                """, pipeline
            ) { row in
                Condition(
                    .init(.init(rawValue: row.text(0)), pipeline: row.text(1), subject: row.text(2)), text: row.text(3),
                    facts: row.textOrNil(4),
                    since: row.time(5))
            }
        }
    }
}
