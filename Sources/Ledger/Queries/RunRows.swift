internal import Reasons

extension Connection {
    func run(_ run: Int64) throws(LedgerError) -> RunRecord? {
        try first(
            """
            SELECT r.id, r.arrival, a.pipeline, a.role, a.path, r.kind, r.state, r.version, v.digest, r.opened_at, r.closed_at, r.attempt,
                r.next_attempt_at, r.row_count, r.timings, r.reason, r.rule, r.remedy, r.cells, m.processor, m.engine, m.engine_version
            FROM runs AS r JOIN arrivals AS a ON a.number = r.arrival JOIN revisions AS v ON v.id = r.revision
                LEFT JOIN machines AS m ON m.id = r.machine WHERE r.id = ?
            """, run
        ) { (row) throws(LedgerError) in
            RunRecord(
                number: run, arrival: row.integer(1), pipeline: try pipelineName(row.integer(2)),
                role: try row.value(3, of: "arrivals", row.integer(1)),
                path: row.text(4), kind: try row.value(5, of: "runs", run), state: try row.value(6, of: "runs", run),
                version: row.intOrNil(7), revision: row.text(8), openedAt: row.time(9), closedAt: row.timeOrNil(10),
                attemptCount: Int(row.integer(11)), nextAttemptAt: row.timeOrNil(12), rowCount: row.integerOrNil(13),
                timings: Timings.decode(row.textOrNil(14)), explanation: row.explanation(15), machine: row.machine(19))
        }
    }

    func runs(ofArrival number: Int64) throws(LedgerError) -> [Int64] {
        try all("SELECT id FROM runs WHERE arrival = ? ORDER BY id DESC", number, row: { $0.integer(0) })
    }

    /// Returns the attempts of a run, with the attempt that decided it or that goes on, which has no row of its own.
    func attempts(_ run: Int64) throws(LedgerError) -> [Attempt] {
        var attempts = try all(
            """
            SELECT number, started_at, ended_at, outcome, error, next_attempt_at, cells, processor, engine, engine_version
            FROM attempts LEFT JOIN machines ON machines.id = attempts.machine WHERE run = ? ORDER BY number
            """, run,
            row: {
                Attempt(
                    number: Int($0.integer(0)), startedAt: $0.time(1), endedAt: $0.time(2), outcome: $0.text(3), error: $0.textOrNil(4),
                    cells: $0.cells(6), nextAttemptAt: $0.timeOrNil(5), machine: $0.machine(7))
            })
        let newest = try first(
            """
            SELECT attempt, started_at, closed_at, state, processor, engine, engine_version
            FROM runs LEFT JOIN machines ON machines.id = runs.machine WHERE runs.id = ?
            """, run,
            row: {
                Attempt(
                    number: Int($0.integer(0)), startedAt: $0.time(1), endedAt: $0.timeOrNil(2),
                    outcome: $0.isText(3, "open") ? "running" : $0.text(3), error: nil, nextAttemptAt: nil, machine: $0.machine(4))
            })
        if let newest, attempts.last?.number != newest.number { attempts.append(newest) }
        return attempts
    }
}

extension RunLedger {
    package func run(_ run: Int64) throws(LedgerError) -> RunRecord? {
        try read { (connection) throws(LedgerError) in try connection.run(run) }
    }

    package func attempts(ofRun run: Int64) throws(LedgerError) -> [Attempt] {
        try read { (connection) throws(LedgerError) in try connection.attempts(run) }
    }

    /// Returns the runs that pass the filter, newest first.
    package func runs(_ filter: RunFilter = RunFilter()) throws(LedgerError) -> [RunRecord] {
        try read { (connection) throws(LedgerError) in
            var pipeline: Int64?
            if let name = filter.pipeline {
                guard let key = try connection.pipelineKey(name) else { return [] }
                pipeline = key
            }
            let numbers = try connection.all(
                """
                SELECT r.id FROM runs AS r JOIN arrivals AS a ON a.number = r.arrival
                WHERE r.id < ?1 AND (?2 IS NULL OR a.pipeline = ?2) AND (?3 IS NULL OR r.state = ?3) AND (?4 IS NULL OR r.arrival = ?4)
                    AND (?5 IS NULL OR a.path = ?5) AND (?6 IS NULL OR r.opened_at >= ?6)
                ORDER BY r.id DESC LIMIT ?7
                """, filter.before ?? .max, pipeline, filter.state, filter.arrival, filter.path, filter.openedSince, filter.limit,
                row: { $0.integer(0) })
            return try numbers.collect { (number) throws(LedgerError) in try connection.run(number) }
        }
    }

    /// Returns, for `plan`, the runs of what is done now that were bound to another revision, in arrival order, in pages: `after` is the
    /// last arrival of the page before.
    ///
    /// - Parameter former: the digest of the same revision by an older version of the canonical form, which a daemon has not replaced yet.
    package func outdated(
        pipeline: String, revision: String, former: String, after: Int64 = 0, limit: Int = 1000
    ) throws(LedgerError) -> [RunRecord] {
        try read { (connection) throws(LedgerError) in
            guard let key = try connection.pipelineKey(pipeline) else { return [] }
            let numbers = try connection.all(
                """
                SELECT r.id FROM arrivals AS a JOIN runs AS r ON r.id = a.run JOIN revisions AS v ON v.id = r.revision
                JOIN files AS f ON f.pipeline = a.pipeline AND f.role = a.role AND f.path = a.path AND f.arrival = a.number
                WHERE a.number > ? AND a.pipeline = ? AND a.state = 'done' AND r.state = 'done' AND v.digest NOT IN (?, ?)
                ORDER BY a.number LIMIT ?
                """, after, key, revision, former, limit, row: { $0.integer(0) })
            return try numbers.collect { (number) throws(LedgerError) in try connection.run(number) }
        }
    }

    /// Returns the runs that no outcome was recorded for: they are in work, between attempts, or left by a daemon that was killed.
    package func openRuns() throws(LedgerError) -> [InterruptedRun] {
        try read { (connection) throws(LedgerError) in
            let numbers = try connection.all("SELECT id FROM runs WHERE state = 'open' ORDER BY id", row: { $0.integer(0) })
            return try numbers.collect { (number) throws(LedgerError) in try connection.openRun(number) }
        }
    }
}

extension Connection {
    fileprivate func openRun(_ number: Int64) throws(LedgerError) -> InterruptedRun? {
        guard let record = try run(number), let arrival = try arrival(record.arrival) else { return nil }
        let forgiven = try first("SELECT forgiven FROM runs WHERE id = ?", number, row: { Int($0.integer(0)) }) ?? 0
        let version = try first(
            "SELECT version FROM model_versions WHERE run = ? AND verdict = 'intended'", number, row: { Int($0.integer(0)) })
        return InterruptedRun(
            number: number, arrival: arrival, kind: record.kind, version: record.version, revision: record.revision,
            attempt: record.attemptCount,
            countedAttempts: record.attemptCount - forgiven, openedAt: record.openedAt, nextAttemptAt: record.nextAttemptAt,
            intended: try publications(ofRun: number, intendedOnly: true), intendedVersion: version)
    }
}
