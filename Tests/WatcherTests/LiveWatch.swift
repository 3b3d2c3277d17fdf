import Arrivals
import Foundation
import Glibc
import Logging
import Reasons
import Synchronization
import TestSupport
import Testing

@testable import Watcher

extension SpoolWatcher {
    /// Scans everything soon, as after an overflow.
    func rescan() { tell { $0.scanAll() } }

    /// Looks at the time again, which the test has moved.
    func poke() { tell { _ in } }

    /// Returns the files that are not settled.
    func waiting() async -> [WaitingFile] {
        await withCheckedContinuation { answer in tell { answer.resume(returning: $0.waiting(limit: 1000)) } }
    }
}

/// A watcher at work over a directory of its own. Events are real; time is not: quiet times pass when the test says so.
final class LiveWatch: Sendable {
    struct Collected: Sendable {
        var events: [SpoolEvent] = []
        var known: Set<String> = []
        var isKnownAsked = 0
    }

    enum Patience: Error { case ran(out: String) }

    static let quiet = Duration.seconds(2)
    static let giveUp = Duration.seconds(60)
    static let pollInterval = Duration.seconds(1)

    let base: TemporaryDirectory
    let spool: String
    let watcher: SpoolWatcher
    private let clock: Mutex<Duration>
    private let collected: Mutex<Collected>
    private let thread: Mutex<Bool>
    private let hold: Mutex<Bool>

    /// - Parameters:
    ///   - known: what is on record when the watch starts.
    ///   - prepare: fills the spool before the watch starts.
    init(
        include: [String] = ["*.csv", "*.parquet", "*.onnx", "*.jsonl", "*.npy", "barrier-*"], order: Int = 0,
        watch: SpoolDirectory.WatchMode = .inotify,
        backend: SpoolWatcher.Backend = .automatic, signatures: SpoolDirectory.Signatures = .ignored, remembers: Bool = true,
        starts: Bool = true, logger: Logger = Logger(label: "test"),
        prepare: (String) throws -> Void = { _ in }
    ) throws {
        base = try TemporaryDirectory("watch")
        spool = base("spool")
        try FileManager.default.createDirectory(atPath: spool, withIntermediateDirectories: true)
        try prepare(spool)
        let clock = Mutex(Duration.seconds(1000))
        let collected = Mutex(Collected())
        self.clock = clock
        self.collected = collected
        thread = Mutex(false)
        hold = Mutex(false)
        let directory = SpoolDirectory(
            id: "s", path: spool, include: include, order: order, watch: watch, settle: .init(quiet: Self.quiet, giveUp: Self.giveUp),
            signatures: signatures)
        let box = Box()
        watcher = SpoolWatcher(
            directories: [directory], backend: backend,
            clock: WatchClock(now: { box.now() }, wallNanoseconds: WatchClock.system.wallNanoseconds), safetyRescan: .seconds(1_000_000),
            pollInterval: Self.pollInterval, logger: logger,
            isKnown: { place, stamp in remembers && box.isKnown(place.path, stamp) })
        box.set(
            now: { [unowned self] in self.clock.withLock { $0 } },
            isKnown: { [unowned self] path, stamp in
                self.collected.withLock { collected in
                    collected.isKnownAsked += 1
                    return collected.known.contains("\(path) \(stamp)")
                }
            })
        if starts { start() }
    }

    /// Ties the watcher's closures, made before `self` is, to it.
    private final class Box: Sendable {
        private let content = Mutex<(now: @Sendable () -> Duration, isKnown: @Sendable (String, FileStamp) -> Bool)>(
            ({ .zero }, { _, _ in false }))
        func set(now: @escaping @Sendable () -> Duration, isKnown: @escaping @Sendable (String, FileStamp) -> Bool) {
            content.withLock { $0 = (now, isKnown) }
        }
        func now() -> Duration { content.withLock(\.now)() }
        func isKnown(_ path: String, _ stamp: FileStamp) -> Bool { content.withLock(\.isKnown)(path, stamp) }
    }

    func start() {
        thread.withLock { $0 = true }
        let thread = Thread { [self] in
            watcher.run { [self] in receive($0) }
            self.thread.withLock { $0 = false }
        }
        thread.start()
    }

    func receive(_ events: [SpoolEvent]) {
        while hold.withLock({ $0 }) { usleep(500) }
        collected.withLock { collected in
            for event in events {
                switch event {
                case .complete(let file): collected.known.insert("\(file.place.path) \(file.stamp)")
                case .truncated(let file): collected.known.insert("\(file.place.path) \(file.stamp)")
                case .refused(let file): if let stamp = file.stamp { collected.known.insert("\(file.place.path) \(stamp)") }
                default: break
                }
            }
            collected.events += events
        }
    }

    func stop() async throws {
        watcher.stop()
        try await until("the watch to end") { _ in !self.thread.withLock { $0 } }
    }

    var events: [SpoolEvent] { collected.withLock(\.events) }
    var questions: Int { collected.withLock(\.isKnownAsked) }
    func holdDelivery(_ isHeld: Bool) { hold.withLock { $0 = isHeld } }

    func advance(_ duration: Duration) {
        clock.withLock { $0 += duration }
        watcher.poke()
    }

    func until(_ what: String, seconds: Double = 30, _ isTrue: @Sendable ([SpoolEvent]) -> Bool) async throws {
        let end = Date().addingTimeInterval(seconds)
        while !isTrue(events) {
            if Date() > end { throw Patience.ran(out: "waited for \(what); came: \(events.map(Outcome.describe))") }
            usleep(1000)
        }
    }

    private static let barriers = Atomic(0)

    /// Returns when everything that was done before the call has been heard and judged as far as the time allows.
    func barrier() async throws {
        try await until("the first scan") { $0.contains(.rescanned(spool: "s")) }
        let number = Self.barriers.add(1, ordering: .relaxed).newValue
        let name = "barrier-\(number)"
        try Data("x".utf8).write(to: URL(fileURLWithPath: base(name)))
        try #require(rename(base(name), spool + "/" + name) == 0)
        try await until("the barrier") { $0.contains { if case .complete(let file) = $0 { file.place.path == name } else { false } } }
        unlink(spool + "/" + name)
    }

    /// The same for a watch that polls.
    func scanBarrier() async throws {
        let before = events.count { if case .rescanned = $0 { true } else { false } }
        watcher.rescan()
        try await until("the scan") { $0.count { if case .rescanned = $0 { true } else { false } } > before }
    }

    /// What was said about files, without the barriers and the reports of scans.
    var outcomes: [Outcome] { events.compactMap(Outcome.init) }
}

/// An event about a file, as scenarios spell it.
struct Outcome: Hashable, Sendable, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }

    init?(_ event: SpoolEvent) {
        switch event {
        case .complete(let file) where file.place.path.hasPrefix("barrier-"): return nil
        case .gone(let place) where place.path.hasPrefix("barrier-"): return nil
        case .complete(let file): description = "complete \(file.place.path) \(file.settledBy.rawValue)"
        case .truncated(let file): description = "truncated \(file.place.path)"
        case .refused(let file): description = "refused \(file.place.path) \(file.explanation.rule)"
        case .gone(let place): description = "gone \(place.path)"
        default: return nil
        }
    }

    static func describe(_ event: SpoolEvent) -> String { Outcome(event)?.description ?? "\(event)" }
}
