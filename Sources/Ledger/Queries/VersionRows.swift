internal import Reasons

extension Connection {
    func activations(_ pipeline: Int64) throws(LedgerError) -> [VersionActivation] {
        try all(
            "SELECT position, version, at, cause FROM activations WHERE pipeline = ? ORDER BY position, id", pipeline,
            row: { VersionActivation(position: $0.integer(0), version: Int($0.integer(1)), at: $0.time(2), cause: $0.text(3)) })
    }

    func activeVersion(_ pipeline: Int64) throws(LedgerError) -> Int? {
        try first(
            "SELECT version FROM activations WHERE pipeline = ? ORDER BY position DESC, id DESC LIMIT 1", pipeline,
            row: { Int($0.integer(0)) })
    }

    /// Returns the version that stays in force until it is unpinned.
    func pin(of pipeline: String) throws(LedgerError) -> Int? {
        guard let key = try pipelineKey(pipeline) else { return nil }
        return try first("SELECT version FROM version_pins WHERE pipeline = ?", key, row: { Int($0.integer(0)) })
    }

    /// Returns the active version, those bound to open runs, those that waiting data would be scored by, and the pinned one.
    func versionsInUse(_ pipeline: Int64) throws(LedgerError) -> Set<Int> {
        var used = Set(
            try all(
                """
                SELECT DISTINCT r.version FROM runs AS r JOIN arrivals AS a ON a.number = r.arrival
                WHERE r.state = 'open' AND a.pipeline = ? AND r.version IS NOT NULL
                """, pipeline, row: { Int($0.integer(0)) }))
        let activations = try activations(pipeline)
        let oldest =
            try first(
                "SELECT min(number) FROM arrivals WHERE state = 'waiting' AND pipeline = ? AND role = 'data'", pipeline,
                row: { $0.integerOrNil(0) }) ?? nil
        var from = max(activations.count - 1, 0)
        if let oldest { from = activations.lastIndex { $0.position < oldest } ?? 0 }
        used.formUnion(activations.dropFirst(from).map(\.version))
        used.formUnion(try all("SELECT version FROM version_pins WHERE pipeline = ?", pipeline, row: { Int($0.integer(0)) }))
        return used
    }
}

extension RunLedger {
    package func activeVersion(pipeline: String) throws(LedgerError) -> Int? {
        try read { (connection) throws(LedgerError) in
            try connection.pipelineKey(pipeline).flatMap { (key) throws(LedgerError) in try connection.activeVersion(key) }
        }
    }

    /// Returns the version that stays in force until it is unpinned.
    package func pinnedVersion(pipeline: String) throws(LedgerError) -> Int? {
        try read { (connection) throws(LedgerError) in try connection.pin(of: pipeline) }
    }

    /// Returns the activations in the order of their positions; the last one has the active version.
    package func activations(pipeline: String) throws(LedgerError) -> [VersionActivation] {
        try read { (connection) throws(LedgerError) in
            guard let key = try connection.pipelineKey(pipeline) else { return [] }
            return try connection.activations(key)
        }
    }

    /// Returns the published and the rejected versions in the order in which they were decided; `intended` ones come last.
    package func versions(pipeline: String) throws(LedgerError) -> [ModelVersion] {
        try read { (connection) throws(LedgerError) in
            guard let key = try connection.pipelineKey(pipeline) else { return [] }
            let active = try connection.activeVersion(key)
            let pinned = try connection.pin(of: pipeline)
            return try connection.all(
                """
                SELECT id, version, arrival, run, model_digest, source_digest, parent, verdict, reason, card, decided_at, pruned_at,
                    parent_digest, float_digest, training, cells
                FROM model_versions WHERE pipeline = ? ORDER BY decided_at IS NULL, decided_at, id
                """, key
            ) { (row) throws(LedgerError) in
                ModelVersion(
                    pipeline: pipeline, version: row.intOrNil(1), arrival: row.integer(2), run: row.integer(3),
                    modelDigest: row.textOrNil(4),
                    sourceDigest: row.textOrNil(5), parent: row.intOrNil(6), parentDigest: row.textOrNil(12),
                    floatDigest: row.textOrNil(13),
                    training: try row.textOrNil(14).map { (text) throws(LedgerError) -> TrainingRecord in
                        var record = try connection.decode(
                            TrainingRecord.self, text, doing: "read how version \(row.intOrNil(1) ?? 0) was trained")
                        if row.hidesValues { record.cells = nil }
                        return record
                    },
                    verdict: try row.value(7, of: "model_versions", row.integer(0)),
                    reason: row.textOrNil(8), cells: row.cells(15), card: row.textOrNil(9), decidedAt: row.timeOrNil(10),
                    isActive: active != nil && row.intOrNil(1) == active, isPruned: !row.isNull(11),
                    isPinned: pinned != nil && row.intOrNil(1) == pinned)
            }
        }
    }

    /// Returns the content that a revision's digest stands for, where it was kept.
    package func revision(_ digest: String) throws(LedgerError) -> String? {
        try read { (connection) throws(LedgerError) in
            try connection.first("SELECT body FROM revisions WHERE digest = ?", digest, row: { $0.textOrNil(0) }) ?? nil
        }
    }
}

extension LedgerTransaction {
    package func activeVersion(of pipeline: String) throws(LedgerError) -> Int? {
        try connection.pipelineKey(pipeline).flatMap { (key) throws(LedgerError) in try connection.activeVersion(key) }
    }

    package func pinnedVersion(of pipeline: String) throws(LedgerError) -> Int? { try connection.pin(of: pipeline) }

    /// Keeps the content that a revision's digest stands for, so that runs opened under it can go on under it after the pipeline was
    /// edited.
    package func keepRevision(_ digest: String, body: String) throws(LedgerError) {
        try connection.run("UPDATE revisions SET body = ? WHERE id = ?", body, try connection.addRevision(digest))
    }
}
