package import Arrivals
internal import Names

/// Describes an arrival that may be too old to be remembered, with the files that would still need it.
package struct OldArrival: Hashable, Sendable {
    package var number: Int64
    package var role: ArrivalRole
    package var path: String
    /// Tells whether it is the current content of its path, as far as the ledger knows.
    package var isCurrent: Bool
    /// The outputs that it published and that nothing has replaced or removed.
    package var publications: [Publication]
    /// Tells whether the ledger must keep it in any case.
    package var isKept: Bool
}

extension RunLedger {
    /// Returns the arrivals of a pipeline, above `number`, that came before `time`, are decided, and are needed by no version and no
    /// training. Those of them whose file and outputs are gone may be forgotten.
    /// - Parameter published: outputs that the ledger must go on knowing, by path and digest.
    package func oldArrivals(
        of pipeline: String, before time: UTCTime, above number: Int64 = 0, limit: Int = 1000,
        keeping published: [(path: String, digest: String)] = []
    ) throws(LedgerError) -> [OldArrival] {
        try read { (connection) throws(LedgerError) in
            guard let key = try connection.pipelineKey(pipeline) else { return [] }
            // What was published last shows that a ledger is not an older copy of itself.
            let newest =
                try connection.first(
                    """
                    SELECT max(p.run) FROM publications AS p JOIN runs AS r ON r.id = p.run JOIN arrivals AS a ON a.number = r.arrival
                    WHERE a.pipeline = ?
                    """, key, row: { $0.integer(0) }) ?? 0
            return try connection.all(
                """
                SELECT a.number, a.role, a.path, f.arrival IS NOT NULL, a.run FROM arrivals AS a
                LEFT JOIN files AS f ON f.pipeline = a.pipeline AND f.role = a.role AND f.path = a.path AND f.arrival = a.number
                WHERE a.number > ? AND a.pipeline = ? AND a.arrived_at < ?
                    AND a.state IN ('done', 'rejected', 'quarantined', 'superseded', 'ignored') AND a.replaying IS NULL
                    AND (a.role <> 'labelled' OR a.state NOT IN ('done', 'rejected') OR a.let_go_at IS NOT NULL)
                    AND NOT EXISTS (SELECT 1 FROM runs AS r WHERE r.arrival = a.number AND (r.state = 'open' OR r.id = ?))
                    AND NOT EXISTS (
                        SELECT 1 FROM runs AS r JOIN model_versions AS v ON v.run = r.id WHERE r.arrival = a.number
                            AND v.verdict = 'published')
                ORDER BY a.number LIMIT ?
                """, number, key, time, newest, limit
            ) { (row) throws(LedgerError) in
                let arrival = row.integer(0)
                var publications: [Publication] = []
                for run in try connection.all("SELECT id FROM runs WHERE arrival = ?", arrival, row: { $0.integer(0) }) {
                    publications += try connection.publications(ofRun: run, intendedOnly: false)
                }
                let isKept = publications.map(\.output).contains { known in
                    published.contains { $0.path.isName(known.path) && $0.digest == known.digest }
                }
                return OldArrival(
                    number: arrival, role: try row.value(1, of: "arrivals", arrival), path: row.text(2), isCurrent: row.bool(3),
                    publications: publications.filter { $0.state == .published }, isKept: isKept)
            }
        }
    }
}

extension LedgerTransaction {
    /// Removes everything known of these arrivals, which must be of `oldArrivals`.
    package func forget(_ arrivals: [OldArrival], of pipeline: String) throws(LedgerError) {
        guard let key = try connection.pipelineKey(pipeline) else { return }
        for arrival in arrivals {
            guard let row = try arrivalRow(arrival.number), row.state != .waiting, row.state != .running else { continue }
            try forgetRuns(of: row.number)
            if arrival.isCurrent {
                try connection.run(
                    "DELETE FROM files WHERE pipeline = ? AND role = ? AND path = ? AND arrival = ?", key, row.role, row.path, row.number)
                try connection.run("DELETE FROM outputs WHERE pipeline = ? AND role = ? AND path = ?", key, row.role, row.path)
            }
            try connection.run("DELETE FROM companions WHERE arrival = ?", row.number)
            try connection.run("DELETE FROM run_labels WHERE arrival = ?", row.number)
            try connection.run("DELETE FROM arrivals WHERE number = ?", row.number)
            try connection.run(
                "UPDATE counts SET count = count - 1 WHERE pipeline = ? AND role = ? AND state = ?", key, row.role, row.state)
        }
        try connection.run("DELETE FROM counts WHERE pipeline = ? AND count = 0", key)
    }

