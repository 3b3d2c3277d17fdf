import Arrivals

/// Offers the operations that one `RunLedger.write` makes durable together. It is valid only inside the closure that it is passed to.
package final class LedgerTransaction {
    let connection: Connection
    let routes: NotificationRoutes
    private var moved: [ArrivalGroup: Int] = [:]

    private struct ArrivalGroup: Hashable {
        let pipeline: Int64
        let role: ArrivalRole
        let state: ArrivalState
    }

    init(_ connection: Connection, routes: NotificationRoutes) {
        self.connection = connection
        self.routes = routes
    }

    /// Records a change of an arrival's state. Every change must be recorded here, so that the counts stay right.
    func move(pipeline: Int64, role: ArrivalRole, from old: ArrivalState?, to new: ArrivalState) {
        if let old { moved[ArrivalGroup(pipeline: pipeline, role: role, state: old), default: 0] -= 1 }
        moved[ArrivalGroup(pipeline: pipeline, role: role, state: new), default: 0] += 1
    }

    func finish() throws(LedgerError) {
        for (place, difference) in moved where difference != 0 {
            try connection.run(
                """
                INSERT INTO counts (pipeline, role, state, count) VALUES (?, ?, ?, ?)
                ON CONFLICT DO UPDATE SET count = count + excluded.count
                """, place.pipeline, place.role, place.state, difference)
        }
        moved = [:]
    }
}
