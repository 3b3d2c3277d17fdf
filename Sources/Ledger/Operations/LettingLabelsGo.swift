package import Arrivals

/// Describes a labelled file whose rows are kept for later trainings.
package struct KeptLabels: Hashable, Sendable {
    package var arrival: Int64
    package var path: String
    package var digest: String
    package var arrivedAt: UTCTime
}

extension RunLedger {
    /// Returns the labels of a pipeline that later trainings would learn from and that no open run is bound to, oldest first.
    package func keptLabels(of pipeline: String) throws(LedgerError) -> [KeptLabels] {
        try read { (connection) throws(LedgerError) in
            guard let key = try connection.pipelineKey(pipeline) else { return [] }
            return try connection.keptLabels(key)
        }
    }

    /// Returns the labelled arrivals of a pipeline that no training learns from any more.
    package func labelsLetGo(of pipeline: String) throws(LedgerError) -> [Int64] {
        try read { (connection) throws(LedgerError) in
            guard let key = try connection.pipelineKey(pipeline) else { return [] }
            return try connection.all(
                "SELECT number FROM arrivals WHERE pipeline = ? AND role = 'labelled' AND let_go_at IS NOT NULL ORDER BY number", key,
                row: { $0.integer(0) })
        }
    }
}

extension LedgerTransaction {
    /// Releases labels, so that no later training learns from them. Those that a run was bound to meanwhile stay. Returns those that it
    /// released.
    package func letGo(_ labels: [KeptLabels], of pipeline: String, at now: UTCTime) throws(LedgerError) -> [KeptLabels] {
        guard let key = try connection.pipelineKey(pipeline) else { return [] }
        let free = Set(try connection.keptLabels(key).map(\.arrival))
        let going = labels.filter { free.contains($0.arrival) }
        for label in going { try connection.run("UPDATE arrivals SET let_go_at = ? WHERE number = ?", now, label.arrival) }
        return going
    }
}

extension Connection {
    fileprivate func keptLabels(_ pipeline: Int64) throws(LedgerError) -> [KeptLabels] {
        try all(
            """
            SELECT a.number, a.path, a.digest, a.arrived_at FROM arrivals AS a
            WHERE a.pipeline = ? AND a.role = 'labelled' AND a.state IN ('done', 'rejected') AND a.digest IS NOT NULL
                AND a.let_go_at IS NULL
                AND NOT EXISTS (SELECT 1 FROM run_labels AS l JOIN runs AS r ON r.id = l.run WHERE l.arrival = a.number
                    AND r.state = 'open')
            ORDER BY a.number
            """, pipeline,
            row: { KeptLabels(arrival: $0.integer(0), path: $0.text(1), digest: $0.text(2), arrivedAt: $0.time(3)) })
    }
}
