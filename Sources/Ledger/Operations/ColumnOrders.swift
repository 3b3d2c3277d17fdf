extension RunLedger {
    /// Returns the columns that the first file under `revision` bound in its own order, by model input; empty where no file did.
    package func columnOrders(pipeline: String, revision: String) throws(LedgerError) -> [String: [String]] {
        try read { (connection) throws(LedgerError) in try connection.columnOrders(pipeline: pipeline, revision: revision) }
    }

    /// Returns the types that the first file under `revision` gave to kept columns of text, by column.
    package func keptTypes(pipeline: String, revision: String) throws(LedgerError) -> [String: String] {
        try read { (connection) throws(LedgerError) in try connection.keptTypes(pipeline: pipeline, revision: revision) }
    }

    /// Returns the arrivals that pinned an order or a type under `revision`, usually one.
    package func pinningArrivals(pipeline: String, revision: String) throws(LedgerError) -> Set<Int64> {
        try read { (connection) throws(LedgerError) in try connection.pinningArrivals(pipeline: pipeline, revision: revision) }
    }
}

extension LedgerTransaction {
    /// Pins the column orders that are not pinned yet, and returns all orders that are pinned: the first file's order counts, and a later
    /// file changes nothing.
    package func pinColumns(
        _ columns: [String: [String]], pipeline: String, revision: String, arrival: Int64
    ) throws(LedgerError) -> [String: [String]] {
        let key = try connection.addPipeline(pipeline)
        let revisionKey = try connection.addRevision(revision)
        for (input, names) in columns.sorted(by: { $0.key < $1.key }) {
            try connection.run(
                "INSERT OR IGNORE INTO column_orders (pipeline, revision, input, columns, arrival) VALUES (?, ?, ?, ?, ?)", key,
                revisionKey,
                input, try connection.json(names), arrival)
        }
        return try connection.columnOrders(pipeline: pipeline, revision: revision)
    }

    /// Pins the types of kept columns of text in the same way.
    package func pinTypes(
        _ types: [String: String], pipeline: String, revision: String, arrival: Int64
    ) throws(LedgerError) -> [String: String] {
        let key = try connection.addPipeline(pipeline)
        let revisionKey = try connection.addRevision(revision)
        for (column, type) in types.sorted(by: { $0.key < $1.key }) {
            try connection.run(
                "INSERT OR IGNORE INTO kept_types (pipeline, revision, column_name, type, arrival) VALUES (?, ?, ?, ?, ?)", key,
                revisionKey, column, type, arrival)
        }
        return try connection.keptTypes(pipeline: pipeline, revision: revision)
    }
}

extension Connection {
    fileprivate func columnOrders(pipeline: String, revision: String) throws(LedgerError) -> [String: [String]] {
        var orders: [String: [String]] = [:]
        try each(
            """
            SELECT o.input, o.columns FROM column_orders AS o JOIN pipelines AS p ON p.id = o.pipeline
                JOIN revisions AS v ON v.id = o.revision
            WHERE p.name = ? AND v.digest = ?
            """, pipeline, revision
        ) { (row) throws(LedgerError) in
            orders[row.text(0)] = try decode([String].self, row.text(1), doing: "read a column order")
        }
        return orders
    }

    fileprivate func keptTypes(pipeline: String, revision: String) throws(LedgerError) -> [String: String] {
        var types: [String: String] = [:]
        try each(
            """
            SELECT t.column_name, t.type
            FROM kept_types AS t JOIN pipelines AS p ON p.id = t.pipeline JOIN revisions AS v ON v.id = t.revision
            WHERE p.name = ? AND v.digest = ?
            """, pipeline, revision
        ) { (row) throws(LedgerError) in types[row.text(0)] = row.text(1) }
        return types
    }

    fileprivate func pinningArrivals(pipeline: String, revision: String) throws(LedgerError) -> Set<Int64> {
        var arrivals: Set<Int64> = []
        try each(
            """
            SELECT o.arrival FROM column_orders AS o JOIN pipelines AS p ON p.id = o.pipeline JOIN revisions AS v ON v.id = o.revision
            WHERE p.name = ?1 AND v.digest = ?2
            UNION SELECT t.arrival FROM kept_types AS t JOIN pipelines AS p ON p.id = t.pipeline JOIN revisions AS v ON v.id = t.revision
            WHERE p.name = ?1 AND v.digest = ?2
            """, pipeline, revision
        ) { (row) throws(LedgerError) in arrivals.insert(row.integer(0)) }
        return arrivals
    }
}
