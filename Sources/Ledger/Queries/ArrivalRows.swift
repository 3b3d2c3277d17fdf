package import Arrivals
import Foundation
internal import Reasons

extension Connection {
    func arrival(_ number: Int64) throws(LedgerError) -> Arrival? {
        try first(
            """
            SELECT number, pipeline, role, path, digest, size, arrived_at, state, verdict, reason, rule, remedy, cells, previous, run,
                settled_by
            FROM arrivals WHERE number = ?
            """, number
        ) { (row) throws(LedgerError) in
            Arrival(
                number: number, pipeline: try pipelineName(row.integer(1)), role: try row.value(2, of: "arrivals", number),
                path: row.text(3),
                digest: row.textOrNil(4), byteCount: row.integer(5), arrivedAt: row.time(6),
                state: try row.value(7, of: "arrivals", number),
                verdict: row.textOrNil(8), explanation: row.explanation(9), previous: row.integerOrNil(13), run: row.integerOrNil(14),
                settledBy: row.textOrNil(15))
        }
    }

    /// Returns the oldest arrival of that role below `number` that waits or runs.
    func undecided(_ role: String, _ pipeline: Int64, before number: Int64) throws(LedgerError) -> (number: Int64, path: String)? {
        try first(
            """
            SELECT number, path FROM (
                SELECT number, path FROM arrivals WHERE pipeline = ?1 AND role = ?3 AND state = 'waiting' AND number < ?2
                UNION ALL
                SELECT a.number, a.path FROM runs AS r JOIN arrivals AS a ON a.number = r.arrival
                WHERE r.state = 'open' AND a.state = 'running' AND a.pipeline = ?1 AND a.role = ?3 AND a.number < ?2
            ) ORDER BY number LIMIT 1
            """, pipeline, number, role, row: { (number: $0.integer(0), path: $0.text(1)) })
    }
}

extension Row {
    /// Reads the columns reason, rule, remedy and cells, which follow one another from `column` on.
    func explanation(_ column: Int32) -> Explanation? {
        textOrNil(column).map {
            Explanation(reason: Reason($0, cells: cells(column + 3)), rule: Rule(recorded: text(column + 1)), remedy: text(column + 2))
        }
    }

    /// Returns the values of cells that a column has, unless they are hidden: everything that reads such values from the ledger reads them
    /// here.
    func cells(_ column: Int32) -> CellValues? {
        guard !hidesValues, let text = textOrNil(column) else { return nil }
        return try? JSONDecoder().decode(CellValues.self, from: Data(text.utf8))
    }
}

extension RunLedger {
    package func arrival(_ number: Int64) throws(LedgerError) -> Arrival? {
        try read { (connection) throws(LedgerError) in try connection.arrival(number) }
    }

    /// Returns the highest number that was given; 0 where none was.
    package func newestArrival() throws(LedgerError) -> Int64 {
        try readOne { (connection) throws(LedgerError) in
            try connection.first("SELECT coalesce(max(number), 0) FROM arrivals", row: { $0.integer(0) }) ?? 0
        }
    }

    /// Returns whether the current content of a path is in quarantine.
    package func isQuarantined(_ path: String, pipeline: String, role: ArrivalRole) throws(LedgerError) -> Bool {
        try quarantined(path, pipeline: pipeline, role: role) != nil
    }

    /// Returns the current arrival of a path where it is in quarantine, else nil.
    package func quarantined(_ path: String, pipeline: String, role: ArrivalRole) throws(LedgerError) -> Arrival? {
        try read { (connection) throws(LedgerError) in
            guard let key = try connection.pipelineKey(pipeline), let number = try connection.currentArrival(key, role, path),
                let arrival = try connection.arrival(number), arrival.state == .quarantined
            else { return nil }
            return arrival
        }
    }

    package func companions(of arrival: Int64) throws(LedgerError) -> [Companion] {
        try read { (connection) throws(LedgerError) in try connection.companions(of: arrival) }
    }

