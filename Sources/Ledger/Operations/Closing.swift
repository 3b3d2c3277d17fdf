package import Arrivals
internal import Machine
internal import Names
import Reasons

extension LedgerTransaction {
    // MARK: Before the files are visible

    /// Records files that are to get their final names. This must be durable before they get them, so that after a crash a file that is
    /// found under such a name is known to be ours.
    package func intend(_ intentions: [Intention]) throws(LedgerError) -> [IntentionOutcome] {
        var outcomes: [IntentionOutcome] = []
        outcomes.reserveCapacity(intentions.count)
        for intention in intentions { outcomes.append(try intend(intention)) }
        return outcomes
    }

    private func intend(_ intention: Intention) throws(LedgerError) -> IntentionOutcome {
        let run = try runRow(intention.run)
        guard run.state == .open else { throw .notOpen(run: intention.run, state: run.state) }
        let root = try connection.addRoot(intention.output.root)
        var replaces: Publication?
        let inPlace = try connection.publications(inPlace: intention.output.path, root: root)
        for other in inPlace {
            guard other.pipelineKey == run.arrival.pipeline, other.publication.inputPath.isName(run.arrival.path) else {
                return .owned(by: other.publication)
            }
            if other.publication.state == .published {
                replaces = other.publication
            } else {
                // It is of an earlier attempt for the same input, which did not publish it.
                try connection.run("UPDATE publications SET ended = 'removed' WHERE id = ?", other.publication.number)
            }
        }
        let number = try connection.insert(
            """
            INSERT INTO publications (run, root, path, digest, bytes, replaces, machine, execution, form_digest)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            """, intention.run, root, intention.output.path, intention.output.digest, intention.output.byteCount, replaces?.number,
            try connection.addMachine(intention.machine), intention.execution?.way, intention.execution?.formDigest)
        return .intended(publication: number, replaces: replaces)
    }

    /// Returns the digests of `Connection.unfinished` for the place of an intention.
    package func unfinished(_ intention: Intention) throws(LedgerError) -> [String] {
        try connection.unfinished(
            ofArrival: try runRow(intention.run).arrival.number, root: try connection.addRoot(intention.output.root),
            path: intention.output.path)
    }

    // MARK: After

    /// Decides runs. With `done` everything intended for the run counts as published, and what was there before for the same input counts
    /// as replaced; with any other outcome nothing counts as published.
    package func close(_ closings: [RunClosing], at time: UTCTime) throws(LedgerError) {
        for closing in closings { try close(closing, at: time) }
    }

    private func close(_ closing: RunClosing, at time: UTCTime) throws(LedgerError) {
        let run = try runRow(closing.run)
        guard run.state == .open else { throw .notOpen(run: closing.run, state: run.state) }
        let state: RunState
        var explanation: Explanation?
        var failure: (outcome: String, error: Reason)?
        switch closing.outcome {
        case .done(let verdict):
            state = .done
            try connection.run(
                """
                UPDATE publications SET ended = 'replaced' WHERE ended IS NULL AND id IN (
                    SELECT replaces FROM publications WHERE run = ? AND ended IS NULL AND replaces IS NOT NULL)
                """, run.number)
            if run.arrival.role == .data { try reclaim(run.number) }
            if run.arrival.role == .data, run.arrival.replaying != nil || run.arrival.previous != nil {
                try leave(run.arrival.number, as: .leaving)
            }
            try connection.run(
                """
                UPDATE arrivals SET state = 'done', replaying = NULL, verdict = ?, reason = NULL, rule = NULL, remedy = NULL, cells = NULL
                WHERE number = ?
                """, verdict, run.arrival.number)
            move(pipeline: run.arrival.pipeline, role: run.arrival.role, from: run.arrival.state, to: .done)
        case .kept(let why):
            state = .done
            explanation = why
            try decideKept(run.arrival, why)
        case .rejected(let why):
            state = .rejected
            explanation = why
            failure = ("rejected", why.fullReason)
            try decideAgainst(run, .rejected, why)
        case .quarantined(let why):
            state = .quarantined
            explanation = why
            failure = ("quarantined", why.fullReason)
            try decideAgainst(run, .quarantined, why)
        case .void(let reason):
            state = .abandoned
            failure = ("void", Reason(reason))
            try hold(run)
        case .gone:
            state = .abandoned
            let why = Explanation.removedBeforeRead
            if run.arrival.replaying == .done {
                try setState(run.arrival, .done)
            } else {
                try setState(run.arrival, .ignored, explanation: why)
            }
            failure = ("gone", why.fullReason)
            try releaseVersion(of: run.number)
            try forgetFile(of: run.arrival)
        }
        if let failure {
            try withdrawIntentions(of: run.number)
            try endAttempt(run, failure.outcome, failure.error, next: nil, on: closing.machine, at: time)
        }
        try connection.run(
            """
            UPDATE runs SET state = ?, closed_at = ?, row_count = ?, timings = ?, reason = ?, rule = ?, remedy = ?, cells = ?,
                machine = coalesce(?, (SELECT p.machine FROM publications AS p WHERE p.run = runs.id AND p.ended IS NULL LIMIT 1))
            WHERE id = ?
            """,
            state, time,
            closing.rowCount, Timings.encode(closing.timings), explanation?.reason, explanation?.rule.code, explanation?.remedy,
            try connection.json(cells: explanation?.cells), try connection.addMachine(closing.machine), run.number)
    }

