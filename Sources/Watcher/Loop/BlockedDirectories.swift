internal import Names

/// Keeps the directories of one spool, relative to it, that cannot be listed or looked into, with the reasons. They are tried again, less
/// often the longer it takes.
struct BlockedDirectories {
    private static let firstPause: Duration = .seconds(1)
    private static let longestPause: Duration = .seconds(10)

    private var reasons: NameMap<String> = [:]
    private var retryAt: Duration = .zero
    private var pause: Duration = .zero

    /// All blocked directories by name, with the reasons.
    var all: [(directory: String, reason: String)] {
        reasons.sorted { Name($0.key) < Name($1.key) }.map { (directory: $0.key, reason: $0.value) }
    }

    var directories: [String] { Array(reasons.keys) }

    func contains(_ directory: String) -> Bool { reasons[directory] != nil }

    /// Adds a directory that cannot be listed or looked into.
    /// - Returns: whether the directory was not blocked before.
    mutating func insert(_ directory: String, _ reason: String, now: Duration) -> Bool {
        let isNews = reasons[directory] == nil
        reasons[directory] = reason
        if isNews {
            pause = Self.firstPause
            retryAt = now + pause
        }
        return isNews
    }

    mutating func remove(_ directory: String) { reasons[directory] = nil }

    func isRetryDue(at now: Duration) -> Bool { !reasons.isEmpty && now >= retryAt }

    /// Sets the next try after one that went from `start` to `end`: never more than a tenth of the time goes into tries.
    mutating func retried(from start: Duration, to end: Duration) {
        pause = min(pause * 2, Self.longestPause)
        retryAt = end + max(pause, (end - start) * 10)
    }
}

extension WatchedSpool {
    /// Takes note that something in the directory cannot be looked at. All of it is scanned again once it can be.
    func block(_ directory: String, _ reason: String, now: Duration, _ out: inout OutgoingEvents) {
        guard blocked.insert(directory, reason, now: now) else { return }
        out.send(.blocked(place(of: directory), reason: reason))
    }

    /// Blocks the directory of a file that the machine does not let be looked at.
    func blockDirectory(of path: String, errno code: CInt, now: Duration, _ out: inout OutgoingEvents) {
        let directory = SpoolPath.split(path).directory
        block(directory, WatcherError.cannotList(path: self.path(of: directory), errno: code).description, now: now, &out)
    }

    /// Takes back what was reported of directories that can be looked into again, or are gone.
    func unblock(_ out: inout OutgoingEvents, where isMeant: (String) -> Bool) {
        for directory in blocked.directories where isMeant(directory) {
            blocked.remove(directory)
            out.send(.unblocked(place(of: directory)))
        }
    }
}
