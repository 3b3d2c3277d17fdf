import Foundation
import Glibc
import Synchronization
import TestSupport
import Testing

@testable import Watcher

extension WithInotify {
    /// A live watcher in cases that no single writer makes.
    @Suite(.timeLimit(.minutes(5))) struct LiveTests {
        private func complete(_ events: [SpoolEvent]) -> [String] {
            events.compactMap { if case .complete(let file) = $0, !file.relativePath.hasPrefix("barrier-") { file.relativePath } else { nil } }
        }

        private func write(_ bytes: [UInt8] = Fixtures.csv, to path: String) throws {
            try FileManager.default.createDirectory(atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
            try Data(bytes).write(to: URL(fileURLWithPath: path))
        }

        @Test func twoThousandNewDirectoriesLoseNothing() async throws {
            let live = try LiveWatch(include: ["*.csv", "barrier-*"])
            try await live.barrier()
            for index in 0..<2000 { try write(to: live.spool + "/p=\(index % 50)/q=\(index)/data.csv") }
            try await live.barrier()
            live.advance(LiveWatch.quiet)
            let expected = Set((0..<2000).map { "p=\($0 % 50)/q=\($0)/data.csv" })
            try await live.until("all files") { Set(complete($0)) == expected }
            #expect(complete(live.events).count == 2000, "none is told twice")
            try await live.stop()
        }

        @Test func aMovedDirectoryIsHeardUnderItsNewName() async throws {
            let live = try LiveWatch()
            try await live.barrier()
            try write(to: live.spool + "/a/deep/1.csv")
            try await live.barrier()
            live.advance(LiveWatch.quiet)
            try await live.until("the first") { complete($0) == ["a/deep/1.csv"] }
            #expect(rename(live.spool + "/a", live.spool + "/b") == 0)
            try await live.barrier()
            #expect(live.outcomes.contains(Outcome("gone a")))
            live.advance(LiveWatch.quiet)
            try await live.until("the moved") { complete($0).contains("b/deep/1.csv") }
            try write(to: live.base("x.csv"))
            #expect(rename(live.base("x.csv"), live.spool + "/b/deep/2.csv") == 0)
            try await live.barrier()
            #expect(live.outcomes.last == Outcome("complete b/deep/2.csv renamed"))
            try await live.stop()
        }

        @Test func aDirectoryMovedOutIsNoLongerHeard() async throws {
            let live = try LiveWatch()
            try await live.barrier()
            try write(to: live.spool + "/a/1.csv")
            try await live.barrier()
            #expect(rename(live.spool + "/a", live.base("a")) == 0)
            try await live.barrier()
            try write(to: live.base("x.csv"))
            #expect(rename(live.base("x.csv"), live.base("a/2.csv")) == 0)
            try await live.barrier()
            live.advance(LiveWatch.quiet)
            try await live.barrier()
            #expect(complete(live.events).isEmpty)
            try await live.stop()
        }

        @Test func filesDroppedWhileDownAreFoundInTheirOrder() async throws {
            let live = try LiveWatch(starts: false) { spool in
                for name in ["c.csv", "a.csv", "b.parquet", "sub/d.csv"] {
                    try write(name.hasSuffix("csv") ? Fixtures.csv : Fixtures.parquet, to: spool + "/" + name)
                    usleep(20_000)
                }
            }
            live.start()
            try await live.until("the scan") { $0.contains(.rescanned(directory: "s")) }
            #expect(!live.events.contains(.caughtUp))
            live.advance(LiveWatch.quiet)
            try await live.until("the end") { $0.contains(.caughtUp) }
            #expect(complete(live.events) == ["c.csv", "a.csv", "b.parquet", "sub/d.csv"])
            #expect(live.events.last == .caughtUp)
            try await live.stop()
        }

        @Test func knownFilesCostOneQuestionAndNoMemory() async throws {
            let live = try LiveWatch(starts: false) { spool in for index in 0..<500 { try write(to: spool + "/\(index).csv") } }
            for index in 0..<500 {
                let file = CompleteFile(
                    directory: "s", relativePath: "\(index).csv", stamp: FileStamp(path: live.spool + "/\(index).csv")!, seal: nil, evidence: .quiet,
                    companions: [], endsWithNewline: nil, sequence: 0, settledIn: .zero)
                live.receive([.complete(file)])
            }
            let before = complete(live.events).count
            live.start()
            try await live.until("the end of the scan") { $0.contains(.caughtUp) }
            #expect(complete(live.events).count == before)
            #expect(live.questions == 500)
            #expect(await live.watcher.waiting().isEmpty)
            try await live.stop()
        }

        @Test func theSameNameWithNewContentIsToldAgain() async throws {
            let live = try LiveWatch()
            try await live.barrier()
            for round in 1...3 {
                try write(Fixtures.csv + Array("\(round),\(round)\n".utf8), to: live.base("x"))
                #expect(rename(live.base("x"), live.spool + "/a.csv") == 0)
                try await live.barrier()
                #expect(complete(live.events) == Array(repeating: "a.csv", count: round))
            }
            try await live.stop()
        }

        @Test func aDroppedQueueIsReportedAndLosesNoFile() async throws {
            let live = try LiveWatch()
            try await live.barrier()
            live.holdDelivery(true)
            try write(to: live.base("0.csv"))
            #expect(rename(live.base("0.csv"), live.spool + "/0.csv") == 0)
            try write(to: live.spool + "/.x")
            try write(to: live.spool + "/.y")
            var times = [timeval(tv_sec: 1, tv_usec: 0), timeval(tv_sec: 1, tv_usec: 0)]
            // More than our own queue and the kernel's hold; two files in turn, since the kernel merges equal neighbours.
            for _ in 0..<150_000 {
                utimes(live.spool + "/.x", &times)
                utimes(live.spool + "/.y", &times)
            }
            for index in 1...50 {
                try write(to: live.base("x.csv"))
                #expect(rename(live.base("x.csv"), live.spool + "/\(index).csv") == 0)
            }
            try write(to: live.spool + "/new/deep/51.csv")
            live.holdDelivery(false)
            try await live.until("the report") { $0.contains(.overflowed) }
            try await live.barrier()
            live.advance(LiveWatch.quiet)
            let expected = Set((0...50).map { "\($0).csv" } + ["new/deep/51.csv"])
            try await live.until("every file") { Set(complete($0)) == expected }
            #expect(complete(live.events).count == 52)
            // The directory that was made unheard is watched.
            try write(to: live.base("x.csv"))
            #expect(rename(live.base("x.csv"), live.spool + "/new/deep/52.csv") == 0)
            try await live.barrier()
            #expect(live.outcomes.last == Outcome("complete new/deep/52.csv renamed"))
            try await live.stop()
        }

        /// Makes events on two files in turn, since the kernel merges equal neighbours.
        private func touch(_ names: [String], in spool: String, times count: Int) {
            var times = [timeval(tv_sec: 1, tv_usec: 0), timeval(tv_sec: 1, tv_usec: 0)]
            for index in 0..<count { utimes(spool + "/" + names[index % names.count], &times) }
        }

        /// More than the kernel's queue holds, and far less than ours.
        @Test func anOverflowOfTheKernelsQueueAloneIsReported() async throws {
            let live = try LiveWatch()
            try await live.barrier()
            for name in [".x", ".y"] { try write(to: live.spool + "/" + name) }
            try await live.barrier()
            let count = (InotifyEvents.queueLimit ?? 16_384) + 8192
            try #require(count < InotifyInstance.queueLimit)
            try InotifyInstance.shared.get().withholding {
                touch([".x", ".y"], in: live.spool, times: count)
                try write(to: live.base("x.csv"))
                #expect(rename(live.base("x.csv"), live.spool + "/1.csv") == 0)
            }
            try await live.until("the report") { $0.contains(.overflowed) }
            try await live.barrier()
            live.advance(LiveWatch.quiet)
            try await live.until("the file that nobody heard of") { complete($0) == ["1.csv"] }
            try await live.stop()
        }

        /// More than our own queue holds, while the kernel's is read all the time.
        @Test func anOverflowOfOurOwnQueueAloneIsReported() async throws {
            let live = try LiveWatch()
            try await live.barrier()
            for name in [".x", ".y"] { try write(to: live.spool + "/" + name) }
            try await live.barrier()
            let kernel = try InotifyInstance.shared.get().descriptor
            live.holdDelivery(true)
            try write(to: live.base("x.csv"))
            #expect(rename(live.base("x.csv"), live.spool + "/0.csv") == 0)
            for _ in 0..<(InotifyInstance.queueLimit / 4096 + 2) {
                touch([".x", ".y"], in: live.spool, times: 4096)
                // Until the reading thread has them all.
                var left: CInt = 1
                while left > 0 {
                    try #require(ioctl(kernel, UInt(FIONREAD), &left) == 0)
                    if left > 0 { usleep(1000) }
                }
            }
            try write(to: live.base("x.csv"))
            #expect(rename(live.base("x.csv"), live.spool + "/1.csv") == 0)
            live.holdDelivery(false)
            try await live.until("the report") { $0.contains(.overflowed) }
            try await live.barrier()
            live.advance(LiveWatch.quiet)
            try await live.until("the file that nobody heard of") { Set(complete($0)) == ["0.csv", "1.csv"] }
            try await live.stop()
        }

        @Test func aDeletedSpoolIsReportedAndTakenUpAgain() async throws {
            let live = try LiveWatch()
            try await live.barrier()
            try FileManager.default.removeItem(atPath: live.spool)
            try await live.until("the fault") { $0.contains { if case .unhealthy = $0 { true } else { false } } }
            try write(to: live.spool + "/sub/a.csv")
            live.advance(.seconds(2))
            try await live.until("the recovery") { $0.contains(.healthy(directory: "s")) }
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
            try write(to: live.base("x.csv"))
            #expect(rename(live.base("x.csv"), live.base("elsewhere/x.csv")) == 0)
            #expect(mkdir(live.spool, 0o755) == 0)
            live.advance(.seconds(2))
            try await live.until("the recovery") { $0.contains(.healthy(directory: "s")) }
            try await live.barrier()
            #expect(complete(live.events).isEmpty)
            try await live.stop()
        }

        @Test func aDirectoryAboveTheSpoolMayBeSwapped() async throws {
            let base = try TemporaryDirectory("swap")
            try write(to: base("one/spool/.keep"))
            try write(to: base("two/spool/.keep"))
            #expect(symlink("one", base("current")) == 0)
            let seen = Mutex<[SpoolEvent]>([])
            let clock = Mutex(Duration.zero)
            let watcher = SpoolWatcher(
                directories: [SpoolDirectory(id: "s", path: base("current/spool"), include: ["*.csv"])],
                clock: WatchClock(now: { clock.withLock { $0 } }, wallNanoseconds: { 0 }), isKnown: { _, _, _ in false })
            let thread = Thread { watcher.run { events in seen.withLock { $0 += events } } }
            thread.start()
            func until(_ isTrue: ([SpoolEvent]) -> Bool) async throws {
                for _ in 0..<10_000 where !isTrue(seen.withLock { $0 }) { try await Task.sleep(for: .milliseconds(1)) }
                #expect(isTrue(seen.withLock { $0 }))
            }
            try await until { $0.contains(.caughtUp) }
            #expect(symlink("two", base("next")) == 0)
            #expect(rename(base("next"), base("current")) == 0)
            clock.withLock { $0 += .seconds(2) }
            watcher.poke()
            try await until { $0.contains(.healthy(directory: "s")) }
            try write(to: base("x.csv"))
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
            try await live.until("the recovery") { $0.contains(.healthy(directory: "s")) }
            try await live.barrier()
            try await live.stop()
        }

        @Test(arguments: [false, true]) func specialFilesAreRefusedByRule(_ isHeard: Bool) async throws {
            let make: (String) throws -> Void = { spool in
                try write(to: spool + "/real.csv")
                #expect(mkfifo(spool + "/fifo.csv", 0o644) == 0)
                #expect(symlink("nowhere", spool + "/dangling.csv") == 0)
                #expect(symlink("/etc/hostname", spool + "/outward.csv") == 0)
                #expect(symlink("real.csv", spool + "/inside.csv") == 0)
                #expect(symlink(".", spool + "/loop.csv") == 0)
                try write(to: spool + "/line\nbreak.csv")
                let bytes: [CChar] = Array(spool.utf8CString.dropLast()) + "/bad".utf8CString.dropLast() + [CChar(bitPattern: 0xFF)] + ".csv".utf8CString
                let descriptor = open(bytes, O_CREAT | O_WRONLY, 0o644)
                #expect(descriptor >= 0)
                close(descriptor)
                if geteuid() == 0 { #expect(mknod(spool + "/device.csv", S_IFCHR | 0o644, 0x0103) == 0) }
            }
            let live = try LiveWatch(prepare: isHeard ? { _ in } : make)
            try await live.barrier()
            if isHeard { try make(live.spool) }
            try await live.barrier()
            live.advance(LiveWatch.quiet)
            try await live.barrier()
            var expected: Set<String> = [
                "refused fifo.csv special.fifo", "refused dangling.csv link.dangling", "refused outward.csv link.outward",
                "refused line\nbreak.csv name.control", "refused bad\u{FFFD}.csv name.encoding",
            ]
            if geteuid() == 0 { expected.insert("refused device.csv special.device") }
            let refused = live.outcomes.map(\.description).filter { $0.hasPrefix("refused") }
            #expect(Set(refused) == expected)
            #expect(refused.count == expected.count, "each once")
            #expect(Set(complete(live.events)) == ["real.csv", "inside.csv"])
            live.watcher.rescan()
            try await live.barrier()
            #expect(live.outcomes.count { $0.description.hasPrefix("refused") } == expected.count, "a scan does not refuse again")
            try await live.stop()
        }

        @Test func unsafeExternalDataIsRefused() async throws {
            let live = try LiveWatch()
            try await live.barrier()
            try write(TinyModel.withExternalData(location: "../w.bin"), to: live.base("m"))
            #expect(rename(live.base("m"), live.spool + "/m.onnx") == 0)
            try await live.barrier()
            live.advance(LiveWatch.quiet)
            try await live.barrier()
            #expect(live.outcomes == [Outcome("refused m.onnx model.external-data.outside")])
            try await live.stop()
        }

        @Test func dataReplacedUnderADeliveredModelTellsTheModelAgain() async throws {
            let live = try LiveWatch()
            try await live.barrier()
            try write([UInt8](repeating: 1, count: 64), to: live.spool + "/f.onnx.data")
            try write(TinyModel.withExternalData(location: "f.onnx.data", length: 64), to: live.base("m"))
            #expect(rename(live.base("m"), live.spool + "/f.onnx") == 0)
            try await live.barrier()
            #expect(complete(live.events) == ["f.onnx"])
            try write([UInt8](repeating: 2, count: 64), to: live.base("d"))
            #expect(rename(live.base("d"), live.spool + "/f.onnx.data") == 0)
            try await live.barrier()
            live.advance(LiveWatch.quiet)
            try await live.barrier()
            #expect(complete(live.events) == ["f.onnx", "f.onnx"])
            guard case .complete(let file)? = live.events.last(where: { if case .complete(let file) = $0 { file.relativePath == "f.onnx" } else { false } })
            else { return #expect(Bool(false)) }
            #expect(file.companions == ["f.onnx.data"])
            #expect(file.stamp == FileStamp(path: live.spool + "/f.onnx", companions: [live.spool + "/f.onnx.data"]))
            live.watcher.rescan()
            try await live.barrier()
            live.advance(LiveWatch.quiet)
            try await live.barrier()
            #expect(complete(live.events).count == 2, "a scan knows the model with its data")
            try await live.stop()
        }

        @Test func aFileHeldOpenForWritingIsNotTaken() async throws {
            let live = try LiveWatch(starts: false) { try write(to: $0 + "/a.csv") }
            let descriptor = open(live.spool + "/a.csv", O_WRONLY | O_APPEND)
            live.start()
            try await live.barrier()
            live.advance(LiveWatch.quiet)
            try await live.barrier()
            #expect(complete(live.events).isEmpty)
            #expect(await live.watcher.waiting().map(\.reason) == ["open for writing by another process"])
            close(descriptor)
            try await live.barrier()
            live.advance(LiveWatch.quiet)
            try await live.barrier()
            #expect(complete(live.events) == ["a.csv"])
            try await live.stop()
        }

        @Test func directoriesAreReplacedWhileItRuns() async throws {
            let live = try LiveWatch(include: ["*.csv", "barrier-*"])
            try await live.barrier()
            try write(to: live.base("other/b.jsonl"))
            let other = SpoolDirectory(id: "o", path: live.base("other"), include: ["*.jsonl"], order: 2)
            var first = SpoolDirectory(id: "s", path: live.spool, include: ["*.npy", "barrier-*"], order: 0)
            first.settle = .init(quiet: LiveWatch.quiet, giveUp: LiveWatch.giveUp)
            live.watcher.update(directories: [first, other])
            try await live.until("the new directory") { $0.contains(.rescanned(directory: "o")) }
            try write(to: live.base("x"))
            #expect(rename(live.base("x"), live.spool + "/x.csv") == 0)
            try await live.barrier()
            live.advance(LiveWatch.quiet)
            try await live.until("its file") { complete($0) == ["b.jsonl"] }
            live.watcher.update(directories: [first])
            try await live.barrier()
            try write(to: live.base("other/c.jsonl"))
            live.advance(LiveWatch.quiet)
            try await live.barrier()
            #expect(complete(live.events) == ["b.jsonl"], "neither the dropped pattern nor the dropped directory is heard")
            try await live.stop()
        }

        @Test func twoWatchersHearTheSameDirectory() async throws {
            let first = try LiveWatch()
            let second = try LiveWatch()
            second.watcher.update(directories: [SpoolDirectory(id: "s", path: first.spool, include: ["*.csv", "barrier-*"], order: 0)])
            try await second.until("the change") { $0.count { if case .rescanned = $0 { true } else { false } } == 2 }
            try await first.barrier()
            for index in 0..<20 {
                try write(to: first.base("x.csv"))
                #expect(rename(first.base("x.csv"), first.spool + "/\(index).csv") == 0)
            }
            let all = Set((0..<20).map { "\($0).csv" })
            try await first.until("the first") { Set(complete($0)) == all }
            try await second.until("the second") { Set(complete($0)) == all }
            try await first.stop()
            try write(to: first.base("x.csv"))
            #expect(rename(first.base("x.csv"), first.spool + "/last.csv") == 0)
            try await second.until("the survivor") { complete($0).contains("last.csv") }
            try await second.stop()
        }

        @Test func nothingStaysOpen() async throws {
            var path = ""
            for _ in 0..<5 {
                let live = try LiveWatch()
                path = live.base.path
                try write(to: live.spool + "/a/b/c.parquet")
                try await live.barrier()
                live.advance(LiveWatch.quiet)
                try await live.barrier()
                try await live.stop()
            }
            let targets = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
                .compactMap { try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/" + $0) }
            #expect(targets.count { $0 == "anon_inode:inotify" } == 1, "one instance for the whole process")
            #expect(!targets.contains { $0.hasPrefix(path) })
        }

        @Test func theInstanceIsNotInherited() throws {
            let instance = try InotifyInstance.shared.get()
            #expect(fcntl(instance.descriptor, F_GETFD) & FD_CLOEXEC != 0)
            #expect(InotifyEvents.queueLimit ?? 0 > 0)
        }
    }
}
