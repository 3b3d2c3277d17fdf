import Arrivals
import Foundation
import Glibc
import TestSupport
import Testing

@testable import Watcher

extension WithInotify {
    /// A live watcher in cases that no single writer makes.
    @Suite(.timeLimit(.minutes(5))) struct LiveTests {
        @Test func twoThousandNewDirectoriesLoseNothing() async throws {
            let live = try LiveWatch(include: ["*.csv", "barrier-*"])
            try await live.barrier()
            for index in 0..<2000 { try put(to: live.spool + "/p=\(index % 50)/q=\(index)/data.csv") }
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
            try put(to: live.spool + "/a/deep/1.csv")
            try await live.barrier()
            live.advance(LiveWatch.quiet)
            try await live.until("the first") { complete($0) == ["a/deep/1.csv"] }
            #expect(rename(live.spool + "/a", live.spool + "/b") == 0)
            try await live.barrier()
            #expect(live.outcomes.contains(Outcome("gone a")))
            live.advance(LiveWatch.quiet)
            try await live.until("the moved") { complete($0).contains("b/deep/1.csv") }
            try put(to: live.base("x.csv"))
            #expect(rename(live.base("x.csv"), live.spool + "/b/deep/2.csv") == 0)
            try await live.barrier()
            #expect(live.outcomes.last == Outcome("complete b/deep/2.csv renamed"))
            try await live.stop()
        }

        @Test func aDirectoryMovedOutIsNoLongerHeard() async throws {
            let live = try LiveWatch()
            try await live.barrier()
            try put(to: live.spool + "/a/1.csv")
            try await live.barrier()
            #expect(rename(live.spool + "/a", live.base("a")) == 0)
            try await live.barrier()
            try put(to: live.base("x.csv"))
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
                    try put(name.hasSuffix("csv") ? Fixtures.csv : Fixtures.parquet, to: spool + "/" + name)
                    usleep(20_000)
                }
            }
            live.start()
            try await live.until("the scan") { $0.contains(.rescanned(spool: "s")) }
            #expect(!live.events.contains(.caughtUp))
            live.advance(LiveWatch.quiet)
            try await live.until("the end") { $0.contains(.caughtUp) }
            #expect(complete(live.events) == ["c.csv", "a.csv", "b.parquet", "sub/d.csv"])
            #expect(live.events.last == .caughtUp)
            try await live.stop()
        }

        @Test func knownFilesCostOneQuestionAndNoMemory() async throws {
            let live = try LiveWatch(starts: false) { spool in for index in 0..<500 { try put(to: spool + "/\(index).csv") } }
            for index in 0..<500 {
                let file = CompleteFile(
                    place: SpoolPlace("s", "\(index).csv"), stamp: FileStamp(path: live.spool + "/\(index).csv")!, format: nil,
                    settledBy: .quiet,
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
                try put(Fixtures.csv + Array("\(round),\(round)\n".utf8), to: live.base("x"))
                #expect(rename(live.base("x"), live.spool + "/a.csv") == 0)
                try await live.barrier()
                #expect(complete(live.events) == Array(repeating: "a.csv", count: round))
            }
            try await live.stop()
        }

        @Test func directoriesAreReplacedWhileItRuns() async throws {
            let live = try LiveWatch(include: ["*.csv", "barrier-*"])
            try await live.barrier()
            try put(to: live.base("other/b.jsonl"))
            let other = SpoolDirectory(id: "o", path: live.base("other"), include: ["*.jsonl"], order: 2)
            var first = SpoolDirectory(id: "s", path: live.spool, include: ["*.npy", "barrier-*"], order: 0)
            first.settle = .init(quiet: LiveWatch.quiet, giveUp: LiveWatch.giveUp)
            live.watcher.update(directories: [first, other])
            try await live.until("the new directory") { $0.contains(.rescanned(spool: "o")) }
            try put(to: live.base("x"))
            #expect(rename(live.base("x"), live.spool + "/x.csv") == 0)
            try await live.barrier()
            live.advance(LiveWatch.quiet)
            try await live.until("its file") { complete($0) == ["b.jsonl"] }
            live.watcher.update(directories: [first])
            try await live.barrier()
            try put(to: live.base("other/c.jsonl"))
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
                try put(to: first.base("x.csv"))
                #expect(rename(first.base("x.csv"), first.spool + "/\(index).csv") == 0)
            }
            let all = Set((0..<20).map { "\($0).csv" })
            try await first.until("the first") { Set(complete($0)) == all }
            try await second.until("the second") { Set(complete($0)) == all }
            try await first.stop()
            try put(to: first.base("x.csv"))
            #expect(rename(first.base("x.csv"), first.spool + "/last.csv") == 0)
            try await second.until("the survivor") { complete($0).contains("last.csv") }
            try await second.stop()
        }

        @Test func nothingStaysOpen() async throws {
            var path = ""
            for _ in 0..<5 {
                let live = try LiveWatch()
                path = live.base.path
                try put(to: live.spool + "/a/b/c.parquet")
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
            #expect(kernelQueueLimit ?? 0 > 0)
        }
    }
}
