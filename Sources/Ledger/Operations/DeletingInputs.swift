package import Arrivals
internal import Names
internal import Reasons

/// Identifies the folder of a data spool in which deletions count.
package struct WatchedFolder: Hashable, Sendable {
    package var path: String
    package var device: Int64
    package var inode: Int64

    package init(path: String, device: Int64, inode: Int64) {
        self.path = path
        self.device = device
        self.inode = inode
    }
}

/// Names a data file that stands in its spool as far as the ledger knows, with the device that it was on.
package struct StandingInput: Hashable, Sendable {
    package var path: String
    package var device: Int64

    package init(path: String, device: Int64) {
        self.path = path
        self.device = device
    }

    /// Reads a row of path and device.
    fileprivate init(_ row: Row) { self.init(path: row.text(0), device: row.integer(1)) }
}

/// Tells what became of an input that was deleted.
package struct DeletedInput: Hashable, Sendable {
    package var arrival: Int64
    package var path: String
    /// The number of outputs that are to be removed now.
    package var outputs: Int
    /// The file that was refused since both had one output. It waits now.
    package var successor: String?
}

extension RunLedger {
    /// Returns the folder whose deletions count; nil where deletions in the data spool of the pipeline do not count yet.
    package func watchedFolder(of pipeline: String) throws(LedgerError) -> WatchedFolder? {
        try read { (connection) throws(LedgerError) in
            guard let key = try connection.pipelineKey(pipeline) else { return nil }
            return try connection.first(
                "SELECT path, device, inode FROM watched_folders WHERE pipeline = ?", key,
                row: { WatchedFolder(path: $0.text(0), device: $0.integer(1), inode: $0.integer(2)) })
        }
    }

    /// Returns the data files that stand in the spool as far as the ledger knows, in order of path, those after `after` only.
    package func standingInputs(of pipeline: String, after: String = "", limit: Int) throws(LedgerError) -> [StandingInput] {
        try read { (connection) throws(LedgerError) in
            guard let key = try connection.pipelineKey(pipeline) else { return [] }
            return try connection.all(
                """
                SELECT f.path, f.device FROM files AS f JOIN arrivals AS a ON a.number = f.arrival
                WHERE f.pipeline = ? AND f.role = 'data' AND f.path > ? AND (f.changed <> -1 OR a.state = 'waiting') ORDER BY f.path LIMIT ?
                """, key, after, limit, row: StandingInput.init)
        }
    }

    /// Returns the standing inputs that have that path, or are in the folder of that path.
    package func standingInputs(of pipeline: String, at path: String) throws(LedgerError) -> [StandingInput] {
        try read { (connection) throws(LedgerError) in
            guard let key = try connection.pipelineKey(pipeline) else { return [] }
            // The character "0" comes after "/".
            return try connection.all(
                """
                SELECT f.path, f.device FROM files AS f JOIN arrivals AS a ON a.number = f.arrival
                WHERE f.pipeline = ?1 AND f.role = 'data' AND f.path = ?2 AND (f.changed <> -1 OR a.state = 'waiting')
                UNION ALL
                SELECT f.path, f.device FROM files AS f JOIN arrivals AS a ON a.number = f.arrival
                WHERE f.pipeline = ?1 AND f.role = 'data' AND f.path > ?3 AND f.path < ?4 AND (f.changed <> -1 OR a.state = 'waiting')
                """, key, path, path + "/", path + "0", row: StandingInput.init)
        }
    }

    /// Returns the data files of those paths that the ledger knows, whether they stand or not.
    package func knownInputs(of pipeline: String, _ paths: [String]) throws(LedgerError) -> [StandingInput] {
        try read { (connection) throws(LedgerError) in
            guard let key = try connection.pipelineKey(pipeline) else { return [] }
            return try paths.collect { (path) throws(LedgerError) in
                try connection.first(
                    "SELECT device FROM files WHERE pipeline = ? AND role = 'data' AND path = ?", key, path,
                    row: { StandingInput(path: path, device: $0.integer(0)) })
            }
        }
    }
}

