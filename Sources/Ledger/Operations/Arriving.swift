package import Arrivals
internal import Names
package import Reasons

extension LedgerTransaction {
    /// Gives numbers to complete files, in the given order.
    ///
    /// - A file with the content of its path's *current* arrival is no new arrival; only its stamp is recorded.
    /// - New content supersedes an arrival of that path that waits or is in quarantine. An arrival that is running is left to end without
    ///   effect.
    /// - A model, or labels, whose content was decided before is decided at once in the same way; labels that come back to a path which had
    ///   others in between (`comesBack`) are not.
    /// - A second input for one output is refused, with a reason that names both.
    package func arrive(_ files: [ArrivedFile], at time: UTCTime) throws(LedgerError) -> [ArrivalOutcome] {
        var outcomes: [ArrivalOutcome] = []
        outcomes.reserveCapacity(files.count)
        for file in files { outcomes.append(try arrive(file, at: time)) }
        return outcomes
    }

    private func arrive(_ file: ArrivedFile, at time: UTCTime) throws(LedgerError) -> ArrivalOutcome {
        let pipeline = try connection.addPipeline(file.pipeline)
        let current = try currentArrival(pipeline, file.role, file.path)
        if let current, current.digest == file.digest, current.state != .superseded, current.state != .ignored {
            try note(file.stamp, pipeline, file.role, file.path, arrival: current.number, companions: file.companions)
            guard current.isHeld else { return .unchanged(current.number) }
            try connection.run("UPDATE arrivals SET held = 0 WHERE number = ?", current.number)
            return .resumed(current.number)
        }
        let superseded = try current.flatMap { (current) throws(LedgerError) in try supersede(current, pipeline, file.role) }

        var state = ArrivalState.waiting
        var verdict: String?
        var explanation: Explanation?
        var known: Decided?
        if let key = file.outputKey, let owner = try claim(key, pipeline, file.role, file.path, instead: current?.outputKey) {
            state = .quarantined
            explanation = Self.collision(file.path, owner, key)
        } else if file.role != .data, let decided = try decided(file.digest, pipeline, file.role, behind: current?.number) {
            known = decided
            state = decided.state
            verdict = decided.verdict
            explanation = decided.explanation
        }
        let number = try connection.insert(
            """
            INSERT INTO arrivals (pipeline, role, path, digest, size, arrived_at, state, output_key, previous, verdict, reason, rule,
                remedy, cells, settled_by)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """, pipeline, file.role, file.path, file.digest, file.stamp.size, time, state, file.outputKey, current?.number, verdict,
            explanation?.reason, explanation?.rule.code, explanation?.remedy, try connection.json(cells: explanation?.cells), file.settledBy
        )
        move(pipeline: pipeline, role: file.role, from: nil, to: state)
        try note(file.stamp, pipeline, file.role, file.path, arrival: number, companions: file.companions)
        try remember(file)
        if let known { return .known(number, sameAs: known.number, state: known.state) }
        if let explanation { return .refused(number, explanation, superseded: superseded) }
        return .arrived(number, superseded: superseded)
    }

    // MARK: Refusing

    /// Numbers files that can never be arrivals as they are, so that status, explain and check know them. The same file refused again for
    /// the same reason is not numbered again.
    package func refuse(_ files: [RefusedFile], at time: UTCTime) throws(LedgerError) -> [Int64] {
        var numbers: [Int64] = []
        for file in files { numbers.append(try refuse(file, at: time)) }
        return numbers
    }

