/// An arrival, and what it was published as, as manifests and cards tell it, for a ledger that was lost.
package struct RestoredArrival: Hashable, Sendable {
    package struct Output: Hashable, Sendable {
        package var root: String
        package var path: String
        package var digest: String
        package var byteCount: Int64

        package init(root: String, path: String, digest: String, byteCount: Int64) {
            self.root = root
            self.path = path
            self.digest = digest
            self.byteCount = byteCount
        }
    }

    /// The number it had.
    package var number: Int64
    package var file: ArrivingFile
    package var arrivedAt: UTCTime
    package var revision: String
    /// That scored it; for a model, that it became.
    package var version: Int?
    package var modelDigest: String?
    package var parent: Int?
    package var card: String?
    package var isPruned: Bool
    package var outputs: [Output]

    package init(
        number: Int64, file: ArrivingFile, arrivedAt: UTCTime, revision: String, version: Int?, modelDigest: String? = nil, parent: Int? = nil,
        card: String? = nil, isPruned: Bool = false, outputs: [Output] = []
    ) {
        self.number = number
        self.file = file
        self.arrivedAt = arrivedAt
        self.revision = revision
        self.version = version
        self.modelDigest = modelDigest
        self.parent = parent
        self.card = card
        self.isPruned = isPruned
        self.outputs = outputs
    }
}

extension LedgerTransaction {
    /// Puts back arrivals that are done, with their numbers, in the order of the numbers; a number that is taken is left alone. The highest of a
    /// path becomes its current one, and of an output path the one that stands there.
    package func restore(_ arrivals: [RestoredArrival]) throws(LedgerError) {
        for arrival in arrivals.sorted(by: { $0.number < $1.number }) { try restore(arrival) }
    }

    private func restore(_ restored: RestoredArrival) throws(LedgerError) {
        let file = restored.file
        let pipeline = try connection.addPipeline(file.pipeline)
        let previous = try connection.currentArrival(pipeline, file.role, file.path)
        let added = try connection.run(
            """
            INSERT OR IGNORE INTO arrivals (number, pipeline, role, path, digest, size, arrived_at, state, output_key, previous)
            VALUES (?, ?, ?, ?, ?, ?, ?, 'done', ?, ?)
            """, restored.number, pipeline, file.role, file.path, file.digest, file.stamp.size, restored.arrivedAt, file.outputKey, previous)
        guard added > 0 else { return }
        move(pipeline: pipeline, role: file.role, from: nil, to: .done)
        if let key = file.outputKey { _ = try claim(key, pipeline, file.role, file.path, instead: nil) }
        try note(file.stamp, pipeline, file.role, file.path, arrival: restored.number, companions: file.companions)
        let run = try connection.insert(
            """
            INSERT INTO runs (arrival, kind, version, revision, state, opened_at, closed_at, attempt, started_at)
            VALUES (?, 'normal', ?, ?, 'done', ?, ?, 1, ?)
            """, restored.number, file.role == .data ? restored.version : nil, try connection.addRevision(restored.revision),
            restored.arrivedAt, restored.arrivedAt, restored.arrivedAt)
        try connection.run("UPDATE arrivals SET run = ? WHERE number = ?", run, restored.number)
        for output in restored.outputs {
            let root = try connection.addRoot(output.root)
            try connection.run(
                "UPDATE publications SET ended = 'replaced' WHERE root = ? AND path = ? AND ended IS NULL", root, output.path)
            try connection.run(
                "INSERT INTO publications (run, root, path, digest, bytes) VALUES (?, ?, ?, ?, ?)", run, root, output.path, output.digest,
                output.byteCount)
        }
        guard file.role != .data, let version = restored.version else { return }
        try connection.run(
            """
            INSERT INTO model_versions (pipeline, version, arrival, run, model_digest, source_digest, parent, verdict, card, decided_at, pruned_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, 'published', ?, ?, ?)
            """, pipeline, version, restored.number, run, restored.modelDigest, file.digest, restored.parent, restored.card,
            restored.arrivedAt, restored.isPruned ? restored.arrivedAt : nil)
        _ = try addActivation(
            pipeline, VersionActivation(position: restored.number, version: version, at: restored.arrivedAt, cause: "restored"))
    }
}