    private func forgetRuns(of arrival: Int64) throws(LedgerError) {
        for run in try connection.all("SELECT id FROM runs WHERE arrival = ?", arrival, row: { $0.integer(0) }) {
            try connection.run("DELETE FROM attempts WHERE run = ?", run)
            try connection.run("DELETE FROM publications WHERE run = ?", run)
            try connection.run("DELETE FROM model_versions WHERE run = ?", run)
            try connection.run("DELETE FROM run_labels WHERE run = ?", run)
            try connection.run("DELETE FROM runs WHERE id = ?", run)
        }
    }

    /// Removes everything known of a pipeline that no file names any more. What it published stays on disk, and belongs to no pipeline.
    /// Returns how many arrivals it removed.
    package func clear(pipeline: String) throws(LedgerError) -> Int {
        guard let key = try connection.pipelineKey(pipeline) else { return 0 }
        let arrivals = try connection.all("SELECT number FROM arrivals WHERE pipeline = ?", key, row: { $0.integer(0) })
        for arrival in arrivals {
            try forgetRuns(of: arrival)
            try connection.run("DELETE FROM companions WHERE arrival = ?", arrival)
            try connection.run("DELETE FROM arrivals WHERE number = ?", arrival)
        }
        try connection.run("DELETE FROM files WHERE pipeline = ?", key)
        try connection.run("DELETE FROM outputs WHERE pipeline = ?", key)
        try connection.run("DELETE FROM model_versions WHERE pipeline = ?", key)
        try connection.run("DELETE FROM activations WHERE pipeline = ?", key)
        try connection.run("DELETE FROM column_orders WHERE pipeline = ?", key)
        try connection.run("DELETE FROM kept_types WHERE pipeline = ?", key)
        try connection.run("DELETE FROM long_waits WHERE pipeline = ?", key)
        try connection.run("DELETE FROM version_pins WHERE pipeline = ?", key)
        try connection.run("DELETE FROM watched_folders WHERE pipeline = ?", key)
        try connection.run("DELETE FROM counts WHERE pipeline = ?", key)
        try connection.run("DELETE FROM pauses WHERE pipeline = ?", pipeline)
        return arrivals.count
    }
}

extension RunLedger {
    /// Gives everything known of `old` to `new`, of which nothing may be known. Returns whether there was something to give.
    ///
    /// It must be called before the ledger is used under either name.
    package func rename(_ old: String, to new: String) throws(LedgerError) -> Bool {
        let isRenamed = try write { (tx) throws(LedgerError) in try tx.rename(old, to: new) }
        if isRenamed { try forgetNames() }
        return isRenamed
    }

    /// Returns the role and path of each arrival that is in quarantine or rejected.
    package func blocked(in pipeline: String) throws(LedgerError) -> [(role: ArrivalRole, path: String)] {
        try read { (connection) throws(LedgerError) in
            guard let key = try connection.pipelineKey(pipeline) else { return [] }
            return try connection.all(
                """
                SELECT role, path, number FROM arrivals INDEXED BY arrivals_blocked
                WHERE pipeline = ? AND state IN ('quarantined', 'rejected')
                """, key
            ) { (row) throws(LedgerError) in (role: try row.value(0, of: "arrivals", row.integer(2)), path: row.text(1)) }
        }
    }

    /// Returns whether anything ever arrived for the pipeline.
    package func knows(_ pipeline: String) throws(LedgerError) -> Bool {
        try read { (connection) throws(LedgerError) in
            try connection.pipelineKey(pipeline).map { (key) throws(LedgerError) in try connection.hasArrivals(key) } ?? false
        }
    }
}

extension LedgerTransaction {
    fileprivate func rename(_ old: String, to new: String) throws(LedgerError) -> Bool {
        guard let key = try connection.pipelineKey(old), try connection.hasArrivals(key) else { return false }
        if let other = try connection.pipelineKey(new) {
            if try connection.hasArrivals(other) { return false }
            // The other pipeline is only a name, which an event or a pause left.
            try connection.run("UPDATE events SET pipeline = ? WHERE pipeline = ?", key, other)
            try connection.run("DELETE FROM pipelines WHERE id = ?", other)
        }
        try connection.run("UPDATE pipelines SET name = ? WHERE id = ?", new, key)
        try connection.run("UPDATE OR REPLACE pauses SET pipeline = ? WHERE pipeline = ?", new, old)
        connection.forgetNames()
        return true
    }
}

extension Connection {
    func hasArrivals(_ pipeline: Int64) throws(LedgerError) -> Bool {
        try first("SELECT 1 FROM arrivals WHERE pipeline = ? LIMIT 1", pipeline, row: { _ in true }) ?? false
    }
}
