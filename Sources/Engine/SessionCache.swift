import Foundation

/// Keeps sessions for the next arrival, by what they were made of. Any number of threads may use it.
///
/// A session is in use while anyone but the cache holds it. Such a session is never dropped, so that the limit may be exceeded, but no
/// model is loaded twice at once.
package final class SessionCache: @unchecked Sendable {
    // Every variable is touched only while `condition` is locked.

    package struct Key: Sendable, Hashable {
        package let digest: String
        package let options: SessionOptions

        /// Makes a key. `digest` covers the model's bytes and those of its external data.
        package init(digest: String, options: SessionOptions) {
            self.digest = digest
            self.options = options
        }
    }

    private struct Entry {
        var session: Session
        let byteCount: Int
        var lastUse: UInt64
    }

    /// Represents a session that is being made, for those who wait for it.
    private final class Flight {
        var result: Result<Session, EngineError>?
    }

    package let byteLimit: Int
    private let condition = NSCondition()
    private var entries: [Key: Entry] = [:]
    private var flights: [Key: Flight] = [:]
    private var uses: UInt64 = 0

    package init(byteLimit: Int) { self.byteLimit = byteLimit }

    /// Returns the session under `key`, which `make` makes if there is none. Threads that ask for one that is being made wait for it and
    /// share its failure; a failure is not kept. `byteCount` is the assumed cost of the session: the bytes of model and external data are a
    /// good estimate.
    package func session(
        _ key: Key, byteCount: @autoclosure () -> Int, make: () throws(EngineError) -> Session
    ) throws(EngineError) -> Session {
        condition.lock()
        if entries[key] != nil {
            defer { condition.unlock() }
            return use(key)
        }
        if let flight = flights[key] {
            defer { condition.unlock() }
            while flight.result == nil { condition.wait() }
            return try flight.result!.get()
        }
        let flight = Flight()
        flights[key] = flight
        let byteCount = byteCount()
        evict(room: byteCount)
        condition.unlock()

        let result = Result { () throws(EngineError) in try make() }

        condition.lock()
        defer {
            condition.broadcast()
            condition.unlock()
        }
        flight.result = result
        flights[key] = nil
        let session = try result.get()
        uses += 1
        entries[key] = Entry(session: session, byteCount: byteCount, lastUse: uses)
        evict(room: 0)
        return session
    }

    /// Drops a session, which is freed when nobody uses it any more.
    package func remove(_ key: Key) { condition.withLock { entries[key] = nil } }

    /// The estimated cost of the sessions in the cache, and their number.
    package var usage: (byteCount: Int, sessions: Int) {
        condition.withLock { (entries.values.reduce(0) { $0 + $1.byteCount }, entries.count) }
    }

    private func use(_ key: Key) -> Session {
        uses += 1
        entries[key]!.lastUse = uses
        return entries[key]!.session
    }

    /// Drops unused sessions, the one longest unused first, until `room` bytes are free.
    private func evict(room: Int) {
        var total = entries.values.reduce(0) { $0 + $1.byteCount }
        guard total + room > byteLimit else { return }
        for key in entries.keys.sorted(by: { entries[$0]!.lastUse < entries[$1]!.lastUse }) {
            // Only the cache gives out sessions, and it is locked: a reference that is unique now stays unique.
            guard total + room > byteLimit, isKnownUniquelyReferenced(&entries[key]!.session) else { continue }
            total -= entries.removeValue(forKey: key)!.byteCount
        }
    }
}
