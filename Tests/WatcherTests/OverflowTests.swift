import Glibc
import TestSupport
import Testing

@testable import Watcher

extension WithInotify {
    /// Queues of events that overflow: what was lost is found by a scan.
    @Suite(.timeLimit(.minutes(5))) struct OverflowTests {
        @Test func aDroppedQueueIsReportedAndLosesNoFile() async throws {
            let live = try LiveWatch()
            try await live.barrier()
            live.holdDelivery(true)
            try put(to: live.base("0.csv"))
            #expect(rename(live.base("0.csv"), live.spool + "/0.csv") == 0)
            try put(to: live.spool + "/.x")
            try put(to: live.spool + "/.y")
            var times = [timeval(tv_sec: 1, tv_usec: 0), timeval(tv_sec: 1, tv_usec: 0)]
            // More than our own queue and the kernel's hold; two files in turn, since the kernel merges equal neighbours.
            for _ in 0..<150_000 {
                utimes(live.spool + "/.x", &times)
                utimes(live.spool + "/.y", &times)
            }
            for index in 1...50 {
                try put(to: live.base("x.csv"))
                #expect(rename(live.base("x.csv"), live.spool + "/\(index).csv") == 0)
            }
            try put(to: live.spool + "/new/deep/51.csv")
            live.holdDelivery(false)
            try await live.until("the report") { $0.contains(.overflowed) }
            try await live.barrier()
            live.advance(LiveWatch.quiet)
            let expected = Set((0...50).map { "\($0).csv" } + ["new/deep/51.csv"])
            try await live.until("every file") { Set(complete($0)) == expected }
            #expect(complete(live.events).count == 52)
            // The directory that was made unheard is watched.
            try put(to: live.base("x.csv"))
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
            for name in [".x", ".y"] { try put(to: live.spool + "/" + name) }
            try await live.barrier()
            let count = (kernelQueueLimit ?? 16_384) + 8192
            try #require(count < InotifyInstance.queueLimit)
            try InotifyInstance.shared.get().withholding {
                touch([".x", ".y"], in: live.spool, times: count)
                try put(to: live.base("x.csv"))
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
            for name in [".x", ".y"] { try put(to: live.spool + "/" + name) }
            try await live.barrier()
            let kernel = try InotifyInstance.shared.get().descriptor
            live.holdDelivery(true)
            try put(to: live.base("x.csv"))
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
            try put(to: live.base("x.csv"))
            #expect(rename(live.base("x.csv"), live.spool + "/1.csv") == 0)
            live.holdDelivery(false)
            try await live.until("the report") { $0.contains(.overflowed) }
            try await live.barrier()
            live.advance(LiveWatch.quiet)
            try await live.until("the file that nobody heard of") { Set(complete($0)) == ["0.csv", "1.csv"] }
            try await live.stop()
        }
    }
}
