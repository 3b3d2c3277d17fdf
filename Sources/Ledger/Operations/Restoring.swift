import Arrivals
internal import Names

extension LedgerTransaction {
    /// Records again what was published of one pipeline's arrivals. They get the numbers that they had; where those belong to others by
    /// now, they get numbers above all that are taken, in the same order. What the ledger knows stays as it is; but an arrival that it
    /// knows as not done becomes done.
    ///
    /// Returns the outcome of each result, and for each number that an arrival had the number that it has now.
    package func restore(
        _ results: [RestoredResult], of pipeline: String
    ) throws(LedgerError) -> (outcomes: [RestorationOutcome], numbers: [Int64: Int64]) {
        let key = try connection.addPipeline(pipeline)
        let highest = try connection.first("SELECT coalesce(max(number), 0) FROM arrivals", row: { $0.integer(0) }) ?? 0
        let offset = max(highest, results.map(\.number).max() ?? 0)
        var outcomes = [RestorationOutcome](repeating: .known, count: results.count)
        var numbers: [Int64: Int64] = [:]
        var versions: [(result: RestoredResult, arrival: Int64)] = []
        let order = results.indices.sorted { (results[$0].number, results[$0].publishedAt) < (results[$1].number, results[$1].publishedAt) }
        for index in order {
            let result = results[index]
            let arrival = try arrival(of: result, key, offset: offset)
            numbers[result.number] = arrival.number
            switch result.product {
            case .output(let output): outcomes[index] = try restore(output, result, arrival)
            case .version(let version):
                outcomes[index] = try restore(version, result, arrival)
                if outcomes[index] == .restored { versions.append((result, arrival.number)) }
            case .learntFrom: outcomes[index] = arrival.isNew ? .restored : .known
            }
        }
        try activate(versions, key)
        return (outcomes, numbers)
    }

    // MARK: The arrival

    private struct FoundArrival {
        let number: Int64
        let isNew: Bool
        /// Tells whether it is the newest content of its path.
        let isCurrent: Bool
    }

    private func arrival(of result: RestoredResult, _ pipeline: Int64, offset: Int64) throws(LedgerError) -> FoundArrival {
        let file = result.file
        func isSame(_ row: ArrivalRow) -> Bool {
            row.pipeline == pipeline && row.role == file.role && row.path.isName(file.path) && row.digest == file.digest
        }
        let current = try connection.currentArrival(pipeline, file.role, file.path)
        var known: ArrivalRow?
        for number in [result.number, offset + result.number, current].compactMap({ $0 }) where known == nil {
            if let row = try arrivalRow(number), isSame(row) { known = row }
        }
        if let known {
            if known.state != .done, known.state != .superseded {
                try abandonOpenRun(of: known.run)
                try setState(known, .done)
                try connection.run("UPDATE arrivals SET verdict = ? WHERE number = ?", result.verdict, known.number)
            }
            return FoundArrival(number: known.number, isNew: false, isCurrent: current == known.number)
        }
        let number = try arrivalRow(result.number) == nil ? result.number : offset + result.number
        let isCurrent = current.map { $0 < number } ?? true
        try connection.run(
            """
            INSERT INTO arrivals (number, pipeline, role, path, digest, size, arrived_at, state, output_key, previous, verdict)
            VALUES (?, ?, ?, ?, ?, ?, ?, 'done', ?, ?, ?)
            """, number, pipeline, file.role, file.path, file.digest, file.stamp.size, result.publishedAt, file.outputKey,
            isCurrent ? current : nil,
            result.verdict)
        move(pipeline: pipeline, role: file.role, from: nil, to: .done)
        if isCurrent {
            if let key = file.outputKey { _ = try claim(key, pipeline, file.role, file.path, instead: nil) }
            try note(file.stamp, pipeline, file.role, file.path, arrival: number, companions: file.companions)
        }
        return FoundArrival(number: number, isNew: true, isCurrent: isCurrent)
    }

    private func addRun(_ result: RestoredResult, _ arrival: Int64) throws(LedgerError) -> Int64 {
        let hasRun = try connection.first("SELECT 1 FROM runs WHERE arrival = ? LIMIT 1", arrival, row: { _ in true }) ?? false
        let run = try connection.insert(
            """
            INSERT INTO runs (arrival, kind, version, revision, state, opened_at, closed_at, attempt, started_at, row_count)
            VALUES (?, ?, ?, ?, 'done', ?, ?, 1, ?, ?)
            """, arrival, hasRun ? RunKind.replay : .normal, result.scoredBy, try connection.addRevision(result.revision),
            result.publishedAt,
            result.publishedAt, result.publishedAt, result.rowCount)
        try connection.run("UPDATE arrivals SET run = ? WHERE number = ?", run, arrival)
        return run
    }

    // MARK: Outputs