    /// Records outputs that could not be removed as replaced, where the run has published a file in their place.
    private func reclaim(_ run: Int64) throws(LedgerError) {
        // The first condition on `ended` is that of the index, which has nothing else in it.
        try connection.run(
            """
            UPDATE publications INDEXED BY publications_leaving SET ended = 'replaced'
            WHERE ended IN ('leaving', 'orphaned', 'left') AND ended <> 'left' AND EXISTS (
                SELECT 1 FROM publications AS p WHERE p.run = ? AND p.ended IS NULL AND p.root = publications.root
                    AND p.path = publications.path)
            """, run)
    }

    /// Marks the standing outputs of the input as outputs that are to be removed: because the input now has its one output elsewhere, such
    /// as in another format, or because the input was deleted. Returns how many outputs it marked.
    @discardableResult
    func leave(_ arrival: Int64, as state: PublicationState) throws(LedgerError) -> Int {
        let standing = try connection.standingPublications(ofArrival: arrival)
        for output in standing { try connection.run("UPDATE publications SET ended = ? WHERE id = ?", state, output.number) }
        return standing.count
    }

    /// Records that an output which was to be removed has been removed, or was left where it is.
    package func left(_ publication: Int64, isRemoved: Bool) throws(LedgerError) {
        try connection.run(
            "UPDATE publications SET ended = ? WHERE id = ?", isRemoved ? PublicationState.removed : .left, publication)
    }

    /// Decides the arrival as `state`; a replay that fails leaves the earlier finished work in force instead.
    private func decideAgainst(_ run: RunRow, _ state: ArrivalState, _ why: Explanation) throws(LedgerError) {
        if run.arrival.replaying == .done {
            try setState(run.arrival, .done)
        } else {
            try setState(run.arrival, state, explanation: why)
        }
        try releaseVersion(of: run.number)
    }

    /// Lets the arrival wait for its file to be seen again; where newer content is known already, the arrival is superseded.
    private func hold(_ run: RunRow) throws(LedgerError) {
        try releaseVersion(of: run.number)
        let row = run.arrival
        if try forgetStamp(of: row) {
            try connection.run("UPDATE arrivals SET state = 'waiting', held = 1 WHERE number = ?", row.number)
            move(pipeline: row.pipeline, role: row.role, from: row.state, to: .waiting)
        } else {
            try setState(row, row.replaying == .done ? .done : .superseded)
        }
    }

    // MARK: Attempts that decide nothing

    /// Ends attempts without a decision. The arrivals wait again; their runs stay open and keep their binding.
    package func attemptFailed(_ failures: [FailedAttempt], at time: UTCTime) throws(LedgerError) {
        for failure in failures {
            let run = try runRow(failure.run)
            guard run.state == .open else { throw .notOpen(run: failure.run, state: run.state) }
            try withdrawIntentions(of: run.number)
            try endAttempt(run, failure.outcome, failure.error, next: failure.nextAttemptAt, on: failure.machine, at: time)
            try connection.run(
                "UPDATE runs SET next_attempt_at = ?, forgiven = forgiven + ? WHERE id = ?", failure.nextAttemptAt, failure.counts ? 0 : 1,
                run.number)
            guard run.arrival.state == .running else { continue }
            let row = run.arrival
            guard try connection.currentArrival(row.pipeline, row.role, row.path) == row.number else {
                // Newer content came while it ran, so it will never run again.
                try abandonOpenRun(of: run.number)
                try setState(row, row.replaying == .done ? .done : .superseded)
                continue
            }
            try connection.run("UPDATE arrivals SET state = 'waiting' WHERE number = ?", run.arrival.number)
            move(pipeline: run.arrival.pipeline, role: run.arrival.role, from: .running, to: .waiting)
        }
    }

