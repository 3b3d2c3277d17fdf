extension Connection {
    struct Placed {
        let publication: Publication
        let pipelineKey: Int64
    }

    /// What stands, or is about to stand, at an output path: at most one published and the intended.
    func publications(inPlace path: String, root: Int64) throws(LedgerError) -> [Placed] {
        try all(
            """
            SELECT p.id, p.run, p.root, p.path, p.digest, p.bytes, p.ended, r.state, r.closed_at, a.number, a.pipeline, a.path
            FROM publications AS p JOIN runs AS r ON r.id = p.run JOIN arrivals AS a ON a.number = r.arrival
            WHERE p.root = ? AND p.path = ? AND p.ended IS NULL
            """, root, path
        ) { (row) throws(LedgerError) in try placed(row) }
    }

    func publications(ofRun run: Int64, intendedOnly: Bool) throws(LedgerError) -> [Publication] {
        try all(
            """
            SELECT p.id, p.run, p.root, p.path, p.digest, p.bytes, p.ended, r.state, r.closed_at, a.number, a.pipeline, a.path
            FROM publications AS p JOIN runs AS r ON r.id = p.run JOIN arrivals AS a ON a.number = r.arrival
            WHERE p.run = ? AND (NOT ? OR (p.ended IS NULL AND r.state = 'open')) ORDER BY p.id
            """, run, intendedOnly
        ) { (row) throws(LedgerError) in try placed(row).publication }
    }

    private func placed(_ row: Row) throws(LedgerError) -> Placed {
        let id = row.integer(0)
        let isDone = row.isText(7, "done")
        let state: PublicationState = row.isNull(6) ? (isDone ? .published : .intended) : try row.value(6, of: "publications", id)
        return Placed(
            publication: Publication(
                publication: id, run: row.integer(1), arrival: row.integer(9), pipeline: try pipelineName(row.integer(10)),
                inputPath: row.text(11), root: try rootName(row.integer(2)), path: row.text(3), digest: row.text(4), byteCount: row.integer(5),
                state: state, publishedAt: isDone ? row.timeOrNil(8) : nil),
            pipelineKey: row.integer(10))
    }

    /// In order of root and path.
    func published(after: (root: Int64, path: String), limit: Int) throws(LedgerError) -> [Placed] {
        try all(
            """
            SELECT p.id, p.run, p.root, p.path, p.digest, p.bytes, p.ended, r.state, r.closed_at, a.number, a.pipeline, a.path
            FROM publications AS p INDEXED BY publications_in_place
            JOIN runs AS r ON r.id = p.run JOIN arrivals AS a ON a.number = r.arrival
            WHERE (p.root, p.path) > (?, ?) AND p.ended IS NULL AND r.state = 'done'
            ORDER BY p.root, p.path LIMIT ?
            """, after.root, after.path, limit
        ) { (row) throws(LedgerError) in try placed(row) }
    }
}

extension RunLedger {
    /// Who owns an output path: what we published there last and did not remove, or are about to publish.
    package func owner(root: String, path: String) throws(LedgerError) -> Publication? {
        try read { (connection) throws(LedgerError) in
            guard let root = try connection.rootKey(root) else { return nil }
            let found = try connection.publications(inPlace: path, root: root).map(\.publication)
            return found.first { $0.state == .published } ?? found.first
        }
    }

    package func publications(ofRun run: Int64) throws(LedgerError) -> [Publication] {
        try read { (connection) throws(LedgerError) in try connection.publications(ofRun: run, intendedOnly: false) }
    }

    /// Every file that is about to get its final name.
    package func intendedPublications() throws(LedgerError) -> [Publication] {
        try read { (connection) throws(LedgerError) in
            let runs = try connection.all("SELECT id FROM runs WHERE state = 'open' ORDER BY id", row: { $0.integer(0) })
            var intended: [Publication] = []
            for run in runs { intended += try connection.publications(ofRun: run, intendedOnly: true) }
            return intended
        }
    }

    /// What stands published now, in pages, for `check`. `after` is the last of the page before.
    package func published(after: Publication? = nil, limit: Int = 1000) throws(LedgerError) -> [Publication] {
        try read { (connection) throws(LedgerError) in
            let root = try after.flatMap { (last) throws(LedgerError) in try connection.rootKey(last.root) } ?? 0
            return try connection.published(after: (root, after?.path ?? ""), limit: limit).map(\.publication)
        }
    }

    /// What the path's current content, or else the content before it, was published as: where a replacement goes.
    package func lastPublications(pipeline: String, role: ArrivalRole, path: String) throws(LedgerError) -> [Publication] {
        try read { (connection) throws(LedgerError) in
            guard let key = try connection.pipelineKey(pipeline) else { return [] }
            var next = try connection.currentArrival(key, role, path)
            while let number = next {
                let runs = try connection.all(
                    "SELECT id FROM runs WHERE arrival = ? AND state = 'done' ORDER BY id DESC", number, row: { $0.integer(0) })
                for run in runs {
                    let standing = try connection.publications(ofRun: run, intendedOnly: false).filter { $0.state == .published }
                    if !standing.isEmpty { return standing }
                }
                next = try connection.first("SELECT previous FROM arrivals WHERE number = ?", number, row: { $0.integerOrNil(0) }) ?? nil
            }
            return []
        }
    }
}
