import Arrivals
import Foundation
import Glibc
import Synchronization
import TestSupport
import Testing

@testable import Watcher

/// `--once`: no time to wait, so that a file's age by its change time counts.
@Suite struct OnceTests {
    private func run(_ directories: [SpoolDirectory], later seconds: Int64, known: Bool = false) -> (
        told: [String], waiting: [WaitingFile], events: [SpoolEvent]
    ) {
        let events = Mutex<[SpoolEvent]>([])
        let watcher = SpoolWatcher(
            directories: directories,
            clock: WatchClock(
                now: WatchClock.system.now, wallNanoseconds: { WatchClock.system.wallNanoseconds() + seconds * 1_000_000_000 }),
            isKnown: { _, _ in known })
        let waiting = watcher.runOnce { new in events.withLock { $0 += new } }
        let all = events.withLock { $0 }
        return (all.compactMap { Outcome($0)?.description }, waiting, all)
    }

    @Test func oldFilesAreTakenModelsFirstThenOldest() throws {
        let base = try TemporaryDirectory("once")
        for name in ["data/b.csv", "data/a.csv", "models/m.onnx", "labelled/l.csv"] {
            try base.write(name.hasSuffix("onnx") ? Fixtures.onnx : Fixtures.csv, to: name)
            usleep(20_000)
        }
        let directories = [
            SpoolDirectory(id: "data", path: base("data"), include: ["*.csv"], order: 2),
            SpoolDirectory(id: "labelled", path: base("labelled"), include: ["*.csv"], order: 1),
            SpoolDirectory(id: "models", path: base("models"), include: ["*.onnx"], order: 0),
        ]
        let result = run(directories, later: 60)
        #expect(result.told == ["complete m.onnx quiet", "complete l.csv quiet", "complete b.csv quiet", "complete a.csv quiet"])
        #expect(result.waiting.isEmpty)
        #expect(result.events.last == .caughtUp)
        #expect(run(directories, later: 60, known: true).told.isEmpty)
    }

    @Test func whatHasNotSettledWaitsWithItsReason() throws {
        let base = try TemporaryDirectory("once")
        try base.write(Fixtures.csv, to: "young.csv")
        try base.write(Array(Fixtures.parquet.dropLast()), to: "cut.parquet")
        let directory = [SpoolDirectory(id: "d", path: base.path, include: [])]
        let young = run(directory, later: 0)
        #expect(young.told.isEmpty)
        #expect(Set(young.waiting.map(\.place.path)) == ["young.csv", "cut.parquet"])
        let older = run(directory, later: 60)
        #expect(older.told == ["complete young.csv quiet"])
        try #require(older.waiting.map(\.place.path) == ["cut.parquet"])
        #expect(older.waiting[0].reason.contains("PAR1"))
        #expect(Set(run(directory, later: 601).told) == ["complete young.csv quiet", "truncated cut.parquet"])
    }

    @Test func aFileHeldOpenForWritingWaits() throws {
        let base = try TemporaryDirectory("once")
        try base.write(Fixtures.csv, to: "a.csv")
        let descriptor = open(base("a.csv"), O_WRONLY)
        defer { close(descriptor) }
        let result = run([SpoolDirectory(id: "d", path: base.path, include: [])], later: 60)
        #expect(result.told.isEmpty)
        #expect(result.waiting.map(\.reason) == ["open for writing by another process"])
    }

    @Test func aMissingSpoolIsUnhealthy() throws {
        let base = try TemporaryDirectory("once")
        let result = run([SpoolDirectory(id: "d", path: base("none"), include: [])], later: 60)
        guard case .unhealthy("d", let reason)? = result.events.first else { Issue.record("it is not .unhealthy"); return }
        #expect(reason.contains(base("none")))
    }

    /// As root the permissions are taken from one thread only, by its file system user.
    @Test func unreadableFilesAreRefused() async throws {
        let base = try TemporaryDirectory("once")
        try base.write(Fixtures.csv, to: "secret.csv")
        try base.write(Fixtures.csv, to: "open.csv")
        try base.write(Fixtures.csv, to: "closed/inner.csv")
        #expect(chmod(base("secret.csv"), 0) == 0)
        #expect(chmod(base("closed"), 0) == 0)
        defer { chmod(base("closed"), 0o700) }
        typealias SetUser = @convention(c) (UInt32) -> CInt
        let setUser = unsafeBitCast(try #require(dlsym(nil, "setfsuid")), to: SetUser.self)
        let directories = [SpoolDirectory(id: "d", path: base.path, include: [])]
        let (told, waiting): ([String], [String]) = await withCheckedContinuation { continuation in
            let thread = Thread {
                if geteuid() == 0 { _ = setUser(65534) }
                let result = run(directories, later: 60)
                if geteuid() == 0 { _ = setUser(0) }
                continuation.resume(returning: (result.told, result.waiting.map(\.place.path)))
            }
            thread.start()
        }
        #expect(Set(told) == ["complete open.csv quiet", "refused secret.csv input.unreadable"])
        // The folder is to blame, not what is in it.
        #expect(waiting == ["closed"])
    }
}
