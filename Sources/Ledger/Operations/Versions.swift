package import Arrivals
package import Reasons

extension LedgerTransaction {
    /// Reserves the next version number of the run's pipeline: 1, 2, 3 … The same run gets the same number again. A number whose run does
    /// not publish is given to the next run.
    package func intendVersion(run: Int64, sourceDigest: String? = nil, parent: Int? = nil) throws(LedgerError) -> Int {
        let row = try runRow(run)
        guard row.state == .open else { throw .notOpen(run: run, state: row.state) }
        let reserved = try connection.first(
            "SELECT version FROM model_versions WHERE run = ? AND verdict = 'intended'", run, row: { Int($0.integer(0)) })
        if let reserved { return reserved }
        let next =
            try connection.first(
                "SELECT coalesce(max(version), 0) + 1 FROM model_versions WHERE pipeline = ?", row.arrival.pipeline,
                row: { Int($0.integer(0)) }) ?? 1
        try connection.run(
            """
            INSERT INTO model_versions (pipeline, version, arrival, run, source_digest, parent, verdict)
                VALUES (?, ?, ?, ?, ?, ?, 'intended')
            """, row.arrival.pipeline, next, row.arrival.number, run, sourceDigest ?? row.arrival.digest, parent)
        return next
    }

    /// Publishes the version that was reserved for the run, and puts it in force for arrivals after `position`, by default after its own
    /// arrival. Where another version is pinned, it is only published, and nil is returned. It belongs in the transaction that closes the
    /// run with `close(.done)`.
    ///
    /// - Parameters:
    ///   - parentDigest: the digest of the float model that it was trained from.
    ///   - floatDigest: the digest of the float model that the state folder keeps for it.
    package func publishVersion(
        run: Int64, modelDigest: String, card: String?, parentDigest: String? = nil, floatDigest: String? = nil,
        training: TrainingRecord? = nil, position: Int64? = nil, at time: UTCTime
    ) throws(LedgerError) -> VersionActivation? {
        let row = try runRow(run)
        let version = try connection.first(
            "SELECT version FROM model_versions WHERE run = ? AND verdict = 'intended'", run, row: { Int($0.integer(0)) })
        guard let version else {
            throw .noSuchVersion(pipeline: try connection.pipelineName(row.arrival.pipeline), version: 0)
        }
        try connection.run(
            """
            UPDATE model_versions SET verdict = 'published', model_digest = ?, card = ?, decided_at = ?, parent_digest = ?,
                float_digest = ?, training = ? WHERE run = ? AND verdict = 'intended'
            """, modelDigest, card, time, parentDigest, floatDigest,
            try training.map { (record) throws(LedgerError) in try connection.json(record) }, run)
        if try connection.pin(of: connection.pipelineName(row.arrival.pipeline)) != nil { return nil }
        return try addActivation(
            row.arrival.pipeline,
            VersionActivation(position: position ?? row.arrival.number, version: version, at: time, cause: "published"))
    }

    /// Records the verdict and its evidence, without a version number. It belongs in the transaction that closes the run with
    /// `close(.rejected)`.
    package func rejectVersion(
        run: Int64, reason: Reason, parent: Int? = nil, card: String? = nil, training: TrainingRecord? = nil, at time: UTCTime
    ) throws(LedgerError) {
        let row = try runRow(run)
        try releaseVersion(of: run)
        try connection.run(
            """
            INSERT INTO model_versions (pipeline, arrival, run, source_digest, parent, verdict, reason, cells, card, decided_at, training)
            VALUES (?, ?, ?, ?, ?, 'rejected', ?, ?, ?, ?, ?)
            """, row.arrival.pipeline, row.arrival.number, run, row.arrival.digest, parent, reason.text,
            try connection.json(cells: reason.cells), card, time,
            try training.map { (record) throws(LedgerError) in try connection.json(record) })
    }

    func releaseVersion(of run: Int64) throws(LedgerError) {
        try connection.run("DELETE FROM model_versions WHERE run = ? AND verdict = 'intended'", run)
    }

    /// Puts a published version in force for what arrives from now on.
    package func activate(pipeline: String, version: Int, cause: String, at time: UTCTime) throws(LedgerError) -> VersionActivation {
        guard let key = try connection.pipelineKey(pipeline) else { throw .noSuchVersion(pipeline: pipeline, version: version) }
        let isPruned = try connection.first(
            "SELECT pruned_at IS NOT NULL FROM model_versions WHERE pipeline = ? AND version = ? AND verdict = 'published'", key, version,
            row: { $0.bool(0) })
        guard let isPruned else { throw .noSuchVersion(pipeline: pipeline, version: version) }
        guard !isPruned else { throw .prunedVersion(pipeline: pipeline, version: version) }
        let newest = try connection.first("SELECT max(number) FROM arrivals", row: { $0.integer(0) }) ?? 0
        return try addActivation(key, VersionActivation(position: newest, version: version, at: time, cause: cause))
    }

    func addActivation(_ pipeline: Int64, _ activation: VersionActivation) throws(LedgerError) -> VersionActivation {
        try connection.run(
            "INSERT INTO activations (pipeline, position, version, at, cause) VALUES (?, ?, ?, ?, ?)", pipeline, activation.position,
            activation.version, activation.at, activation.cause)
        return activation
    }

    /// Marks as pruned the versions beyond the newest `keep` that may be removed, and returns them, oldest first. It never prunes the
    /// active version, a pinned one, one that an open run is bound to, or one that waiting data would be scored by. The float model that a
    /// version was trained from is kept in the state folder: see `floatModelsInUse`.
    package func prune(pipeline: String, keep: Int, at time: UTCTime) throws(LedgerError) -> [Int] {
        guard let key = try connection.pipelineKey(pipeline) else { return [] }
        let living = try connection.all(
            """
            SELECT version FROM model_versions WHERE pipeline = ? AND verdict = 'published' AND pruned_at IS NULL ORDER BY version DESC
            """, key, row: { Int($0.integer(0)) })
        let needed = Set(living.prefix(max(keep, 1))).union(try connection.versionsInUse(key))
        let pruned = living.filter { !needed.contains($0) }.sorted()
        for version in pruned {
            try connection.run("UPDATE model_versions SET pruned_at = ? WHERE pipeline = ? AND version = ?", time, key, version)
        }
        return pruned
    }
}
