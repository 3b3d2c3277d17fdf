import Arrivals

/// Keeps which hosts get no work for a while, since too much has failed there: a host whose memory or disk is broken ends every attempt
/// faster than others do theirs, and so would get most of them.
struct HostFailures {
    /// The failures within this time count together.
    private static let window: Duration = .seconds(60)
    /// The number of them at which a host gets no work.
    private static let most = 3
    /// The time for which it gets none.
    static let rest: Duration = .seconds(300)

    private var failures: [String: [(at: ContinuousClock.Instant, why: String)]] = [:]
    private var resting: [String: (until: ContinuousClock.Instant, why: String)] = [:]

    /// Takes note of a failure.
    /// - Returns: whether the host gets no work from now on.
    mutating func note(_ host: String, _ why: String, now: ContinuousClock.Instant = .now) -> Bool {
        let recent = (failures[host] ?? []).filter { now - $0.at < Self.window } + [(now, why)]
        failures[host] = recent
        guard recent.count >= Self.most, resting[host] == nil else { return false }
        resting[host] = (now + Self.rest, why)
        failures[host] = nil
        return true
    }

    /// Returns why a host gets no work; nil where it does.
    mutating func reason(for host: String, now: ContinuousClock.Instant = .now) -> String? {
        guard let rest = resting[host] else { return nil }
        guard rest.until > now else {
            resting[host] = nil
            return nil
        }
        return "\(Self.most) failures within a minute, the last one: \(rest.why)"
    }
}
