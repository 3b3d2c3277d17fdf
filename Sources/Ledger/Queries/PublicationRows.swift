package import Arrivals

extension Connection {
    struct Placed {
        let publication: Publication
        let pipelineKey: Int64
    }

    /// Returns what stands, or is about to stand, at an output path: at most one published file, and those that are intended.
    func publications(inPlace path: String, root: Int64) throws(LedgerError) -> [Placed] {
        try all(
            """
            SELECT p.id, p.run, p.root, p.path, p.digest, p.bytes, p.ended, r.state, r.closed_at, a.number, a.pipeline, a.path,
                p.execution, p.form_digest
            FROM publications AS p JOIN runs AS r ON r.id = p.run JOIN arrivals AS a ON a.number = r.arrival
            WHERE p.root = ? AND p.path = ? AND p.ended IS NULL
            """, root, path
        ) { (row) throws(LedgerError) in try placed(row) }
    }

    /// Returns the digests that attempts for the arrival's input were about to publish at that place, where the ledger does not know
    /// whether they came to it: a file may have got its name before the manifest could not be written. A file with one of them is ours. The
    /// attempts are those for this arrival and for former content of the same path.
    func unfinished(ofArrival arrival: Int64, root: Int64, path: String) throws(LedgerError) -> [String] {
        try all(
            """
            WITH RECURSIVE line (number, depth) AS (
                SELECT ?, 0 UNION ALL
                SELECT a.previous, depth + 1 FROM line JOIN arrivals AS a ON a.number = line.number
                WHERE a.previous IS NOT NULL AND depth < 32)
            SELECT DISTINCT p.digest FROM line JOIN runs AS r ON r.arrival = line.number JOIN publications AS p ON p.run = r.id
            WHERE p.root = ? AND p.path = ? AND p.ended = 'removed'
            """, arrival, root, path, row: { $0.text(0) })
    }

    func publications(ofRun run: Int64, intendedOnly: Bool) throws(LedgerError) -> [Publication] {
        try all(
            """
            SELECT p.id, p.run, p.root, p.path, p.digest, p.bytes, p.ended, r.state, r.closed_at, a.number, a.pipeline, a.path,
                p.execution, p.form_digest
            FROM publications AS p JOIN runs AS r ON r.id = p.run JOIN arrivals AS a ON a.number = r.arrival
            WHERE p.run = ? AND (NOT ? OR (p.ended IS NULL AND r.state = 'open')) ORDER BY p.id
            """, run, intendedOnly
        ) { (row) throws(LedgerError) in try placed(row).publication }
    }

    /// Returns the publications with the state `leaving`, `orphaned` or `left`.
    func leaving() throws(LedgerError) -> [Publication] {
        try all(
            """
            SELECT p.id, p.run, p.root, p.path, p.digest, p.bytes, p.ended, r.state, r.closed_at, a.number, a.pipeline, a.path,
                p.execution, p.form_digest
            FROM publications AS p INDEXED BY publications_leaving
            JOIN runs AS r ON r.id = p.run JOIN arrivals AS a ON a.number = r.arrival
            WHERE p.ended IN ('leaving', 'orphaned', 'left') ORDER BY p.id
            """
        ) { (row) throws(LedgerError) in try placed(row).publication }
    }

    /// Returns everything that was ever published at an output path, or is to be, oldest first.
    func publications(everAt path: String, root: Int64) throws(LedgerError) -> [Publication] {
        try all(
            """
            SELECT p.id, p.run, p.root, p.path, p.digest, p.bytes, p.ended, r.state, r.closed_at, a.number, a.pipeline, a.path,
                p.execution, p.form_digest
            FROM publications AS p JOIN runs AS r ON r.id = p.run JOIN arrivals AS a ON a.number = r.arrival
            WHERE p.root = ? AND p.path = ? ORDER BY p.id
            """, root, path
        ) { (row) throws(LedgerError) in try placed(row).publication }
    }

