import Foundation
import Glibc
import Logging
import Synchronization
import TestSupport
import Testing

@testable import Watcher

extension WithInotify {
    /// What the kernel refuses, simulated at the protocol, since its limits are shared by the whole machine.
    @Suite(.timeLimit(.minutes(2))) struct LimitTests {
        /// inotify with room for a few directories only.
        private final class FewWatches: DirectoryEvents {
            private let events: InotifyEvents
            private var left: Int

            init(_ count: Int, wake: WakePipe) throws(WatcherError) {
                events = try InotifyEvents(wake: wake)
                left = count
            }

            func watch(_ path: String, token: Int, now: Duration) throws(WatcherError) {
                guard left > 0 else { throw .watchLimit(path: path) }
                left -= 1
                try events.watch(path, token: token, now: now)
            }
            func forget(token: Int) { events.forget(token: token) }
            func take(into list: inout [DirectoryEvent], now: Duration) { events.take(into: &list, now: now) }
            func close() { events.close() }
        }

        private struct Recorder: LogHandler {
            let lines: Lines
            var metadata: Logger.Metadata = [:]
            var logLevel: Logger.Level = .trace
            subscript(metadataKey key: String) -> Logger.Metadata.Value? {
                get { metadata[key] }
                set { metadata[key] = newValue }
            }
            func log(event: LogEvent) { lines.all.withLock { $0.append("\(event.message)") } }
        }

        private final class Lines: Sendable { let all = Mutex<[String]>([]) }

        private func move(_ live: LiveWatch, to name: String) throws {
            try live.base.write(Fixtures.csv, to: "x")
            try #require(rename(live.base("x"), live.spool + "/" + name) == 0)
        }

        @Test func withoutWatchesASubtreeIsPolledAndSaidOnce() async throws {
            let lines = Lines()
            let live = try LiveWatch(
                backend: .custom { wake throws(WatcherError) in try FewWatches(2, wake: wake) },
                logger: Logger(label: "limit") { _ in Recorder(lines: lines) }
            ) { spool in
                for name in ["a", "b", "c", "c/deep"] { mkdir(spool + "/" + name, 0o755) }
            }
            try await live.barrier()
            for name in ["a/1.csv", "b/2.csv", "c/3.csv", "c/deep/4.csv"] { try move(live, to: name) }
            for _ in 0..<4 {
                live.advance(LiveWatch.quiet)
                try await live.barrier()
            }
            let told = Set(live.outcomes.map(\.description).map { String($0.split(separator: " ")[1]) })
            #expect(told == ["a/1.csv", "b/2.csv", "c/3.csv", "c/deep/4.csv"])
            #expect(lines.all.withLock { $0.count { $0.contains("fs.inotify.max_user_watches") } } == 1)
            try await live.stop()
        }

        @Test func withoutAnInstanceEverythingIsPolled() async throws {
            let live = try LiveWatch(backend: .custom { _ throws(WatcherError) in throw WatcherError.noInstance(errno: EMFILE) })
            try await live.until("the scan") { $0.contains(.rescanned(spool: "s")) }
            try move(live, to: "a.csv")
            for _ in 0..<4 {
                live.advance(LiveWatch.quiet)
                try await live.scanBarrier()
            }
            #expect(live.outcomes == [Outcome("complete a.csv quiet")])
            try await live.stop()
        }

        @Test func aPolledDirectoryFindsOnItsOwn() async throws {
            let live = try LiveWatch(watch: .poll)
            try await live.until("the scan") { $0.contains(.rescanned(spool: "s")) }
            try move(live, to: "a.csv")
            for _ in 0..<20 where live.outcomes.isEmpty {
                live.advance(.milliseconds(500))
                usleep(20000)
            }
            try await live.until("the file") { events in events.contains { Outcome($0) == Outcome("complete a.csv quiet") } }
            #expect(live.events.count { if case .rescanned = $0 { true } else { false } } == 1, "a poll is no rescan")
            try await live.stop()
        }
    }
}
