import Arrivals
import Foundation
import Logging
import Synchronization
import TestSupport
import Testing

@testable import Watcher

/// A spool whose events were lost and that cannot be attached anew, over events and a clock that the test holds.
@Suite struct AttachingTests {
    private final class Events: DirectoryEvents {
        var hasOverflowed = false
        func watch(_ path: String, token: Int, now: Duration) {}
        func forget(token: Int) {}
        func take(into events: inout [DirectoryEvent], now: Duration) {
            if hasOverflowed { events.append(.overflow) }
            hasOverflowed = false
        }
        func close() {}
    }

    /// What the loop's closures, which any thread might call, share with the test.
    private final class Surroundings: Sendable {
        let time = Mutex(Duration.seconds(100))
        /// Is called once, as the next scan begins.
        let beforeScan = Mutex<(@Sendable () -> Void)?>(nil)

        func scanBegins() {
            let action = beforeScan.withLock { action in
                defer { action = nil }
                return action
            }
            action?()
        }
    }

    private let base: TemporaryDirectory
    private let events = Events()
    private let surroundings = Surroundings()
    private let loop: WatchLoop

    init() throws {
        base = try TemporaryDirectory("attaching")
        let surroundings = surroundings
        loop = WatchLoop(
            settings: .init(
                clock: WatchClock(now: { surroundings.time.withLock { $0 } }, wallNanoseconds: { 0 }), pollInterval: .seconds(1),
                safetyInterval: .seconds(1_000_000), isKnown: { _, _ in false },
                knowsAny: { _ in
                    surroundings.scanBegins()
                    return true
                }, logger: Logger(label: "attaching") { _ in SwiftLogNoOpLogHandler() }), events: events)
        try base.write("x\n1\n", to: "in/a.csv")
        loop.replace(with: [
            SpoolDirectory(
                id: "s", path: base("in"), include: ["*.csv"], order: 2, watch: .inotify,
                settle: .init(quiet: .seconds(2), giveUp: .seconds(60)))
        ])
        _ = try round()
        try #require(loop.waiting(limit: 9).map(\.place.path) == ["a.csv"])
    }

    /// Lets time pass, and returns what the loop says then.
    private func round(after pause: Duration = .zero) throws -> [SpoolEvent] {
        surroundings.time.withLock { $0 += pause }
        loop.round()
        return loop.takeEvents()
    }

    private func move(_ name: String, to other: String) { _ = rename(base(name), base(other)) }

    /// Expects that nothing is left of the spool, and that it is attached and scanned once it is there again.
    private func expectDetached(_ said: [SpoolEvent]) throws {
        #expect(said.first == .overflowed)
        #expect(said.count { if case .unhealthy(spool: "s", _) = $0 { true } else { false } } == 1, "\(said)")
        #expect(loop.waiting(limit: 9).isEmpty && !loop.isScanning && loop.backlog == 0)
        move("away", to: "in")
        let healthy = try round(after: .seconds(1))
        #expect(healthy.contains(.healthy(spool: "s")) && healthy.contains(.rescanned(spool: "s")), "\(healthy)")
        #expect(try WithInotify.complete(round(after: .seconds(2))) == ["a.csv"])
    }

    /// The directory is gone, and is back before its place is looked at.
    @Test func aSpoolThatIsNotFoundAfterLostEventsIsDetached() throws {
        move("in", to: "away")
        events.hasOverflowed = true
        try expectDetached(round())
    }

    /// The directory is found, and gone when it is to be listed.
    @Test func aSpoolThatCannotBeListedAfterLostEventsLetsGoOfItsFiles() throws {
        let base = base
        surroundings.beforeScan.withLock { $0 = { _ = rename(base("in"), base("away")) } }
        events.hasOverflowed = true
        try expectDetached(round())
    }
}
