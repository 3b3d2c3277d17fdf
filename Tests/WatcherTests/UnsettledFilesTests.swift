import Arrivals
import Glibc
import Names
import Synchronization
import TestSupport
import Testing

@testable import Watcher

/// The files of a watch between first sight and their events, without a watch.
@Suite struct UnsettledFilesTests {
    private let base: TemporaryDirectory
    private let spool: WatchedSpool

    init() throws {
        base = try TemporaryDirectory("unsettled")
        spool = WatchedSpool(
            slot: 1,
            directory: SpoolDirectory(
                id: "s", path: base.path, include: ["*.csv", "*.npy", "*.onnx"], order: 0,
                settle: .init(quiet: .seconds(2), giveUp: .seconds(60))))
        try spool.attach(hasInotify: false)
    }

    private func stamp(_ path: String) throws -> FileStamp { try #require(FileStamp(path: base(path))) }

    /// Calls `body` with files and events over a clock that stands still until the test moves it.
    private func withFiles(_ body: (inout UnsettledFiles, inout OutgoingEvents, _ pass: (Duration) -> Void) throws -> Void) rethrows {
        let clock = Clock()
        var files = UnsettledFiles(clock: WatchClock(now: { clock.now }, wallNanoseconds: { 0 }), hasRoom: { _ in true })
        var out = OutgoingEvents(isKnown: { _, _ in false })
        try body(&files, &out) { clock.pass($0) }
    }

    private final class Clock: Sendable {
        private let time = Mutex(Duration.seconds(100))
        var now: Duration { time.withLock { $0 } }
        func pass(_ duration: Duration) { time.withLock { $0 += duration } }
    }

    @Test func whatIsHeardSettlesAndIsForgottenBelowItsDirectory() throws {
        for path in ["a.csv", "d/b.csv", "d/deep/c.csv"] { try base.write("x\n1\n", to: path) }
        withFiles { files, out, _ in
            for path in ["a.csv", "d/b.csv", "d/deep/c.csv"] { files.hear(.found, of: path, in: spool, &out) }
            #expect(files.counts.pending == 3 && files.backlog == 0 && out.count == 0 && files.wakeTime == .seconds(102))
            files.forget(below: "d", in: spool)
            #expect(files.isPending("a.csv", in: spool) && !files.isUnsettled("d/b.csv", in: spool) && files.counts.pending == 1)
            files.forget("a.csv", in: spool)
            #expect(files.counts.pending == 0)
        }
    }

    @Test func whatAScanFoundIsBacklogUntilItWasLookedAt() throws {
        try base.write("x\n1\n", to: "a.csv")
        try base.write("x\n1\n", to: "b.csv")
        try withFiles { files, out, pass in
            for path in ["a.csv", "b.csv"] { files.start(path, try stamp(path), in: spool, isBacklog: true, &out) }
            files.start("a.csv", try stamp("a.csv"), in: spool, isBacklog: true, &out)
            #expect(files.backlog == 2 && files.counts.pending == 2)
            files.forget("b.csv", in: spool)
            #expect(files.backlog == 1)
            files.settleDue(&out)
            #expect(files.backlog == 1 && out.count == 0, "before its quiet time")
            pass(.seconds(2))
            files.settleDue(&out)
            let sent = out.take()
            #expect(files.backlog == 0 && files.counts.pending == 0 && sent.count == 1)
            if case .complete(let file)? = sent.first {
                #expect(file.place.path == "a.csv" && file.settledBy == .quiet && file.settledIn == .seconds(2))
            } else {
                Issue.record("\(sent)")
            }
        }
    }

    @Test func aForeignFileIsReportedOnceAndWaits() throws {
        try base.write("<html>", to: "a.npy")
        withFiles { files, out, pass in
            files.hear(.found, of: "a.npy", in: spool, &out)
            for _ in 0..<3 {
                pass(.seconds(5))
                files.settleDue(&out)
            }
            let reason = ForeignContent.htmlPage.reason
            #expect(out.take() == [.foreign(WaitingFile(place: SpoolPlace("s", "a.npy"), reason: reason))])
            #expect(files.waiting(in: spool, limit: 9).map(\.reason) == [reason] && files.waiting(in: spool, limit: 0).isEmpty)
        }
    }

    @Test func modelsThatSettleAreKnownByTheirDirectories() throws {
        for path in ["m.onnx", "d/n.onnx", "d/a.csv"] { try base.write("x", to: path) }
        withFiles { files, out, _ in
            for path in ["m.onnx", "d/n.onnx", "d/a.csv"] { files.hear(.found, of: path, in: spool, &out) }
            let models = files.pendingModels(in: spool)
            #expect(models[""] == ["m.onnx"] && models["d"] == ["d/n.onnx"] && models.count == 2)
        }
    }

    @Test func withoutTimeToWaitTheOldestIsTakenFirst() throws {
        for path in ["b.csv", "a.csv"] {
            try base.write("x\n1\n", to: path)
            // Change times move with the kernel's tick.
            usleep(20_000)
        }
        withFiles { files, out, _ in
            for path in ["a.csv", "b.csv"] { files.hear(.found, of: path, in: spool, &out) }
            #expect(files.takePending().map(\.path) == ["b.csv", "a.csv"] && files.counts.pending == 0)
        }
    }

    @Test func theStateOfAWaitingFileDoesNotGrow() { #expect(MemoryLayout<Settling>.size <= 216) }

    @Test func aPostStaysAndWakesTheThreadThatWaits() {
        let mailbox = Mailbox(0)
        mailbox.take { $0 += 1 }
        mailbox.post { $0 += 1 }
        let start = WatchClock.system.now()
        mailbox.wake.wait(timeout: .seconds(20))
        #expect(WatchClock.system.now() - start < .seconds(10) && mailbox.take { $0 } == 2)
    }
}