    private func placed(_ row: Row) throws(LedgerError) -> Placed {
        let id = row.integer(0)
        let isDone = row.isText(7, "done")
        let state: PublicationState = row.isNull(6) ? (isDone ? .published : .intended) : try row.value(6, of: "publications", id)
        return Placed(
            publication: Publication(
                number: id, run: row.integer(1), arrival: row.integer(9), pipeline: try pipelineName(row.integer(10)),
                inputPath: row.text(11),
                output: OutputFile(
                    root: try rootName(row.integer(2)), path: row.text(3), digest: row.text(4), byteCount: row.integer(5)),
                state: state, publishedAt: isDone ? row.timeOrNil(8) : nil,
                execution: row.textOrNil(12).map { OutputExecution(way: $0, formDigest: row.textOrNil(13)) }),
            pipelineKey: row.integer(10))
    }

    /// Returns what stands published, in order of root and path.
    func published(after: (root: Int64, path: String), limit: Int) throws(LedgerError) -> [Placed] {
        try all(
            """
            SELECT p.id, p.run, p.root, p.path, p.digest, p.bytes, p.ended, r.state, r.closed_at, a.number, a.pipeline, a.path,
                p.execution, p.form_digest
            FROM publications AS p INDEXED BY publications_in_place
            JOIN runs AS r ON r.id = p.run JOIN arrivals AS a ON a.number = r.arrival
            WHERE (p.root, p.path) > (?, ?) AND p.ended IS NULL AND r.state = 'done'
            ORDER BY p.root, p.path LIMIT ?
            """, after.root, after.path, limit
        ) { (row) throws(LedgerError) in try placed(row) }
    }
}

extension Connection {
    /// Returns the standing outputs of an input: those of this arrival, or else of the newest earlier arrival of its path that has any.
    func standingPublications(ofArrival number: Int64) throws(LedgerError) -> [Publication] {
        var next: Int64? = number
        while let number = next {
            let runs = try all("SELECT id FROM runs WHERE arrival = ? AND state = 'done' ORDER BY id DESC", number, row: { $0.integer(0) })
            var standing: [Publication] = []
            for run in runs { standing += try publications(ofRun: run, intendedOnly: false).filter { $0.state == .published } }
            if !standing.isEmpty { return standing }
            next = try first("SELECT previous FROM arrivals WHERE number = ?", number, row: { $0.integerOrNil(0) }) ?? nil
        }
        return []
    }
}

extension RunLedger {
    /// Returns the outputs in one of the states `leaving`, `orphaned` and `left`, oldest first; for any other state, none.
    package func publications(_ state: PublicationState) throws(LedgerError) -> [Publication] {
        try read { (connection) throws(LedgerError) in try connection.leaving().filter { $0.state == state } }
    }

    /// Returns the outputs that are to be removed, oldest first.
    package func leavingOutputs() throws(LedgerError) -> [LeavingOutput] {
        try read { (connection) throws(LedgerError) in
            try connection.leaving().filter { $0.state != .left }.map { (publication) throws(LedgerError) in
                let made = try connection.first(
                    """
                    SELECT a.digest, v.digest, r.version, r.row_count FROM runs AS r JOIN arrivals AS a ON a.number = r.arrival
                    JOIN revisions AS v ON v.id = r.revision WHERE r.id = ?
                    """, publication.run,
                    row: { (input: $0.textOrNil(0), revision: $0.text(1), version: $0.intOrNil(2), rows: $0.integerOrNil(3)) })
                return LeavingOutput(
                    publication: publication, inputDigest: made?.input ?? "", revision: made?.revision ?? "", version: made?.version,
                    rowCount: made?.rows)
            }
        }
    }

    /// Returns what was last published, or is to be, at a path below any output root that there ever was.
    package func newestPublication(at path: String) throws(LedgerError) -> Publication? {
        try read { (connection) throws(LedgerError) in
            let roots = try connection.all("SELECT id, path FROM roots", row: { (key: $0.integer(0), path: $0.text(1)) })
            for root in roots where path.hasPrefix(root.path + "/") {
                if let found = try connection.publications(everAt: String(path.dropFirst(root.path.count + 1)), root: root.key).last {
                    return found
                }
            }
            return nil
        }
    }

