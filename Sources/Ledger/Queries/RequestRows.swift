internal import Arrivals

extension RunLedger {
    /// Returns the requests without an answer, oldest first. It is cheap where there are none, because the daemon asks often.
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
                    id: row.id, request: try connection.decode(Request.self, row.body, doing: "read request \(row.id)"), submittedAt: row.at
                )
            }
        }
    }

    /// Returns the answer to a request; nil while it waits for one.
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
            let events = try connection.all(
                """
                SELECT e.sequence, e.at, e.kind, e.pipeline, e.arrival, e.run, e.payload, a.path, a.role
                FROM events AS e LEFT JOIN arrivals AS a ON a.number = e.arrival WHERE e.sequence > ? ORDER BY e.sequence LIMIT ?
                """, sequence, limit
            ) { (row) throws(LedgerError) in
                Event(
                    sequence: row.integer(0), at: row.time(1), kind: row.text(2),
                    pipeline: row.isNull(3) ? nil : try connection.pipelineName(row.integer(3)), arrival: row.integerOrNil(4),
                    run: row.integerOrNil(5), payload: row.textOrNil(6), file: row.textOrNil(7),
                    role: row.isNull(8) ? nil : try row.value(8, of: "arrivals", row.integer(4)))
            }
            return try events.map { (event) throws(LedgerError) in
                guard event.kind == "done", let run = event.run else { return event }
                var event = event
                event.outputs = try connection.publications(ofRun: run, intendedOnly: false).map(\.output.absolutePath)
                return event
            }
        }
    }
}
