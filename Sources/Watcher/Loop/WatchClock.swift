internal import Glibc

/// Holds the two clocks of the watcher: ages are measured with the monotonic one; the other is compared with files' change times, and only
/// where there is no time to wait.
package struct WatchClock: Sendable {
    package var now: @Sendable () -> Duration
    /// Returns the nanoseconds since 1970.
    package var wallNanoseconds: @Sendable () -> Int64

    package init(now: @escaping @Sendable () -> Duration, wallNanoseconds: @escaping @Sendable () -> Int64) {
        self.now = now
        self.wallNanoseconds = wallNanoseconds
    }

    package static let system = WatchClock(
        now: { .nanoseconds(read(CLOCK_MONOTONIC)) }, wallNanoseconds: { read(CLOCK_REALTIME) })

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
