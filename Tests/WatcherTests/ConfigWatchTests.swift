import Foundation
import Glibc
import Synchronization
import TestSupport
import Testing

@testable import Watcher

extension WithInotify {
    /// They wait on their own thread: with the time of the pool, whose few threads other suites hold, they would wait for those.
    @Suite(.timeLimit(.minutes(6))) struct ConfigWatchTests {
        private final class Run: Sendable {
            let watch: ConfigWatch
            private let changes = Mutex<[String]>([])

            convenience init(_ files: [String]) { self.init(ConfigWatch(files: { files })) }

            init(_ watch: ConfigWatch) {
                self.watch = watch
                let thread = Thread { [self] in watch.run { path in changes.withLock { $0.append(path ?? "asked") } } }
                thread.start()
            }

            func until(_ count: Int, _ what: String) {
                for _ in 0..<10_000 where changes.withLock({ $0.count }) < count { usleep(1000) }
                #expect(changes.withLock { $0.count } == count, "\(what)")
            }

            var all: [String] { changes.withLock { $0 } }
            func settle() { usleep(200000) }
        }

        @Test func editsAreSeenHoweverTheyAreMade() throws {
            let base = try TemporaryDirectory("config")
            let path = try base.write("a: 1\n", to: "p.yaml")
            let run = Run([path])
            run.settle()
            // sed -i: another file renamed over it.
            try base.write("a: 2\n", to: "sedAbCdEf")
            #expect(rename(base("sedAbCdEf"), path) == 0)
            run.until(1, "sed")
            // vim: in place, with its noise.
            try base.write("swap", to: ".p.yaml.swp")
            let descriptor = open(path, O_WRONLY | O_TRUNC)
            #expect(write(descriptor, "a: 3\n", 5) == 5)
            close(descriptor)
            unlink(base(".p.yaml.swp"))
            run.until(2, "vim")
            // The same content again, and another time, are no edits.
            try base.write("a: 3\n", to: "x")
            #expect(rename(base("x"), path) == 0)
            utimes(path, nil)
            try base.write("noise", to: "other.yaml")
            run.settle()
            #expect(run.all == [path, path])
            run.watch.stop()
        }

        /// What was there when the watch was made is known, and not what is there when its thread comes to look.
        @Test func anEditBeforeTheWatchRunsIsSeen() throws {
            let base = try TemporaryDirectory("config")
            let path = try base.write("a: 1\n", to: "p.yaml")
            let watch = ConfigWatch(files: { [path] })
            try base.write("a: 2\n", to: "sedAbCdEf")
            #expect(rename(base("sedAbCdEf"), path) == 0)
            let run = Run(watch)
            run.until(1, "sed")
            watch.stop()
        }

        @Test func aConfigMapSwapIsSeen() throws {
            let base = try TemporaryDirectory("config")
            try base.write("a: 1\n", to: "..2026_1/p.yaml")
            #expect(symlink("..2026_1", base("..data")) == 0)
            #expect(symlink("..data/p.yaml", base("p.yaml")) == 0)
            let run = Run([base("p.yaml")])
            run.settle()
            for version in 2...3 {
                try base.write("a: \(version)\n", to: "..2026_\(version)/p.yaml")
                #expect(symlink("..2026_\(version)", base("..data_tmp")) == 0)
                #expect(rename(base("..data_tmp"), base("..data")) == 0)
                run.until(version - 1, "swap \(version)")
            }
            #expect(run.all == [base("p.yaml"), base("p.yaml")])
            run.watch.stop()
        }

        @Test func aDeletionIsSaidOnceItLasts() throws {
            let base = try TemporaryDirectory("config")
            let path = try base.write("a: 1\n", to: "p.yaml")
            let run = Run([path])
            run.settle()
            let start = ContinuousClock.now
            unlink(path)
            run.until(1, "deletion")
            #expect(ContinuousClock.now - start >= .seconds(1), "an editor may be about to put it back")
            try base.write("a: 1\n", to: "p.yaml")
            run.until(2, "return")
            run.watch.stop()
        }
    }
}

extension WithInotify {
    @Suite(.timeLimit(.minutes(6))) struct ConfigListingTests {
        /// A file that its owner read and that was removed before the watch ever looked at it is told as gone, once.
        @Test func aFileThatOnlyTheOwnerSawIsSaidToBeGone() throws {
            let base = try TemporaryDirectory("config")
            let path = base("b.yaml")
            let inForce = Mutex([path]), changes = Mutex<[String?]>([])
            let watch = ConfigWatch(files: { [] }, inForce: { inForce.withLock { $0 } }, folders: [base.path])
            let thread = Thread { watch.run { path in changes.withLock { $0.append(path) } } }
            thread.start()
            for _ in 0..<10_000 where changes.withLock({ $0.isEmpty }) { usleep(1000) }
            // The owner may have to keep it in force; that is not told again.
            usleep(2_500_000)
            #expect(changes.withLock { $0 } == [path])
            inForce.withLock { $0 = [] }
            watch.stop()
        }

        /// New files are heard of, removed ones once, and a question is answered without a change.
        @Test func filesThatComeAndGo() throws {
            let base = try TemporaryDirectory("config")
            try base.write("a", to: "a.yaml")
            let folder = base.path
            let listing: @Sendable () -> [String] = {
                ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).filter { $0.hasSuffix(".yaml") }.sorted().map {
                    folder + "/" + $0
                }
            }
            let changes = Mutex<[String?]>([])
            let watch = ConfigWatch(files: listing, folders: [folder])
            let thread = Thread { watch.run { path in changes.withLock { $0.append(path) } } }
            thread.start()
            func until(_ expected: [String?]) {
                for _ in 0..<10_000 where changes.withLock({ $0 }) != expected { usleep(1000) }
                #expect(changes.withLock { $0 } == expected)
            }
            try base.write("b", to: "b.yaml")
            until([base("b.yaml")])
            unlink(base("b.yaml"))
            until([base("b.yaml"), base("b.yaml")])
            watch.ask()
            until([base("b.yaml"), base("b.yaml"), nil])
            try base.write("b", to: "b.yaml")
            until([base("b.yaml"), base("b.yaml"), nil, base("b.yaml")])
            watch.stop()
        }
    }
}