    /// Returns the folders below which outputs of a pipeline stand.
    package func outputRoots(of pipeline: String) throws(LedgerError) -> [String] {
        try read { (connection) throws(LedgerError) in
            guard let key = try connection.pipelineKey(pipeline) else { return [] }
            return try connection.all("SELECT id, path FROM roots ORDER BY id", row: { (key: $0.integer(0), path: $0.text(1)) }).collect {
                (root) throws(LedgerError) in
                try connection.first(
                    """
                    SELECT 1 FROM publications AS p INDEXED BY publications_in_place
                    JOIN runs AS r ON r.id = p.run JOIN arrivals AS a ON a.number = r.arrival
                    WHERE p.root = ? AND p.ended IS NULL AND r.state = 'done' AND a.pipeline = ? LIMIT 1
                    """, root.key, key, row: { _ in root.path })
            }
        }
    }

    /// Returns how many outputs of a pipeline stand now, by output root and file name extension.
    package func outputPlaces(pipeline: String) throws(LedgerError) -> [OutputPlace: Int] {
        try read { (connection) throws(LedgerError) in
            guard let key = try connection.pipelineKey(pipeline) else { return [:] }
            var places: [OutputPlace: Int] = [:]
            let roots = Dictionary(
                try connection.all("SELECT id, path FROM roots", row: { (key: $0.integer(0), path: $0.text(1)) }).map { ($0.key, $0.path) }
            ) { $1 }
            try connection.each(
                """
                SELECT p.root, p.path FROM publications AS p JOIN runs AS r ON r.id = p.run JOIN arrivals AS a ON a.number = r.arrival
                WHERE p.ended IS NULL AND r.state = 'done' AND a.pipeline = ?
                """, key,
                row: { row in
                    let name = row.text(1)
                    let suffix = name.lastIndex(of: ".").map { String(name[name.index(after: $0)...]) } ?? ""
                    places[OutputPlace(root: roots[row.integer(0)] ?? "", suffix: suffix), default: 0] += 1
                })
            return places
        }
    }

    /// Returns what we published last at an output path and did not remove, or else what is about to be published there.
    package func owner(root: String, path: String) throws(LedgerError) -> Publication? {
        try read { (connection) throws(LedgerError) in
            guard let root = try connection.rootKey(root) else { return nil }
            let found = try connection.publications(inPlace: path, root: root).map(\.publication)
            return found.first { $0.state == .published } ?? found.first
        }
    }

    /// Returns the digests of outputs that attempts for that arrival's input may have left at the place of `publication`.
    package func unfinished(_ publication: Publication) throws(LedgerError) -> [String] {
        try read { (connection) throws(LedgerError) in
            guard let root = try connection.rootKey(publication.output.root) else { return [] }
            return try connection.unfinished(ofArrival: publication.arrival, root: root, path: publication.output.path)
        }
    }

    package func publications(ofRun run: Int64) throws(LedgerError) -> [Publication] {
        try read { (connection) throws(LedgerError) in try connection.publications(ofRun: run, intendedOnly: false) }
    }

    /// Returns what stands published now, in pages, for `check`. `after` is the last one of the page before.
    package func published(after: Publication? = nil, limit: Int = 1000) throws(LedgerError) -> [Publication] {
        try read { (connection) throws(LedgerError) in
            let root = try after.flatMap { (last) throws(LedgerError) in try connection.rootKey(last.output.root) } ?? 0
            return try connection.published(after: (root, after?.output.path ?? ""), limit: limit).map(\.publication)
        }
    }

    /// Returns the outputs that the path's current content, or else the content before it, was published as: a replacement goes to their
    /// places.
    package func lastPublications(pipeline: String, role: ArrivalRole, path: String) throws(LedgerError) -> [Publication] {
        try read { (connection) throws(LedgerError) in
            guard let key = try connection.pipelineKey(pipeline), let current = try connection.currentArrival(key, role, path) else {
                return []
            }
            return try connection.standingPublications(ofArrival: current)
        }
    }
}
