package import Arrivals

extension RunLedger {
    /// Returns whether the file is, by its stamp, the content of its path's current arrival, so that nothing needs to be read. It is asked
    /// for every file found at start. `stampOf` gives the stamp of a companion by its path relative to the model's directory; without it, a
    /// model with companions is not current.
    package func isCurrent(
        _ pipeline: String, _ role: ArrivalRole, _ path: String, _ stamp: FileStamp, stampOf: ((String) -> FileStamp?)? = nil
    ) throws(LedgerError) -> Bool {
        try readOne { (connection) throws(LedgerError) in try connection.isCurrent(pipeline, role, path, stamp, stampOf) }
    }

    /// Returns the digest of a file of this stamp, where the file was large enough for its digest to be kept.
    package func knownDigest(_ stamp: FileStamp) throws(LedgerError) -> String? {
        guard stamp.isWorthRemembering else { return nil }
        return try readOne { (connection) throws(LedgerError) in
            try connection.first(
                "SELECT digest FROM digests WHERE inode = ? AND device = ? AND size = ? AND changed = ?", stamp.inode, stamp.device,
                stamp.size,
                stamp.changed, row: { $0.text(0) })
        }
    }
}

extension Connection {
    fileprivate func isCurrent(
        _ pipeline: String, _ role: ArrivalRole, _ path: String, _ stamp: FileStamp, _ stampOf: ((String) -> FileStamp?)?
    ) throws(LedgerError) -> Bool {
        guard let pipeline = try pipelineKey(pipeline) else { return false }
        let found = try first(
            "SELECT inode, changed, size, device, companions, arrival FROM files WHERE pipeline = ? AND role = ? AND path = ?", pipeline,
            role,
            path
        ) { row in
            (
                row.integer(0) == stamp.inode && row.integer(1) == stamp.changed && row.integer(2) == stamp.size
                    && row.integer(3) == stamp.device, companions: row.integer(4), arrival: row.integer(5)
            )
        }
        guard let found, found.0 else { return false }
        if found.companions == 0 { return true }
        guard let stampOf else { return false }
        return try companions(of: found.arrival).allSatisfy { stampOf($0.path) == $0.stamp }
    }

    func companions(of arrival: Int64) throws(LedgerError) -> [Companion] {
        try all(
            "SELECT path, digest, device, inode, size, changed FROM companions WHERE arrival = ? ORDER BY path", arrival,
            row: {
                Companion(
                    path: $0.text(0), digest: $0.text(1),
                    stamp: FileStamp(device: $0.integer(2), inode: $0.integer(3), size: $0.integer(4), changed: $0.integer(5)))
            })
    }

    func currentArrival(_ pipeline: Int64, _ role: ArrivalRole, _ path: String) throws(LedgerError) -> Int64? {
        try first(
            "SELECT arrival FROM files WHERE pipeline = ? AND role = ? AND path = ?", pipeline, role, path, row: { $0.integer(0) })
    }

    /// Returns the current arrivals of that path in every pipeline and role.
    func currentArrivals(path: String) throws(LedgerError) -> [Int64] {
        let pipelines = try all("SELECT id FROM pipelines", row: { $0.integer(0) })
        var found: [Int64] = []
        for pipeline in pipelines {
            for role in ArrivalRole.allCases {
                if let number = try currentArrival(pipeline, role, path) { found.append(number) }
            }
        }
        return found
    }
}
