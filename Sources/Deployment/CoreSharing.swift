/// Says how the cores are shared: by so many sessions that compute at the same time, each in a process of its own with so many threads.
package struct CoreSharing: Codable, Sendable, Hashable {
    package var sessions: Int
    package var threads: Int

    package init(sessions: Int, threads: Int) {
        self.sessions = sessions
        self.threads = threads
    }

    /// Returns the ways in which one session can use the cores: all of them, and one alone.
    package static func ofOneSession(threads most: Int) -> [CoreSharing] {
        [most, 1].map { CoreSharing(sessions: 1, threads: $0) }.withoutRepeats
    }

    /// Returns the ways in which sessions can share the cores: a session for all of them, and one that uses one alone; then sessions whose
    /// number doubles, while the cores can be shared out evenly; and one for each core.
    /// - Parameter numbers: the numbers of sessions to try, none above the cores, the usual one first; nil for those above.
    package static func tried(cores: Int, sessions numbers: [Int]? = nil) -> [CoreSharing] {
        let doubling = sequence(first: 1) { $0 * 2 }.prefix { $0 < cores }.filter { cores.isMultiple(of: $0) }
        return (numbers ?? doubling + [cores]).flatMap { number in
            number == 1 ? ofOneSession(threads: cores) : [CoreSharing(sessions: number, threads: max(cores / number, 1))]
        }.withoutRepeats
    }
}

extension CoreSharing: CustomStringConvertible {
    /// Such as "2 threads" or "2 sessions of 1 thread".
    package var description: String {
        let each = "\(threads) thread\(threads == 1 ? "" : "s")"
        return sessions == 1 ? each : "\(sessions) sessions of \(each)"
    }
}

extension [CoreSharing] {
    fileprivate var withoutRepeats: Self { reduce(into: []) { if !$0.contains($1) { $0.append($1) } } }
}
