import Arrivals
internal import Names

/// Remembers the states of files that were sent a moment ago, so that a second look before the owner has them on record does not send them
/// twice. It is bounded: the older half is dropped when the newer one is full.
struct RecentlySent {
    private struct Key: Hashable {
        var spool: Int
        var path: Name
    }

    private static let capacity = 16_384

    private var newer: [Key: FileStamp] = [:]
    private var older: [Key: FileStamp] = [:]

    func contains(_ path: String, of spool: Int, stamp: FileStamp) -> Bool {
        let key = Key(spool: spool, path: Name(path))
        return (newer[key] ?? older[key]) == stamp
    }

    mutating func remove(_ path: String, of spool: Int) {
        let key = Key(spool: spool, path: Name(path))
        newer[key] = nil
        older[key] = nil
    }

    mutating func insert(_ path: String, of spool: Int, stamp: FileStamp) {
        if newer.count >= Self.capacity {
            older = newer
            newer.removeAll(keepingCapacity: true)
        }
        newer[Key(spool: spool, path: Name(path))] = stamp
    }
}