    private func refuse(_ file: RefusedFile, at time: UTCTime) throws(LedgerError) -> Int64 {
        let pipeline = try connection.addPipeline(file.place.pipeline)
        let state: ArrivalState = file.disposition == .ignored ? .ignored : .quarantined
        let current = try currentArrival(pipeline, file.place.role, file.place.path)
        if let current, current.state == state, current.digest == file.digest, current.reason == file.explanation.reason {
            try note(file.stamp, pipeline, file.place.role, file.place.path, arrival: current.number, companions: [])
            return current.number
        }
        if let current { _ = try supersede(current, pipeline, file.place.role) }
        let number = try connection.insert(
            """
            INSERT INTO arrivals (pipeline, role, path, digest, size, arrived_at, state, previous, reason, rule, remedy)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """, pipeline, file.place.role, file.place.path, file.digest, file.stamp.size, time, state, current?.number,
            file.explanation.reason,
            file.explanation.rule.code, file.explanation.remedy)
        move(pipeline: pipeline, role: file.place.role, from: nil, to: state)
        try note(file.stamp, pipeline, file.place.role, file.place.path, arrival: number, companions: [])
        return number
    }

    /// Withdraws arrivals that wait and will not run, because their file was removed or their pipeline no longer takes it.
    package func withdraw(_ arrivals: [Int64], because explanation: Explanation) throws(LedgerError) {
        for number in arrivals {
            guard let row = try arrivalRow(number), row.state == .waiting else { continue }
            try abandonOpenRun(of: row.run)
            try setState(row, row.replaying == .done ? .done : .ignored, explanation: row.replaying == .done ? nil : explanation)
            try forgetFile(of: row)
        }
    }

    /// Records a digest that was computed for a file that is no arrival of its own.
    package func rememberDigest(_ digest: String, of stamp: FileStamp) throws(LedgerError) {
        try connection.run(
            "INSERT OR REPLACE INTO digests (inode, device, size, changed, digest) VALUES (?, ?, ?, ?, ?)", stamp.inode, stamp.device,
            stamp.size, stamp.changed, digest)
    }

    // MARK: Parts

    private struct Current {
        let number: Int64
        let digest: String?
        let state: ArrivalState
        let isHeld: Bool
        let run: Int64?
        let outputKey: String?
        let reason: String?
        let replaying: ArrivalState?
    }

    private func currentArrival(_ pipeline: Int64, _ role: ArrivalRole, _ path: String) throws(LedgerError) -> Current? {
        try connection.first(
            """
            SELECT a.number, a.digest, a.state, a.held, a.run, a.output_key, a.reason, a.replaying
            FROM files AS f JOIN arrivals AS a ON a.number = f.arrival
            WHERE f.pipeline = ? AND f.role = ? AND f.path = ?
            """, pipeline, role, path
        ) { (row) throws(LedgerError) in
            Current(
                number: row.integer(0), digest: row.textOrNil(1), state: try row.value(2, of: "arrivals", row.integer(0)),
                isHeld: row.bool(3),
                run: row.integerOrNil(4), outputKey: row.textOrNil(5), reason: row.textOrNil(6),
                replaying: row.isNull(7) ? nil : try row.value(7, of: "arrivals", row.integer(0)))
        }
    }

    private func supersede(_ current: Current, _ pipeline: Int64, _ role: ArrivalRole) throws(LedgerError) -> Int64? {
        guard current.state == .waiting || current.state == .quarantined else { return nil }
        try abandonOpenRun(of: current.run)
        // A replay that never ran leaves the finished work before it as it is.
        let state: ArrivalState = current.replaying == .done ? .done : .superseded
        try connection.run("UPDATE arrivals SET state = ?, held = 0, replaying = NULL WHERE number = ?", state, current.number)
        move(pipeline: pipeline, role: role, from: current.state, to: state)
        return current.number
    }

    /// Abandons a run between two attempts, which has no work in progress and now never will have.
    func abandonOpenRun(of run: Int64?) throws(LedgerError) {
        guard let run else { return }
        try connection.run("UPDATE runs SET state = 'abandoned', next_attempt_at = NULL WHERE id = ? AND state = 'open'", run)
        try releaseVersion(of: run)
    }

