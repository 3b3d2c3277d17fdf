import Arrivals
package import Reasons

extension LedgerTransaction {
    /// Binds the labelled arrivals that a run trains on, at its first attempt; later ones keep what was bound then.
    ///
    /// A labelled arrival's own run trains on that arrival; with `all`, also on those before it whose rows were taken; without `all`, also
    /// on those before it that were kept since the last training. A model's run trains on every one numbered before it that is not blocked,
    /// even if it waits: a model is tuned on the labels that are known when it arrives. With `isReplay` the number does not matter.
    ///
    /// The arrivals are in the order in which they count: a later one's rows come before those of an earlier one with the same key. Each
    /// content is bound once, where it arrived first, or where it came back last (`comesBack`).
    package func bindLabels(run: Int64, all: Bool, isReplay: Bool) throws(LedgerError) {
        let row = try runRow(run)
        let isBound = try connection.first("SELECT 1 FROM run_labels WHERE run = ?", run, row: { _ in true }) ?? false
        guard row.attempt == 1, !isBound else { return }
        let arrival = row.arrival
        if arrival.role == .labelled { try bind(run, arrival.number) }
        let takesAll = all || arrival.role == .model
        let lastTrained = takesAll ? 0 : try connection.lastTrained(arrival.pipeline, before: arrival.number)
        let known = try connection.all(
            """
            SELECT number, digest, previous FROM arrivals
            WHERE pipeline = ? AND role = 'labelled' AND role <> 'data'
                AND (state IN ('done', 'rejected') OR (? AND state IN ('waiting', 'running'))) AND number < ? AND digest IS NOT ?
                    AND let_go_at IS NULL
                AND number > ?
            ORDER BY number
            """, arrival.pipeline, arrival.role == .model, isReplay && takesAll ? Int64.max : arrival.number,
            arrival.role == .labelled ? arrival.digest : nil, lastTrained,
            row: { (number: $0.integer(0), digest: $0.text(1), previous: $0.integerOrNil(2)) })
        for number in try connection.onceEach(known) { try bind(run, number) }
    }

    func comesBack(_ digest: String, behind previous: Int64?) throws(LedgerError) -> Bool {
        try connection.comesBack(digest, behind: previous)
    }

    private func bind(_ run: Int64, _ arrival: Int64) throws(LedgerError) {
        try connection.run("INSERT INTO run_labels (run, arrival) VALUES (?, ?)", run, arrival)
    }

    package enum LabelsOutcome: Hashable, Sendable {
        case trained(verdict: String)
        /// The tuned model was not taken.
        case rejected(Explanation)
        /// There are too few rows to train on yet, so they are kept.
        case kept(Explanation)
    }

    /// Marks labels as done whose rows count in later trainings and that no training has learnt from yet. The explanation says why; the
    /// verdict `kept` tells them apart from other labels.
    func decideKept(_ row: ArrivalRow, _ why: Explanation) throws(LedgerError) {
        try setState(row, .done, explanation: why)
        try connection.run("UPDATE arrivals SET verdict = 'kept' WHERE number = ?", row.number)
    }

    /// Decides the labelled arrivals that a model's run was tuned on and that still wait, in the transaction that closes that run. Returns
    /// their numbers.
    ///
    /// - Parameter unusable: the arrivals whose rows could not be used, with the reason; they go to quarantine.
    package func decideLabels(
        run: Int64, _ outcome: LabelsOutcome, unusable: [Int64: Explanation]
    ) throws(LedgerError) -> [Int64] {
        var decided: [Int64] = []
        for labelled in try connection.labels(ofRun: run) where labelled.state == .waiting {
            guard let row = try arrivalRow(labelled.number), !row.isHeld, row.replaying == nil else { continue }
            try abandonOpenRun(of: row.run)
            if let explanation = unusable[row.number] {
                try setState(row, .quarantined, explanation: explanation)
            } else {
                switch outcome {
                case .trained(let verdict):
                    try setState(row, .done)
                    try connection.run("UPDATE arrivals SET verdict = ? WHERE number = ?", verdict, row.number)
                case .rejected(let explanation): try setState(row, .rejected, explanation: explanation)
                case .kept(let explanation): try decideKept(row, explanation)
                }
            }
            decided.append(row.number)
        }
        return decided
    }
}

extension Connection {
    /// Returns the numbers of labelled arrivals, in their order, with each content once: where it arrived first, or where it came back last
    /// (`comesBack`).
    fileprivate func onceEach(
        _ known: [(number: Int64, digest: String, previous: Int64?)]
    ) throws(LedgerError) -> [Int64] {
        var places: [String: Int64] = [:]
        for labels in known {
            let isAnew = try comesBack(labels.digest, behind: labels.previous)
            if isAnew || places[labels.digest] == nil { places[labels.digest] = labels.number }
        }
        return places.values.sorted()
    }

    /// Returns whether labels of this content come back to a path that had other content in between, as when a correction is taken back: A,
    /// then B, then A again. The last content of a path counts, so such labels are learnt from again, and count after the content that they
    /// replace. Where nothing was in between (content in quarantine or never taken up does not count), or under another path, known content
    /// says nothing new: labels are known by their content.
    ///
    /// - Parameter previous: the arrival of their path before them.
    fileprivate func comesBack(_ digest: String, behind previous: Int64?) throws(LedgerError) -> Bool {
        var next = previous
        while let number = next {
            let row = try first("SELECT digest, state, previous FROM arrivals WHERE number = ?", number) { (row) throws(LedgerError) in
                (digest: row.textOrNil(0), state: try row.value(1, of: "arrivals", number) as ArrivalState, previous: row.integerOrNil(2))
            }
            guard let row else { return false }
            if [.running, .done, .rejected].contains(row.state) { return row.digest != digest }
            next = row.previous
        }
        return false
    }

