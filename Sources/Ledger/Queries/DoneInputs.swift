package import Arrivals

extension RunLedger {
    /// Returns the file at that place where it is, by its stamp, the content of an arrival that is done; nil for other files.
    package func doneInput(_ place: SpoolPlace, _ stamp: FileStamp) throws(LedgerError) -> ArrivedFile? {
        try read { (connection) throws(LedgerError) in
            guard let key = try connection.pipelineKey(place.pipeline) else { return nil }
            let found = try connection.first(
                """
                SELECT a.number, a.digest FROM files AS f JOIN arrivals AS a ON a.number = f.arrival
                WHERE f.pipeline = ? AND f.role = ? AND f.path = ? AND f.inode = ? AND f.changed = ? AND f.size = ? AND f.device = ?
                    AND a.state = 'done'
                """, key, place.role, place.path, stamp.inode, stamp.changed, stamp.size, stamp.device,
                row: { (number: $0.integer(0), digest: $0.textOrNil(1)) })
            guard let found, let digest = found.digest else { return nil }
            return ArrivedFile(place, digest: digest, stamp: stamp, companions: try connection.companions(of: found.number))
        }
    }
}