    /// Returns nil when the output key belongs to this file now, else the file that it belongs to.
    func claim(
        _ key: String, _ pipeline: Int64, _ role: ArrivalRole, _ path: String, instead old: String?
    ) throws(LedgerError) -> (role: ArrivalRole, path: String)? {
        if let old, old != key {
            try connection.run("DELETE FROM outputs WHERE pipeline = ? AND key = ? AND role = ? AND path = ?", pipeline, old, role, path)
        }
        let added = try connection.run(
            "INSERT OR IGNORE INTO outputs (pipeline, key, role, path) VALUES (?, ?, ?, ?)", pipeline, key, role, path)
        guard added == 0 else { return nil }
        let owner = try connection.first("SELECT role, path FROM outputs WHERE pipeline = ? AND key = ?", pipeline, key) {
            (row) throws(LedgerError) in (role: try row.value(0, of: "outputs", pipeline, as: ArrivalRole.self), path: row.text(1))
        }
        guard let owner, owner.role != role || !owner.path.isName(path) else { return nil }
        return owner
    }

    static func collision(_ path: String, _ owner: (role: ArrivalRole, path: String), _ key: String) -> Explanation {
        Explanation(
            reason: "\(path) and \(owner.path) would both be written to the output \(key)", rule: .outputCollision,
            remedy: "Rename or remove one of the two; after removing \(owner.path), millrace retry \(path).")
    }

    struct Decided {
        let number: Int64
        let state: ArrivalState
        let verdict: String
        let explanation: Explanation?
    }

    /// Returns the arrival, other than `number`, that decided this content; of several, the one that ran last. Returns nil where the
    /// content was not decided before, or is to be decided again all the same.
    /// - Parameter previous: the arrival before it of its path.
    func decided(
        _ digest: String, _ pipeline: Int64, _ role: ArrivalRole, except number: Int64? = nil, behind previous: Int64?
    ) throws(LedgerError) -> Decided? {
        if role == .labelled, try comesBack(digest, behind: previous) { return nil }
        return try connection.first(
            """
            SELECT number, path, state, reason, rule, cells FROM arrivals
            WHERE pipeline = ? AND role = ? AND role <> 'data' AND digest = ? AND state IN ('done', 'rejected') AND number IS NOT ?
            ORDER BY run DESC, number LIMIT 1
            """, pipeline, role, digest, number
        ) { (row) throws(LedgerError) in
            let found = row.integer(0)
            let state: ArrivalState = try row.value(2, of: "arrivals", found)
            let reason = Reason(row.text(3), cells: row.cells(5))
            let explanation =
                state == .done
                ? nil
                : Explanation(
                    reason: "the same content as arrival \(found) (\(row.text(1))), which was rejected: \(reason)",
                    rule: Rule(recorded: row.text(4)),
                    remedy: "Change its content; or, after changing the pipeline, millrace replay it.")
            return Decided(number: found, state: state, verdict: "same content as arrival \(found)", explanation: explanation)
        }
    }

    func note(
        _ stamp: FileStamp, _ pipeline: Int64, _ role: ArrivalRole, _ path: String, arrival: Int64, companions: [Companion]
    ) throws(LedgerError) {
        try connection.run(
            """
            INSERT OR REPLACE INTO files (pipeline, role, path, device, inode, size, changed, companions, arrival)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            """, pipeline, role, path, stamp.device, stamp.inode, stamp.size, stamp.changed, companions.count, arrival)
        for companion in companions {
            try connection.run(
                """
                INSERT OR REPLACE INTO companions (arrival, path, digest, device, inode, size, changed) VALUES (?, ?, ?, ?, ?, ?, ?)
                """, arrival, companion.path, companion.digest, companion.stamp.device, companion.stamp.inode, companion.stamp.size,
                companion.stamp.changed)
        }
    }

    private func remember(_ file: ArrivedFile) throws(LedgerError) {
        // With companions the digest is not that of the file alone.
        if file.companions.isEmpty, file.stamp.isWorthRemembering { try rememberDigest(file.digest, of: file.stamp) }
        for companion in file.companions where companion.stamp.isWorthRemembering {
            try rememberDigest(companion.digest, of: companion.stamp)
        }
    }
}

extension FileStamp {
    /// Tells whether the digest is kept: to hash a smaller file costs less than to keep its digest and look it up.
    var isWorthRemembering: Bool { size >= 1 << 20 }
}
