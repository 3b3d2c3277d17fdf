internal import Names

/// Keeps the scans that are under way. They go on a little in turn, so that events, other spools and what was found already do not wait for
/// the end of a long one: spools of models first, then labels, then data.
struct ScanSchedule {
    /// The scans in their order: among equals, the one whose turn it is comes first.
    private var scans: [Scan] = []

    var isEmpty: Bool { scans.isEmpty }

    /// Returns whether a scan of everything below that directory is under way.
    func isUnderWay(_ spool: WatchedSpool, below top: String) -> Bool {
        scans.contains { $0.spool === spool && $0.isDeep && $0.covers(top) }
    }

    /// Returns whether scans are under way that come before all scans of the spool.
    func hasEarlier(than spool: WatchedSpool) -> Bool { scans.contains { $0.spool.directory.order < spool.directory.order } }

    /// Puts a scan last among its equals.
    mutating func add(_ scan: Scan) { scans.append(scan) }

    /// Takes out the scan whose turn it is.
    mutating func takeNext() -> Scan? {
        guard let first = scans.map(\.spool.directory.order).min(),
            let index = scans.firstIndex(where: { $0.spool.directory.order == first })
        else { return nil }
        return scans.remove(at: index)
    }

    /// Takes out the scan of the same directory, which is about to begin again.
    mutating func take(_ spool: WatchedSpool, at top: String, isDeep: Bool) -> Scan? {
        scans.firstIndex { $0.spool === spool && $0.isDeep == isDeep && $0.top.isName(top) }.map { scans.remove(at: $0) }
    }

    /// Leaves out a directory that went away.
    mutating func leaveOut(_ directory: String, of spool: WatchedSpool) {
        scans.removeAll { $0.spool === spool && SpoolPath.isWithin($0.top, directory) }
        for scan in scans where scan.spool === spool { scan.leaveOut(directory) }
    }

    mutating func removeAll(of spool: WatchedSpool) { scans.removeAll { $0.spool === spool } }
}
