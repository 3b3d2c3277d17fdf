package import Arrivals
internal import Foundation
internal import Reasons

extension LedgerTransaction {
    /// Puts a notification of `event` into the outbox of each target that is to be told, in the same transaction as the event itself.
    func announce(_ event: NewEvent, at time: UTCTime) throws(LedgerError) {
        guard let pipeline = event.pipeline, routes.includes(pipeline) else { return }
        let arrival = try event.arrival.flatMap { (number) throws(LedgerError) in try connection.arrival(number) }
        guard let kind = NotificationKind(event: event.kind, role: arrival?.role) else { return }
        let targets = routes.targets(of: kind, in: pipeline)
        guard !targets.isEmpty else { return }
        let run = try event.run.flatMap { (number) throws(LedgerError) in try connection.announcedRun(number) }
        let published =
            kind == .published
            ? try event.run.map { (run) throws(LedgerError) in try connection.publications(ofRun: run, intendedOnly: false) } ?? [] : []
        let why =
            kind == .waitingLong
            ? try event.arrival.flatMap { (number) throws(LedgerError) in
                try connection.waitReason(of: number, now: time, strict: [])?.explanation(in: pipeline)
            } : arrival?.explanation
        let notification = Notice(
            id: UUID().uuidString.lowercased(), kind: kind, at: time, pipeline: pipeline, role: arrival?.role, file: arrival?.path,
            arrival: event.arrival, run: event.run, version: run?.version, rows: run?.rows, reason: why?.reason, rule: why?.rule,
            remedy: why?.remedy,
            outputs: published.filter { $0.state == .published }.prefix(100).map {
                .init(path: $0.output.absolutePath, digest: $0.output.digest, bytes: $0.output.byteCount)
            })
        let body = try connection.json(notification)
        for target in targets {
            try connection.run("INSERT INTO notifications (target, body, at, next_at) VALUES (?, ?, ?, ?)", target, body, time, time)
        }
    }

    /// Announces each pipeline in `limits` in which something has waited for longer than its limit. It does so once, until nothing waits
    /// that long any more.
    package func announceLongWaits(_ limits: [String: Duration], at now: UTCTime) throws(LedgerError) {
        for (pipeline, limit) in limits.sorted(by: { $0.key < $1.key }) {
            guard let key = try connection.pipelineKey(pipeline) else { continue }
            let oldest = try connection.oldestWaiting(key)
            guard let oldest, oldest.since.advanced(by: limit) <= now else {
                try connection.run("DELETE FROM long_waits WHERE pipeline = ?", key)
                continue
            }
            guard try connection.run("INSERT OR IGNORE INTO long_waits (pipeline, since) VALUES (?, ?)", key, oldest.since) > 0 else {
                continue
            }
            try append([NewEvent(NotificationKind.waitingLong.rawValue, pipeline: pipeline, arrival: oldest.number)], at: now)
        }
    }

    package func delivered(_ notification: Int64) throws(LedgerError) {
        try connection.run("DELETE FROM notifications WHERE id = ?", notification)
    }

    /// - Parameter next: when it is tried again; nil gives it up.
    package func notTold(_ notification: Int64, error: String, next: UTCTime?, at now: UTCTime) throws(LedgerError) {
        try connection.run(
            "UPDATE notifications SET attempts = attempts + 1, error = ?, next_at = ?, given_up_at = ? WHERE id = ?", error, next ?? now,
            next == nil ? now : nil, notification)
    }

    /// Gives up the notifications for targets that do not exist any more. Returns how many it gave up.
    package func giveUpNotifications(except targets: [String], at now: UTCTime) throws(LedgerError) -> Int {
        let known = try connection.all("SELECT DISTINCT target FROM notifications WHERE given_up_at IS NULL", row: { $0.text(0) })
        var count = 0
        for target in known where !targets.contains(target) {
            count += try connection.run(
                """
                UPDATE notifications SET given_up_at = ?, error = 'millrace.yaml names no such target any more'
                WHERE target = ? AND given_up_at IS NULL
                """, now, target)
        }
        return count
    }
}

extension Connection {
    fileprivate func announcedRun(_ number: Int64) throws(LedgerError) -> (version: Int?, rows: Int64?)? {
        try first(
            """
            SELECT coalesce((SELECT version FROM model_versions WHERE run = r.id AND verdict = 'published'), r.version), r.row_count
            FROM runs AS r WHERE r.id = ?
            """, number, row: { (version: $0.intOrNil(0), rows: $0.integerOrNil(1)) })
    }

    fileprivate func oldestWaiting(_ pipeline: Int64) throws(LedgerError) -> (number: Int64, since: UTCTime)? {
        var oldest: (number: Int64, since: UTCTime)?
        for role in ArrivalRole.allCases {
            try each(
                """
                SELECT number, arrived_at FROM arrivals INDEXED BY arrivals_waiting
                WHERE state = 'waiting' AND pipeline = ? AND role = ? ORDER BY number LIMIT 1
                """, pipeline, role,
                row: { if $0.time(1) < oldest?.since ?? $0.time(1).advanced(by: .seconds(1)) { oldest = ($0.integer(0), $0.time(1)) } })
        }
        return oldest
    }
}
