internal import Reasons

/// Erases what cells of tables hold from what is stored, for pipelines that do not show it any more.
extension RunLedger {
    /// Returns the pipelines, apart from those in `showing`, of which such values are stored.
    package func pipelinesWithValues(exceptOf showing: [String]) throws(LedgerError) -> [String] {
        try read { (connection) throws(LedgerError) in try connection.pipelinesWithValues.filter { !showing.contains($0) } }
    }

    /// Erases the values that are stored of these pipelines. What an earlier release has removed may stand in places that are not used; that
    /// goes with `compact`.
    package func eraseValues(of pipelines: [String]) throws(LedgerError) {
        try write { (ledger) throws(LedgerError) in
            for name in pipelines {
                guard let key = try ledger.connection.pipelineKey(name) else { continue }
                try ledger.connection.eraseValues(key)
            }
        }
    }
}

extension Connection {
    fileprivate var pipelinesWithValues: [String] {
        get throws(LedgerError) {
            try all(
                """
                SELECT name FROM pipelines WHERE id IN (
                    SELECT pipeline FROM arrivals WHERE cells IS NOT NULL
                    UNION SELECT a.pipeline FROM runs AS r JOIN arrivals AS a ON a.number = r.arrival WHERE r.cells IS NOT NULL
                    UNION SELECT a.pipeline FROM attempts AS t JOIN runs AS r ON r.id = t.run JOIN arrivals AS a ON a.number = r.arrival
                        WHERE t.cells IS NOT NULL
                    UNION SELECT pipeline FROM model_versions
                        WHERE cells IS NOT NULL OR training LIKE '%"cells":%' AND json_extract(training, '$.cells') IS NOT NULL
                ) ORDER BY name
                """, row: { $0.text(0) })
        }
    }

    fileprivate func eraseValues(_ pipeline: Int64) throws(LedgerError) {
        try run(
            """
            UPDATE attempts SET cells = NULL WHERE cells IS NOT NULL AND run IN (
                SELECT r.id FROM runs AS r JOIN arrivals AS a ON a.number = r.arrival WHERE a.pipeline = ?)
            """, pipeline)
        try run(
            """
            UPDATE runs SET cells = NULL WHERE cells IS NOT NULL AND arrival IN (SELECT number FROM arrivals WHERE pipeline = ?)
            """, pipeline)
        try run("UPDATE arrivals SET cells = NULL WHERE cells IS NOT NULL AND pipeline = ?", pipeline)
        try run("UPDATE model_versions SET cells = NULL WHERE cells IS NOT NULL AND pipeline = ?", pipeline)
        try run(
            """
            UPDATE model_versions SET training = json_remove(training, '$.cells')
            WHERE pipeline = ? AND training LIKE '%"cells":%' AND json_extract(training, '$.cells') IS NOT NULL
            """, pipeline)
    }
}
