extension LedgerTransaction {
    /// The process died while these runs were executed; of `culprit`, since nothing else was.
    package func suspect(_ runs: [Int64], culprit: Int64?) throws(LedgerError) {
        for run in runs { try connection.run("INSERT OR IGNORE INTO suspects (run, deaths) VALUES (?, 0)", run) }
        if let culprit { try connection.run("UPDATE suspects SET deaths = deaths + 1 WHERE run = ?", culprit) }
    }

    /// The process lived through an attempt of theirs.
    package func acquit(_ runs: [Int64]) throws(LedgerError) {
        for run in runs { try connection.run("DELETE FROM suspects WHERE run = ?", run) }
    }
}

extension RunLedger {
    /// Arrivals whose open runs are suspected of what the process died of, with the number of its deaths while nothing else was executed.
    package func suspects() throws(LedgerError) -> [(run: Int64, arrival: Int64, pipeline: String, deaths: Int)] {
        try read { (connection) throws(LedgerError) in
            try connection.all(
                """
                SELECT s.run, a.number, a.pipeline, s.deaths FROM suspects AS s JOIN runs AS r ON r.id = s.run JOIN arrivals AS a ON a.number = r.arrival
                WHERE r.state = 'open' ORDER BY s.run
                """
            ) { (row) throws(LedgerError) in
                (
                    run: row.integer(0), arrival: row.integer(1), pipeline: try connection.pipelineName(row.integer(2)),
                    deaths: Int(row.integer(3))
                )
            }
        }
    }
}
