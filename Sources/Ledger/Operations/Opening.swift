package import Arrivals
internal import Reasons

extension LedgerTransaction {
    /// Begins the next attempt of each arrival. The first attempt opens the run and binds it; a later one goes on with that run and its
    /// binding, whatever the opening asks for. Only `replay` makes another run, and only `retry` binds a run to another revision, which is
    /// then the revision of the opening.
    package func open(_ openings: [RunOpening], at time: UTCTime) throws(LedgerError) -> [OpenOutcome] {
        var outcomes: [OpenOutcome] = []
        outcomes.reserveCapacity(openings.count)
        for opening in openings { outcomes.append(try open(opening, at: time)) }
        return outcomes
    }

    private func open(_ opening: RunOpening, at time: UTCTime) throws(LedgerError) -> OpenOutcome {
        guard let row = try arrivalRow(opening.arrival) else { throw .noSuchArrival(opening.arrival) }
        guard row.state == .waiting, !row.isHeld else { return .notWaiting(row.state) }
        if row.role != .data, row.run == nil, row.replaying == nil, let digest = row.digest,
            let decided = try decided(digest, row.pipeline, row.role, except: row.number, behind: row.previous)
        {
            try setState(row, decided.state, explanation: decided.explanation)
            try connection.run("UPDATE arrivals SET verdict = ? WHERE number = ?", decided.verdict, row.number)
            return .decidedAlready(sameAs: decided.number, state: decided.state)
        }
        let earlier = try reopened(row, opening, at: time)
        let opened = if let earlier { earlier } else { try newRun(row, opening, at: time) }
        try connection.run("UPDATE arrivals SET state = 'running', run = ? WHERE number = ?", opened.number, row.number)
        move(pipeline: row.pipeline, role: row.role, from: .waiting, to: .running)
        return .opened(opened)
    }

    private func reopened(_ row: ArrivalRow, _ opening: RunOpening, at time: UTCTime) throws(LedgerError) -> OpenedRun? {
        guard let run = row.run else { return nil }
        let found = try connection.first(
            """
            SELECT r.kind, r.version, v.digest, r.attempt, r.forgiven, r.rebinds FROM runs AS r JOIN revisions AS v ON v.id = r.revision
            WHERE r.id = ?
            """, run
        ) { (found) throws(LedgerError) in
            let attempt = Int(found.integer(3)) + 1
            return OpenedRun(
                number: run, arrival: row.number, kind: try found.value(0, of: "runs", run), version: found.intOrNil(1),
                revision: found.bool(5) ? opening.revision : found.text(2), attempt: attempt,
                countedAttempts: attempt - Int(found.integer(4)), mayReplace: true)
        }
        guard let opened = found else { throw .noSuchRun(run) }
        try connection.run(
            """
            UPDATE runs SET state = 'open', attempt = ?, started_at = ?, closed_at = NULL, next_attempt_at = NULL,
                reason = NULL, rule = NULL, remedy = NULL, cells = NULL, machine = NULL, revision = ?, rebinds = 0 WHERE id = ?
            """, opened.attempt, time, try connection.addRevision(opened.revision), run)
        return opened
    }

    private func newRun(_ row: ArrivalRow, _ opening: RunOpening, at time: UTCTime) throws(LedgerError) -> OpenedRun {
        let kind: RunKind = row.replaying == nil ? .normal : .replay
        let run = try connection.insert(
            """
            INSERT INTO runs (arrival, kind, version, revision, state, opened_at, attempt, started_at)
            VALUES (?, ?, ?, ?, 'open', ?, 1, ?)
            """, row.number, kind, opening.version, try connection.addRevision(opening.revision), time, time)
        return OpenedRun(
            number: run, arrival: row.number, kind: kind, version: opening.version, revision: opening.revision, attempt: 1,
            countedAttempts: 1,
            mayReplace: kind == .replay || row.previous != nil)
    }

    /// Binds an open run to another revision, because nothing can be made under the revision that it has.
    package func rebind(run: Int64, to revision: String) throws(LedgerError) {
        try connection.run("UPDATE runs SET revision = ? WHERE id = ?", try connection.addRevision(revision), run)
    }
}