    /// Ends the attempts of open runs whose daemon was killed, and whose intended files are not in place, so that another attempt starts.
    /// Runs whose files are all in place, by digest, are to be closed as done instead. The attempts do not count.
    package func interrupted(_ runs: [Int64], at time: UTCTime) throws(LedgerError) {
        for number in runs {
            let run = try runRow(number)
            guard run.state == .open, run.arrival.state == .running else { continue }
            try attemptFailed(
                [
                    FailedAttempt(
                        run: number, outcome: "interrupted", error: "the daemon ended during the attempt", nextAttemptAt: nil, counts: false
                    )
                ],
                at: time)
        }
    }

    private func endAttempt(
        _ run: RunRow, _ outcome: String, _ error: Reason, next: UTCTime?, on machine: AttemptMachine?, at time: UTCTime
    ) throws(LedgerError) {
        try connection.run(
            """
            INSERT OR REPLACE INTO attempts (run, number, started_at, ended_at, outcome, error, cells, next_attempt_at, machine)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            """, run.number, run.attempt, run.startedAt, time, outcome, error.text, try connection.json(cells: error.cells), next,
            try connection.addMachine(machine))
    }

    private func withdrawIntentions(of run: Int64) throws(LedgerError) {
        try connection.run("UPDATE publications SET ended = 'removed' WHERE run = ? AND ended IS NULL", run)
    }

    // MARK: Parts

    struct RunRow {
        let number: Int64
        let state: RunState
        let attempt: Int
        let startedAt: UTCTime
        let arrival: ArrivalRow
    }

    func runRow(_ run: Int64) throws(LedgerError) -> RunRow {
        let found = try connection.first(
            """
            SELECT r.state, r.attempt, r.started_at, a.number, a.pipeline, a.role, a.path, a.digest, a.state, a.held, a.replaying, a.run,
                a.previous
            FROM runs AS r JOIN arrivals AS a ON a.number = r.arrival WHERE r.id = ?
            """, run
        ) { (row) throws(LedgerError) in
            let arrival = row.integer(3)
            return RunRow(
                number: run, state: try row.value(0, of: "runs", run), attempt: Int(row.integer(1)), startedAt: row.time(2),
                arrival: ArrivalRow(
                    number: arrival, pipeline: row.integer(4), role: try row.value(5, of: "arrivals", arrival), path: row.text(6),
                    digest: row.textOrNil(7), state: try row.value(8, of: "arrivals", arrival), isHeld: row.bool(9),
                    replaying: row.isNull(10) ? nil : try row.value(10, of: "arrivals", arrival), run: row.integerOrNil(11),
                    previous: row.integerOrNil(12)))
        }
        guard let found else { throw .noSuchRun(run) }
        return found
    }
}

/// Encodes the seconds by phase as a JSON object. The code is written by hand, because this is done for every file.
enum Timings {
    static func encode(_ timings: [String: Double]) -> String? {
        guard !timings.isEmpty else { return nil }
        var text = "{"
        for (name, seconds) in timings.sorted(by: { $0.key < $1.key }) where seconds.isFinite {
            text += text.utf8.count > 1 ? ",\"" : "\""
            text += name.utf8.allSatisfy(isPlain) ? name : String(decoding: name.utf8.filter(isPlain), as: UTF8.self)
            text += "\":"
            text += String((seconds * 1e6).rounded() / 1e6)
        }
        text += "}"
        return text
    }

    /// Returns whether the character needs no escaping in JSON.
    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    /// Decodes what `encode` writes, and no other JSON.
    static func decode(_ text: String?) -> [String: Double] {
        guard let text else { return [:] }
        var timings: [String: Double] = [:]
        for pair in text.dropFirst().dropLast().split(separator: ",") {
            let parts = pair.split(separator: ":")
            if parts.count == 2, let seconds = Double(parts[1]) { timings[String(parts[0].dropFirst().dropLast())] = seconds }
        }
        return timings
    }
}