    /// Returns arrivals that may start, in arrival order, those after `after` only, at most `limit` of them: so they are read a window at a
    /// time, however many wait. Arrivals that a later attempt is set for are among them, with the time of that attempt.
    /// - Parameter isHeld: asks instead for those that wait for their file to settle again.
    package func waiting(
        pipeline: String, role: ArrivalRole, after: Int64 = 0, limit: Int = .max, isHeld: Bool = false
    ) throws(LedgerError) -> [WaitingArrival] {
        try read { (connection) throws(LedgerError) in
            guard let key = try connection.pipelineKey(pipeline) else { return [] }
            let spool = SpoolID(pipeline, role)
            var found = try connection.all(
                """
                SELECT a.number, a.path, a.digest, a.arrived_at, a.output_key, a.replaying, a.run,
                    f.device, f.inode, f.size, f.changed, f.companions, r.version, v.digest, r.next_attempt_at, a.settled_by
                FROM arrivals AS a INDEXED BY arrivals_waiting
                JOIN files AS f ON f.pipeline = a.pipeline AND f.role = a.role AND f.path = a.path AND f.arrival = a.number
                LEFT JOIN runs AS r ON r.id = a.run LEFT JOIN revisions AS v ON v.id = r.revision
                WHERE a.state = 'waiting' AND a.pipeline = ? AND a.role = ? AND a.number > ? AND a.held = ?
                ORDER BY a.number LIMIT ?
                """, key, role, after, isHeld, limit
            ) { row -> (WaitingArrival, hasCompanions: Bool) in
                let file = ArrivedFile(
                    SpoolPlace(spool, row.text(1)), digest: row.text(2),
                    stamp: FileStamp(device: row.integer(7), inode: row.integer(8), size: row.integer(9), changed: row.integer(10)),
                    outputKey: row.textOrNil(4), settledBy: row.textOrNil(15))
                var arrival = WaitingArrival(row.integer(0), file, arrivedAt: row.time(3))
                arrival.isReplay = !row.isNull(5)
                arrival.run = row.integerOrNil(6)
                arrival.boundVersion = row.intOrNil(12)
                arrival.boundRevision = row.textOrNil(13)
                arrival.nextAttemptAt = row.timeOrNil(14)
                return (arrival, hasCompanions: row.integer(11) > 0)
            }
            for index in found.indices where found[index].hasCompanions {
                found[index].0.file.companions = try connection.companions(of: found[index].0.number)
            }
            return found.map(\.0)
        }
    }

    /// Returns the first labelled arrival that waits or is worked on.
    package func undecidedLabels(pipeline: String) throws(LedgerError) -> (number: Int64, path: String)? {
        try readOne { (connection) throws(LedgerError) in
            guard let key = try connection.pipelineKey(pipeline) else { return nil }
            return try connection.undecided("labelled", key, before: .max)
        }
    }

    package func counts(pipeline: String) throws(LedgerError) -> [RoleCounts] {
        try read { (connection) throws(LedgerError) in
            guard let key = try connection.pipelineKey(pipeline) else { return [] }
            return try connection.counts(key)
        }
    }

    package func pipelines() throws(LedgerError) -> [String] {
        try read { (connection) throws(LedgerError) in try connection.pipelines() }
    }

    /// Returns the arrivals after number `after`, in order, in pages of `limit`: every file that was ever seen.
    package func arrivals(after: Int64 = 0, state: ArrivalState? = nil, limit: Int = 1000) throws(LedgerError) -> [Arrival] {
        try read { (connection) throws(LedgerError) in
            let numbers = try connection.all(
                "SELECT number FROM arrivals WHERE number > ? AND (?2 IS NULL OR state = ?2) ORDER BY number LIMIT ?", after, state, limit,
                row: { $0.integer(0) })
            return try numbers.collect { (number) throws(LedgerError) in try connection.arrival(number) }
        }
    }
}

extension Connection {
    func counts(_ pipeline: Int64) throws(LedgerError) -> [RoleCounts] {
        try all("SELECT role, state, count FROM counts WHERE pipeline = ? AND count <> 0 ORDER BY role, state", pipeline) {
            (row) throws(LedgerError) in
            RoleCounts(
                role: try row.value(0, of: "counts", pipeline), state: try row.value(1, of: "counts", pipeline), count: Int(row.integer(2)))
        }
    }
}

extension RunLedger {
    /// Returns whether any file of that spool was ever numbered and is current.
    package func hasFiles(pipeline: String, role: ArrivalRole) throws(LedgerError) -> Bool {
        try readOne { (connection) throws(LedgerError) in
            guard let key = try connection.pipelineKey(pipeline) else { return false }
            return try connection.first("SELECT 1 FROM files WHERE pipeline = ? AND role = ? LIMIT 1", key, role, row: { _ in true })
                ?? false
        }
    }
}
