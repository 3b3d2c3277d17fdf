package import Arrivals

extension RunLedger {
    /// Returns the notifications that are due for `target`, in the order in which they are due.
    package func dueNotifications(for target: String, at now: UTCTime, limit: Int = 1) throws(LedgerError) -> [DueNotification] {
        try read { (connection) throws(LedgerError) in
            try connection.all(
                """
                SELECT id, body, at, attempts FROM notifications
                WHERE given_up_at IS NULL AND target = ? AND next_at <= ? ORDER BY next_at, id LIMIT ?
                """, target, now, limit,
                row: { DueNotification(id: $0.integer(0), body: $0.text(1), at: $0.time(2), attempts: Int($0.integer(3))) })
        }
    }

    /// Returns the notifications that have not been delivered yet, counted by target.
    package func untold() throws(LedgerError) -> [UntoldStatus] {
        try read { (connection) throws(LedgerError) in
            try connection.all(
                """
                SELECT target, sum(given_up_at IS NULL), min(at), (SELECT error FROM notifications AS n
                    WHERE n.target = o.target AND error IS NOT NULL ORDER BY given_up_at IS NOT NULL, id DESC LIMIT 1),
                    sum(given_up_at IS NOT NULL)
                FROM notifications AS o GROUP BY target ORDER BY target
                """,
                row: {
                    UntoldStatus(
                        target: $0.text(0), count: Int($0.integer(1)), oldest: $0.time(2), error: $0.textOrNil(3),
                        givenUp: Int($0.integer(4)))
                })
        }
    }
}
