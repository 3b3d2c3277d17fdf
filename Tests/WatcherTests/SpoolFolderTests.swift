import Foundation
import Glibc
import Synchronization
import TestSupport
import Testing

@testable import Watcher

extension WithInotify {
    /// A spool that goes away, comes back, or is another folder by now.
    @Suite(.timeLimit(.minutes(5))) struct SpoolFolderTests {
        @Test func aDeletedSpoolIsReportedAndTakenUpAgain() async throws {
            let live = try LiveWatch()
            try await live.barrier()
            try FileManager.default.removeItem(atPath: live.spool)
            try await live.until("the fault") { $0.contains { if case .unhealthy = $0 { true } else { false } } }
            try put(to: live.spool + "/sub/a.csv")
            live.advance(.seconds(2))
            try await live.until("the recovery") { $0.contains(.healthy(spool: "s")) }
            live.advance(LiveWatch.quiet)
            try await live.until("the file") { complete($0) == ["sub/a.csv"] }
            try await live.barrier()
            try await live.stop()
        }

        @Test func aSpoolMovedAwayIsNotFollowed() async throws {
            let live = try LiveWatch()
            try await live.barrier()
            #expect(rename(live.spool, live.base("elsewhere")) == 0)
            try await live.until("the fault") { $0.contains { if case .unhealthy = $0 { true } else { false } } }
            try put(to: live.base("x.csv"))
            #expect(rename(live.base("x.csv"), live.base("elsewhere/x.csv")) == 0)
            #expect(mkdir(live.spool, 0o755) == 0)
            live.advance(.seconds(2))
            try await live.until("the recovery") { $0.contains(.healthy(spool: "s")) }
            try await live.barrier()
            #expect(complete(live.events).isEmpty)
            try await live.stop()
        }

        @Test func aDirectoryAboveTheSpoolMayBeSwapped() async throws {
            let base = try TemporaryDirectory("swap")
            try put(to: base("one/spool/.keep"))
            try put(to: base("two/spool/.keep"))
            #expect(symlink("one", base("current")) == 0)
            let seen = Mutex<[SpoolEvent]>([])
            let clock = Mutex(Duration.zero)
            let watcher = SpoolWatcher(
                directories: [SpoolDirectory(id: "s", path: base("current/spool"), include: ["*.csv"])],
                clock: WatchClock(now: { clock.withLock { $0 } }, wallNanoseconds: { 0 }), isKnown: { _, _ in false })
            let thread = Thread { watcher.run { events in seen.withLock { $0 += events } } }
            thread.start()
            func until(_ isTrue: ([SpoolEvent]) -> Bool) async throws {
                for _ in 0..<10_000 where !isTrue(seen.withLock { $0 }) { usleep(1000) }
                #expect(isTrue(seen.withLock { $0 }))
            }
            try await until { $0.contains(.caughtUp) }
            #expect(symlink("two", base("next")) == 0)
            #expect(rename(base("next"), base("current")) == 0)
            clock.withLock { $0 += .seconds(2) }
            watcher.poke()
            try await until { $0.contains(.healthy(spool: "s")) }
            try put(to: base("x.csv"))
            #expect(rename(base("x.csv"), base("two/spool/x.csv")) == 0)
            try await until { complete($0) == ["x.csv"] }
            watcher.stop()
        }

        @Test func aSpoolThatIsMissingIsWaitedFor() async throws {
            let live = try LiveWatch(starts: false)
            #expect(rmdir(live.spool) == 0)
            live.start()
            try await live.until("the fault") { $0.contains { if case .unhealthy = $0 { true } else { false } } }
            #expect(mkdir(live.spool, 0o755) == 0)
            live.advance(.seconds(2))
            try await live.until("the recovery") { $0.contains(.healthy(spool: "s")) }
            try await live.barrier()
            try await live.stop()
        }
    }
}
