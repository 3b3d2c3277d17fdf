extension RunLedger {
    /// Unanswered, oldest first. Cheap where there are none: the daemon asks often.
    package func pendingRequests(limit: Int = 100) throws(LedgerError) -> [PendingRequest] {
        let rows = try readOne { (connection) throws(LedgerError) in
            try connection.all(
                "SELECT id, body, submitted_at FROM requests WHERE answered_at IS NULL ORDER BY id LIMIT ?", limit,
                row: { (id: $0.integer(0), body: $0.text(1), at: $0.time(2)) })
        }
        guard !rows.isEmpty else { return [] }
        return try read { (connection) throws(LedgerError) in
            try rows.map { (row) throws(LedgerError) in
                PendingRequest(
                    id: row.id, request: try connection.decode(Request.self, row.body, doing: "read request \(row.id)"), submittedAt: row.at)
            }
        }
    }

    /// Nil while it waits for an answer.
    package func answer(to request: Int64) throws(LedgerError) -> RequestOutcome? {
        try read { (connection) throws(LedgerError) in
            let text = try connection.first("SELECT answer FROM requests WHERE id = ?", request, row: { $0.textOrNil(0) }) ?? nil
            return try text.map { (text) throws(LedgerError) in
                try connection.decode(RequestOutcome.self, text, doing: "read the answer to request \(request)")
            }
        }
    }

    package func events(after sequence: Int64, limit: Int = 1000) throws(LedgerError) -> [Event] {
        try read { (connection) throws(LedgerError) in
            try connection.all(
                "SELECT sequence, at, kind, pipeline, arrival, run, payload FROM events WHERE sequence > ? ORDER BY sequence LIMIT ?", sequence,
                limit
            ) { (row) throws(LedgerError) in
                Event(
                    sequence: row.integer(0), at: row.time(1), kind: row.text(2),
                    pipeline: row.isNull(3) ? nil : try connection.pipelineName(row.integer(3)), arrival: row.integerOrNil(4),
                    run: row.integerOrNil(5), payload: row.textOrNil(6))
            }
        }
    }

    /// Of the newest event; 0 where there is none.
    package func lastEvent() throws(LedgerError) -> Int64 {
        try readOne { (connection) throws(LedgerError) in
            try connection.first("SELECT max(sequence) FROM events", row: { $0.integer(0) }) ?? 0
        }
    }
}