    /// Returns the last labelled arrival before `number` that was trained on, and not only kept; 0 where there is none.
    fileprivate func lastTrained(_ pipeline: Int64, before number: Int64) throws(LedgerError) -> Int64 {
        try first(
            """
            SELECT max(number) FROM arrivals WHERE pipeline = ? AND role = 'labelled' AND role <> 'data' AND number < ?
                AND (state = 'rejected' OR state = 'done' AND verdict IS NOT 'kept')
            """, pipeline, number, row: { $0.integer(0) }) ?? 0
    }

    func labels(ofRun run: Int64) throws(LedgerError) -> [LabelledArrival] {
        try all(
            """
            SELECT a.number, a.path, a.digest, a.state FROM run_labels AS l JOIN arrivals AS a ON a.number = l.arrival
            WHERE l.run = ? ORDER BY a.number
            """, run
        ) { (row) throws(LedgerError) in
            LabelledArrival(
                number: row.integer(0), path: row.text(1), digest: row.text(2), state: try row.value(3, of: "arrivals", row.integer(0)))
        }
    }
}

extension RunLedger {
    /// Returns the labelled arrivals that the run trains on, in arrival order.
    package func labels(ofRun run: Int64) throws(LedgerError) -> [LabelledArrival] {
        try read { (connection) throws(LedgerError) in try connection.labels(ofRun: run) }
    }

    /// Returns the labelled arrivals that a training of the pipeline would learn from now, in arrival order: those that are decided and not
    /// let go, each content once.
    package func knownLabels(pipeline: String) throws(LedgerError) -> [LabelledArrival] {
        try read { (connection) throws(LedgerError) in
            guard let key = try connection.pipelineKey(pipeline) else { return [] }
            let known = try connection.all(
                """
                SELECT number, path, digest, state, previous FROM arrivals
                WHERE pipeline = ? AND role = 'labelled' AND role <> 'data' AND state IN ('done', 'rejected') AND let_go_at IS NULL
                ORDER BY number
                """, key
            ) { (row) throws(LedgerError) in
                (
                    labels: LabelledArrival(
                        number: row.integer(0), path: row.text(1), digest: row.text(2),
                        state: try row.value(3, of: "arrivals", row.integer(0))),
                    previous: row.integerOrNil(4)
                )
            }
            let counted = Set(
                try connection.onceEach(
                    known.map { (number: $0.labels.number, digest: $0.labels.digest, previous: $0.previous) }))
            return known.map(\.labels).filter { counted.contains($0.number) }
        }
    }

    /// Returns whether labels of this content are decided: they were learnt from or kept for later, or the model trained on them was
    /// rejected.
    package func isDecided(labels digest: String, pipeline: String) throws(LedgerError) -> Bool {
        try read { (connection) throws(LedgerError) in
            guard let key = try connection.pipelineKey(pipeline) else { return false }
            return try connection.first(
                """
                SELECT 1 FROM arrivals
                WHERE pipeline = ? AND role = 'labelled' AND role <> 'data' AND digest = ? AND state IN ('done', 'rejected') LIMIT 1
                """, key, digest, row: { _ in true }) ?? false
        }
    }

    /// Returns the digests of the float models in the state folder that something still needs: those of the versions that stand or are in
    /// use, and those that these were trained from.
    package func floatModelsInUse(pipeline: String) throws(LedgerError) -> Set<String> {
        try read { (connection) throws(LedgerError) in
            guard let key = try connection.pipelineKey(pipeline) else { return [] }
            let used = try connection.versionsInUse(key)
            let rows = try connection.all(
                """
                SELECT version, float_digest, parent_digest, pruned_at IS NULL FROM model_versions WHERE pipeline = ?
                    AND verdict = 'published'
                """, key,
                row: { (version: Int($0.integer(0)), float: $0.textOrNil(1), parent: $0.textOrNil(2), isLiving: $0.bool(3)) })
            return Set(rows.filter { $0.isLiving || used.contains($0.version) }.flatMap { [$0.float, $0.parent].compactMap(\.self) })
        }
    }

    /// Returns the digests of the models of all versions that stand, in all pipelines.
    package func modelsInUse() throws(LedgerError) -> Set<String> {
        try read { (connection) throws(LedgerError) in
            Set(
                try connection.all(
                    "SELECT DISTINCT model_digest FROM model_versions WHERE verdict = 'published' AND pruned_at IS NULL",
                    row: { $0.textOrNil(0) }
                ).compactMap(\.self))
        }
    }
}

extension RunLedger {
    /// Returns whether the pipeline has labels that a model which arrives is tuned on, or that wait to be learnt from.
    package func hasLabels(pipeline: String) throws(LedgerError) -> Bool {
        try readOne { (connection) throws(LedgerError) in
            guard let key = try connection.pipelineKey(pipeline) else { return false }
            return try connection.first(
                """
                SELECT 1 FROM arrivals WHERE pipeline = ? AND role = 'labelled' AND role <> 'data'
                    AND state IN ('waiting', 'running', 'done', 'rejected') LIMIT 1
                """, key, row: { _ in true }) ?? false
        }
    }
}