    private func restore(
        _ output: OutputFile, _ result: RestoredResult, _ arrival: FoundArrival
    ) throws(LedgerError) -> RestorationOutcome {
        let root = try connection.addRoot(output.root)
        let isKnown =
            try connection.first(
                """
                SELECT 1 FROM publications AS p JOIN runs AS r ON r.id = p.run WHERE r.arrival = ? AND p.root = ? AND p.path = ?
                    AND p.digest = ? LIMIT 1
                """, arrival.number, root, output.path, output.digest, row: { _ in true }) ?? false
        if isKnown { return .known }
        if arrival.isCurrent {
            for other in try connection.publications(inPlace: output.path, root: root)
            where other.publication.pipeline != result.file.pipeline || !other.publication.inputPath.isName(result.file.path) {
                return .left(
                    "\(output.absolutePath) is the output of \(other.publication.inputPath), and its manifest says of \(result.file.path)"
                )
            }
            // This output replaces what stood there of this input, or elsewhere in another format.
            for standing in try connection.standingPublications(ofArrival: arrival.number) {
                try connection.run("UPDATE publications SET ended = 'replaced' WHERE id = ?", standing.number)
            }
        }
        let run = try addRun(result, arrival.number)
        try connection.run(
            "INSERT INTO publications (run, root, path, digest, bytes, ended) VALUES (?, ?, ?, ?, ?, ?)", run, root, output.path,
            output.digest,
            output.byteCount, arrival.isCurrent ? nil : PublicationState.replaced)
        return .restored
    }

    // MARK: Versions

    private func restore(
        _ version: RestoredResult.Version, _ result: RestoredResult, _ arrival: FoundArrival
    ) throws(LedgerError) -> RestorationOutcome {
        let pipeline = try connection.addPipeline(result.file.pipeline)
        let known = try connection.first(
            "SELECT model_digest, verdict, arrival FROM model_versions WHERE pipeline = ? AND version = ?", pipeline, version.number,
            row: { (digest: $0.textOrNil(0), isIntended: $0.isText(1, "intended"), arrival: $0.integer(2)) })
        if let known {
            let isSame = known.isIntended ? known.arrival == arrival.number : known.digest == version.digest
            return isSame ? .known : .left("\(version.card) is not the card of the version \(version.number) that the ledger knows")
        }
        let run = try addRun(result, arrival.number)
        try connection.run(
            """
            INSERT INTO model_versions (pipeline, version, arrival, run, model_digest, source_digest, parent, verdict, card, decided_at,
                pruned_at, parent_digest, float_digest, training)
            VALUES (?, ?, ?, ?, ?, ?, ?, 'published', ?, ?, ?, ?, ?, ?)
            """, pipeline, version.number, arrival.number, run, version.digest, result.file.digest, version.parent, version.card,
            result.publishedAt,
            version.isPruned ? result.publishedAt : nil, version.parentDigest, version.floatDigest,
            try version.training.map { (record) throws(LedgerError) in try connection.json(record) })
        return .restored
    }

    /// Puts versions in force at their former positions, in the order in which they were published: a version that was trained takes the
    /// place of its parent, and of no other version.
    private func activate(_ versions: [(result: RestoredResult, arrival: Int64)], _ pipeline: Int64) throws(LedgerError) {
        func order(_ entry: (result: RestoredResult, arrival: Int64)) -> (UTCTime, Int) {
            if case .version(let version) = entry.result.product { return (entry.result.publishedAt, version.number) }
            return (entry.result.publishedAt, 0)
        }
        for entry in versions.sorted(by: { order($0) < order($1) }) {
            guard case .version(let version) = entry.result.product else { continue }
            var position = entry.arrival
            if entry.result.file.role == .labelled, let last = try connection.activations(pipeline).last {
                position = last.version == version.parent ? max(position, last.position) : min(position, last.position - 1)
            }
            _ = try addActivation(
                pipeline, VersionActivation(position: position, version: version.number, at: entry.result.publishedAt, cause: "restored"))
        }
    }
}

extension RunLedger {
    /// Returns whether the ledger is empty: nothing has ever arrived here, and nothing was restored.
    package func isEmpty() throws(LedgerError) -> Bool {
        try readOne { (connection) throws(LedgerError) in
            try connection.first("SELECT 1 FROM pipelines UNION ALL SELECT 1 FROM arrivals LIMIT 1", row: { _ in true }) == nil
        }
    }

    /// Returns whether the ledger knows that this was published, or was about to be, even if it was replaced since.
    package func knowsPublication(root: String, path: String, digest: String) throws(LedgerError) -> Bool {
        try read { (connection) throws(LedgerError) in
            guard let root = try connection.rootKey(root) else { return false }
            let standing = try connection.publications(inPlace: path, root: root)
            if standing.contains(where: { $0.publication.output.digest == digest }) { return true }
            return try connection.first(
                "SELECT 1 FROM publications WHERE root = ? AND path = ? AND digest = ? LIMIT 1", root, path, digest, row: { _ in true })
                ?? false
        }
    }
}
