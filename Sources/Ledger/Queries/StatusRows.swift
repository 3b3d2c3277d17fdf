package import Arrivals
internal import Reasons

extension Connection {
    func pauses() throws(LedgerError) -> Pauses {
        let names = try all("SELECT pipeline FROM pauses ORDER BY pipeline", row: { $0.text(0) })
        return Pauses(all: names.contains(""), pipelines: names.filter { !$0.isEmpty })
    }

    /// Returns why an arrival waits; nil for one that does not wait.
    /// - Parameter strict: pipelines in which data waits for the labels before it.
    func waitReason(of number: Int64, now: UTCTime, strict: Set<String>) throws(LedgerError) -> WaitReason? {
        let found = try first(
            """
            SELECT a.pipeline, a.role, a.held, r.next_attempt_at, r.version, a.state FROM arrivals AS a LEFT JOIN runs AS r ON r.id = a.run
            WHERE a.number = ?
            """, number,
            row: {
                (
                    pipeline: $0.integer(0), isModel: $0.isText(1, "model"), isLabelled: $0.isText(1, "labelled"), isHeld: $0.bool(2),
                    next: $0.timeOrNil(3), isBound: !$0.isNull(4),
                    isWaiting: $0.isText(5, "waiting")
                )
            })
        guard let found, found.isWaiting else { return nil }
        if found.isHeld { return .forFileToSettle }
        let name = try pipelineName(found.pipeline)
        if try pauses().includes(name) { return .paused }
        if let wait = try machineWait(of: number, in: found.pipeline, now: now) { return wait }
        if let next = found.next, next > now { return .forRetry(at: next) }
        if found.isLabelled || !found.isBound, let model = try undecided("model", found.pipeline, before: number) {
            return .forModel(arrival: model.number, path: model.path)
        }
        if !found.isModel, try activeVersion(found.pipeline) == nil { return .forFirstModel }
        if found.isLabelled || !found.isModel && !found.isBound && strict.contains(name),
            let labels = try undecided("labelled", found.pipeline, before: number)
        {
            return .forLabels(arrival: labels.number, path: labels.path)
        }
        return .forRoom
    }

    /// Returns the fault of the machine that the pipeline met when it last tried to work, or that this file met when it was last read; nil
    /// where nothing waits because of one.
    private func machineWait(of number: Int64, in pipeline: Int64, now: UTCTime) throws(LedgerError) -> WaitReason? {
        try first(
            """
            SELECT t.error, r.next_attempt_at, (SELECT min(started_at) FROM attempts WHERE run = r.id AND outcome = t.outcome)
            FROM runs AS r JOIN arrivals AS a ON a.number = r.arrival JOIN attempts AS t ON t.run = r.id AND t.number = r.attempt
            WHERE r.state = 'open' AND r.next_attempt_at > ? AND a.pipeline = ?
                AND (t.outcome = 'machine' OR t.outcome = 'unreadable' AND a.number = ?) LIMIT 1
            """, now, pipeline, number, row: { .forMachine(reason: $0.text(0), since: $0.time(2), next: $0.time(1)) })
    }

    fileprivate func status(_ name: String, now: UTCTime, samples: Int, strict: Set<String>) throws(LedgerError) -> PipelineStatus {
        let key = try pipelineKey(name) ?? -1
        var waiting: [(number: Int64, role: ArrivalRole, path: String, since: UTCTime)] = []
        for role in ArrivalRole.allCases {
            try each(
                """
                SELECT number, path, arrived_at FROM arrivals INDEXED BY arrivals_waiting
                WHERE state = 'waiting' AND pipeline = ? AND role = ? ORDER BY number LIMIT ?
                """, key, role, samples,
                row: { waiting.append((number: $0.integer(0), role: role, path: $0.text(1), since: $0.time(2))) })
        }
        waiting = Array(waiting.sorted { $0.number < $1.number }.prefix(samples))
        let labels =
            try first(
                """
                SELECT verdict, reason, rule, remedy, cells FROM arrivals
                WHERE pipeline = ? AND role = 'labelled' AND role <> 'data' AND state IN ('done', 'rejected') ORDER BY number DESC LIMIT 1
                """, key, row: { $0.isText(0, "kept") ? $0.explanation(1) : nil }) ?? nil
        return PipelineStatus(
            pipeline: name, counts: try counts(key), activeVersion: try activeVersion(key), pinnedVersion: try pin(of: name),
            isPaused: try pauses().includes(name),
            oldestWaitingAge: waiting.map(\.since).min().map { now.milliseconds - $0.milliseconds },
            waiting: try waiting.map { (row) throws(LedgerError) in
                PipelineStatus.Waiting(
                    arrival: row.number, role: row.role, path: row.path, since: row.since,
                    reason: try waitReason(of: row.number, now: now, strict: strict) ?? .forRoom)
            },
            running: try running(key, samples), labelsWait: labels, quarantined: try blocked(.quarantined, key, samples),
            rejected: try blocked(.rejected, key, samples))
    }

