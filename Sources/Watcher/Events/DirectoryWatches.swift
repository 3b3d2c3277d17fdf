internal import Logging
internal import Names

/// Keeps the directories from which changes are heard: by inotify or, where that cannot be, by listing them again and again.
struct DirectoryWatches {
    struct WatchedDirectory {
        let spool: WatchedSpool
        /// The path relative to the spool.
        let directory: String
        /// Tells whether everything below it is listed again and again, because it could not be watched or its mount is not local.
        fileprivate let isPolled: Bool
    }

    private let events: (any DirectoryEvents)?
    private let polling: PollingEvents
    private let logger: Logger
    private var places: [Int: WatchedDirectory] = [:]
    /// The tokens of the watched directories of each spool.
    private var tokens: [Int: NameMap<Int>] = [:]
    private var lastToken = 0
    private var hasWarnedOfLimit = false

    init(events: (any DirectoryEvents)?, pollInterval: Duration, logger: Logger) {
        self.events = events
        polling = PollingEvents(interval: pollInterval)
        self.logger = logger
    }

    var hasInotify: Bool { events != nil }

    /// The time at which there will be something to take without a signal; nil where that cannot be.
    var wakeTime: Duration? {
        guard let polled = polling.wakeTime else { return events?.wakeTime }
        return events?.wakeTime.map { min($0, polled) } ?? polled
    }

    func take(now: Duration) -> [DirectoryEvent] {
        var heard: [DirectoryEvent] = []
        events?.take(into: &heard, now: now)
        polling.take(into: &heard, now: now)
        return heard
    }

    /// Returns the directory to which an event belongs; nil where it was forgotten since.
    func place(of token: Int) -> WatchedDirectory? { places[token] }

    func isWatched(_ directory: String, of spool: WatchedSpool) -> Bool { tokens[spool.slot]?[directory] != nil }

    /// Watches one directory, unless it is watched or polled already. Where no inotify watch is left, it is polled.
    /// - Returns: the reason why it could not be watched, where listing it makes no sense either.
    mutating func watch(_ directory: String, of spool: WatchedSpool, now: Duration) -> WatcherError? {
        guard let events, spool.usesInotify, !isWatched(directory, of: spool), !isPolled(directory, of: spool) else { return nil }
        lastToken += 1
        do throws(WatcherError) {
            try events.watch(spool.path(of: directory), token: lastToken, now: now)
        } catch {
            guard case .watchLimit = error else { return error }
            if !hasWarnedOfLimit {
                hasWarnedOfLimit = true
                logger.warning("\(error)")
            }
            poll(directory, of: spool, now: now)
            return nil
        }
        tokens[spool.slot, default: [:]][directory] = lastToken
        places[lastToken] = WatchedDirectory(spool: spool, directory: directory, isPolled: false)
        return nil
    }

    /// Has a subtree listed again and again.
    mutating func poll(_ directory: String, of spool: WatchedSpool, now: Duration) {
        guard !isPolled(directory, of: spool) else { return }
        lastToken += 1
        places[lastToken] = WatchedDirectory(spool: spool, directory: directory, isPolled: true)
        polling.watch(spool.path(of: directory), token: lastToken, now: now)
    }

    /// Takes note of how long it took to list everything below a polled directory.
    func listed(token: Int, took: Duration, now: Duration) { polling.listed(token: token, took: took, now: now) }

    /// Forgets the directory and everything below it.
    mutating func forget(below directory: String, of spool: WatchedSpool) {
        for (path, token) in tokens[spool.slot] ?? [:] where SpoolPath.isWithin(path, directory) {
            events?.forget(token: token)
            places[token] = nil
            tokens[spool.slot]?[path] = nil
        }
        if directory.isEmpty { tokens[spool.slot] = nil }
        for (token, place) in places where place.isPolled && place.spool === spool && SpoolPath.isWithin(place.directory, directory) {
            polling.forget(token: token)
            places[token] = nil
        }
    }

    func close() {
        events?.close()
        polling.close()
    }

    private func isPolled(_ directory: String, of spool: WatchedSpool) -> Bool {
        polling.isAnyWatched
            && places.values.contains {
                $0.isPolled && $0.spool === spool && !$0.directory.isEmpty && SpoolPath.isWithin(directory, $0.directory)
            }
    }
}
