import Arrivals
internal import Reasons

/// Holds what the operations need of an arrival.
struct ArrivalRow {
    let number: Int64
    let pipeline: Int64
    let role: ArrivalRole
    let path: String
    let digest: String?
    let state: ArrivalState
    let isHeld: Bool
    /// The state before `replay`, while that goes on.
    let replaying: ArrivalState?
    let run: Int64?
    /// The arrival of the same path before it.
    let previous: Int64?
}

extension LedgerTransaction {
    func arrivalRow(_ number: Int64) throws(LedgerError) -> ArrivalRow? {
        try connection.first(
            "SELECT number, pipeline, role, path, digest, state, held, replaying, run, previous FROM arrivals WHERE number = ?", number
        ) { (row) throws(LedgerError) in
            ArrivalRow(
                number: row.integer(0), pipeline: row.integer(1), role: try row.value(2, of: "arrivals", number), path: row.text(3),
                digest: row.textOrNil(4), state: try row.value(5, of: "arrivals", number), isHeld: row.bool(6),
                replaying: row.isNull(7) ? nil : try row.value(7, of: "arrivals", number), run: row.integerOrNil(8),
                previous: row.integerOrNil(9))
        }
    }

    /// Sets the state, ends a hold and a replay, and sets or clears the explanation. The verdict stays as it is.
    func setState(_ row: ArrivalRow, _ state: ArrivalState, explanation: Explanation? = nil) throws(LedgerError) {
        try connection.run(
            "UPDATE arrivals SET state = ?, held = 0, replaying = NULL, reason = ?, rule = ?, remedy = ?, cells = ? WHERE number = ?",
            state, explanation?.reason, explanation?.rule.code, explanation?.remedy, try connection.json(cells: explanation?.cells),
            row.number)
        move(pipeline: row.pipeline, role: row.role, from: row.state, to: state)
    }

    /// Makes the file under the arrival's path be looked at again when it is next seen. Returns whether the arrival is the newest content
    /// there.
    func forgetStamp(of row: ArrivalRow) throws(LedgerError) -> Bool {
        try connection.run(
            "UPDATE files SET changed = -1 WHERE pipeline = ? AND role = ? AND path = ? AND arrival = ?", row.pipeline, row.role, row.path,
            row.number) > 0
    }

    /// Records that the file is not there any more: a file that comes under that path is looked at again, and another input may get its
    /// output.
    func forgetFile(of row: ArrivalRow) throws(LedgerError) {
        let isCurrent = try forgetStamp(of: row)
        // Where the replay was of finished work, that work stays done and keeps its output.
        guard isCurrent, row.replaying != .done else { return }
        try connection.run("DELETE FROM outputs WHERE pipeline = ? AND role = ? AND path = ?", row.pipeline, row.role, row.path)
    }
}