    private func running(_ pipeline: Int64, _ samples: Int) throws(LedgerError) -> [PipelineStatus.Running] {
        try all(
            """
            SELECT a.number, a.role, a.path, r.id, r.attempt, r.started_at FROM runs AS r INDEXED BY runs_open
                JOIN arrivals AS a ON a.number = r.arrival
            WHERE r.state = 'open' AND a.state = 'running' AND a.run = r.id AND a.pipeline = ? ORDER BY r.started_at, r.id LIMIT ?
            """, pipeline, samples
        ) { (row) throws(LedgerError) in
            PipelineStatus.Running(
                arrival: row.integer(0), role: try row.value(1, of: "arrivals", row.integer(0)), path: row.text(2), run: row.integer(3),
                attempt: Int(row.integer(4)), since: row.time(5))
        }
    }

    /// Returns the arrivals of the pipeline in that state, which is `quarantined` or `rejected`, newest first.
    private func blocked(_ state: ArrivalState, _ pipeline: Int64, _ samples: Int) throws(LedgerError) -> [PipelineStatus.Blocked] {
        try all(
            """
            SELECT number, role, path, reason, rule, remedy, cells FROM arrivals INDEXED BY arrivals_blocked
            WHERE state = ? AND state IN ('quarantined', 'rejected') AND pipeline = ? ORDER BY number DESC LIMIT ?
            """, state, pipeline, samples
        ) { (row) throws(LedgerError) in
            PipelineStatus.Blocked(
                arrival: row.integer(0), role: try row.value(1, of: "arrivals", row.integer(0)), path: row.text(2),
                explanation: row.explanation(3))
        }
    }
}

extension RunLedger {
    /// Returns the status of every pipeline that has arrivals, and of those in `naming`, in order of name.
    /// - Parameter strict: pipelines in which data waits for the labels before it.
    package func status(
        naming: [String] = [], strict: Set<String> = [], now: UTCTime, samples: Int = 10
    ) throws(LedgerError) -> [PipelineStatus] {
        try read { (connection) throws(LedgerError) in
            let names = Set(try connection.pipelines()).union(naming).sorted()
            return try names.map { (name) throws(LedgerError) in try connection.status(name, now: now, samples: samples, strict: strict) }
        }
    }

    package func pauses() throws(LedgerError) -> Pauses {
        try read { (connection) throws(LedgerError) in try connection.pauses() }
    }

    /// Returns the stamp under which the path was last numbered; nil where it never was.
    package func stamp(of path: String, pipeline: String, role: ArrivalRole) throws(LedgerError) -> FileStamp? {
        try readOne { (connection) throws(LedgerError) in
            guard let key = try connection.pipelineKey(pipeline) else { return nil }
            return try connection.stamp(of: path, key, role)
        }
    }

    /// Returns everything known about a path, by spool, because a path relative to a spool may be in several. It has at most the newest
    /// `visits` arrivals of the path.
    package func explain(
        path: String, pipeline: String? = nil, role: ArrivalRole? = nil, visits: Int = 20, strict: Set<String> = [], now: UTCTime
    ) throws(LedgerError) -> [FileExplanation] {
        try read { (connection) throws(LedgerError) in
            let current = try connection.currentArrivals(path: path)
            return try current.collect { (number) throws(LedgerError) in
                try connection.explain(number, limit: visits, strict: strict, now: now)
            }
            .filter { (pipeline == nil || $0.pipeline == pipeline) && (role == nil || $0.role == role) }
        }
    }
}

extension Connection {
    fileprivate func stamp(of path: String, _ pipeline: Int64, _ role: ArrivalRole) throws(LedgerError) -> FileStamp? {
        try first(
            "SELECT device, inode, size, changed FROM files WHERE pipeline = ? AND role = ? AND path = ?", pipeline, role, path,
            row: { FileStamp(device: $0.integer(0), inode: $0.integer(1), size: $0.integer(2), changed: $0.integer(3)) })
    }

    fileprivate func explain(_ current: Int64, limit: Int, strict: Set<String>, now: UTCTime) throws(LedgerError) -> FileExplanation? {
        guard let arrival = try arrival(current), let key = try pipelineKey(arrival.pipeline) else { return nil }
        let stamp = try stamp(of: arrival.path, key, arrival.role)
        var visits: [FileExplanation.Visit] = []
        var next: Arrival? = arrival
        while let visit = next, visits.count < limit {
            let runs = try runs(ofArrival: visit.number).collect { (number) throws(LedgerError) -> FileExplanation.RunHistory? in
                guard let run = try run(number) else { return nil }
                return FileExplanation.RunHistory(
                    run: run, attempts: try attempts(number), publications: try publications(ofRun: number, intendedOnly: false))
            }
            visits.append(FileExplanation.Visit(arrival: visit, runs: runs))
            next = try visit.previous.flatMap { (number) throws(LedgerError) in try self.arrival(number) }
        }
        return FileExplanation(
            pipeline: arrival.pipeline, role: arrival.role, path: arrival.path,
            stamp: stamp ?? FileStamp(device: 0, inode: 0, size: arrival.byteCount, changed: 0),
            wait: try waitReason(of: current, now: now, strict: strict), visits: visits)
    }
}