extension LedgerTransaction {
    /// Makes deletions in that folder count from now on. Nil takes that back.
    package func watch(_ folder: WatchedFolder?, of pipeline: String) throws(LedgerError) {
        let key = try connection.addPipeline(pipeline)
        guard let folder else {
            try connection.run("DELETE FROM watched_folders WHERE pipeline = ?", key)
            return
        }
        try connection.run(
            "INSERT OR REPLACE INTO watched_folders (pipeline, path, device, inode) VALUES (?, ?, ?, ?)", key, folder.path, folder.device,
            folder.inode)
    }

    /// Records data files that are not in their spool without being known to be deleted: their outputs stay, and the files are not missed
    /// again.
    package func overlook(_ paths: [String], of pipeline: String) throws(LedgerError) {
        guard let key = try connection.pipelineKey(pipeline) else { return }
        for path in paths { try forgetStamp(of: path, key) }
    }

    private func forgetStamp(of path: String, _ pipeline: Int64) throws(LedgerError) {
        try connection.run("UPDATE files SET changed = -1 WHERE pipeline = ? AND role = 'data' AND path = ?", pipeline, path)
    }

    /// Records data files that were deleted from their spool: what was published of them is to be removed, and what waits never runs. An
    /// arrival that runs is left to end. The same content dropped again is a new arrival.
    package func inputsDeleted(_ paths: [String], of pipeline: String, at time: UTCTime) throws(LedgerError) -> [DeletedInput] {
        guard let key = try connection.pipelineKey(pipeline) else { return [] }
        var deleted: [DeletedInput] = []
        for path in paths {
            guard let number = try connection.currentArrival(key, .data, path), let row = try arrivalRow(number), row.state != .running
            else { continue }
            let isNews = row.state == .waiting || row.state == .done
            if row.state == .waiting { try abandonOpenRun(of: row.run) }
            let outputs = try leave(number, as: .orphaned)
            if isNews {
                try setState(
                    row, .ignored,
                    explanation: Explanation(reason: "it was deleted from its spool, and its output goes with it", rule: .inputDeleted))
            }
            let output = try connection.first("SELECT output_key FROM arrivals WHERE number = ?", number, row: { $0.textOrNil(0) }) ?? nil
            try forgetStamp(of: path, key)
            try connection.run("DELETE FROM outputs WHERE pipeline = ? AND role = 'data' AND path = ?", key, path)
            let successor = try output.flatMap { (output) throws(LedgerError) in try takeUpSuccessor(of: output, key) }
            guard isNews || outputs > 0 || successor != nil else { continue }
            deleted.append(DeletedInput(arrival: number, path: path, outputs: outputs, successor: successor))
            try append([NewEvent("deleted", pipeline: pipeline, arrival: number)], at: time)
        }
        return deleted
    }

    /// Lets the first file wait again that was refused because its output belonged to another file, which is gone now. Returns its path.
    private func takeUpSuccessor(of output: String, _ pipeline: Int64) throws(LedgerError) -> String? {
        let found = try connection.first(
            """
            SELECT a.number FROM arrivals AS a INDEXED BY arrivals_blocked
            JOIN files AS f ON f.pipeline = a.pipeline AND f.role = a.role AND f.path = a.path AND f.arrival = a.number
            WHERE a.pipeline = ? AND a.state IN ('quarantined', 'rejected') AND a.state = 'quarantined' AND a.rule = ? AND a.output_key = ?
                ORDER BY a.number LIMIT 1
            """, pipeline, Rule.outputCollision.code, output, row: { $0.integer(0) })
        guard let found, let row = try arrivalRow(found), try claim(output, pipeline, row.role, row.path, instead: nil) == nil else {
            return nil
        }
        try setState(row, .waiting)
        return row.path
    }
}
