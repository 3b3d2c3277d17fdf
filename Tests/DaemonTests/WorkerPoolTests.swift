import Attempts
import Daemon
import Dispatch
import Foundation
import Synchronization
import TestSupport
import Testing

/// The threads that run attempts, with work that only waits.
@Suite(.serialized) struct WorkerPoolTests {
    private final class Log: Sendable {
        private let lines = Mutex<[String]>([])
        func add(_ line: String) { lines.withLock { $0.append(line) } }
        var all: [String] { lines.withLock { $0 } }
    }

    /// What work waits for before it ends.
    private final class Gate: Sendable {
        private let isOpenNow = Mutex(false)
        var isOpen: Bool { isOpenNow.withLock { $0 } }
        func open() { isOpenNow.withLock { $0 = true } }
    }

    /// Work of a name and a number of batches of 5 ms each, or of as many as it takes until its gate is open.
    private struct Job: Sendable {
        let name: String
        let batches: Int
        var gate: Gate?

        func isDone(after batch: Int) -> Bool { gate.map(\.isOpen) ?? (batch >= batches) }
    }

    /// Jobs whose name begins with "stubborn" never let anyone go first.
    private func pool(_ log: Log, workers: Int, lot: Duration = .zero, pausedAtMost: Int = 4) -> WorkerPool<Job> {
        WorkerPool("test", workers: workers, slice: .milliseconds(20), lot: lot, pausedAtMost: pausedAtMost) { jobs, turn in
            let job = jobs[0]
            log.add("begin \(job.name)")
            var batch = 0
            while !job.isDone(after: batch) {
                usleep(5000)
                batch += 1
                if !job.name.hasPrefix("stubborn"), turn.isOver { turn.pause() }
            }
            log.add("end \(job.name)")
            return {}
        }
    }

    private func item(_ pipeline: String, _ name: String, _ batches: Int, seconds: Double? = nil) -> WorkerPool<Job>.Item {
        .init(pipeline: pipeline, work: Job(name: name, batches: batches), seconds: seconds)
    }

    private func item(_ pipeline: String, _ name: String, until gate: Gate, seconds: Double? = nil) -> WorkerPool<Job>.Item {
        .init(pipeline: pipeline, work: Job(name: name, batches: 0, gate: gate), seconds: seconds)
    }

    /// Workers come while work waits, and go while some is done, which goes on.
    @Test func workersComeAndGo() async {
        let log = Log(), gate = Gate()
        let pool = pool(log, workers: 0)
        pool.put([item("a", "1", until: gate), item("a", "2", until: gate), item("a", "3", until: gate)])
        #expect(!pool.hasRoom && pool.load.free == 0)
        usleep(50_000)
        #expect(log.all == [])
        pool.use(workers: 2, pausedEach: 4)
        #expect(eventually { log.all.count == 2 }, "\(log.all)")
        usleep(50_000)
        #expect(log.all.count == 2 && pool.load.workers == 2)
        pool.use(workers: 1, pausedEach: 4)
        gate.open()
        #expect(eventually { log.all.count == 6 }, "\(log.all)")
        pool.close()
        await pool.join()
    }

    @Test func aLongAttemptLetsAnotherPipelineGoFirst() async {
        let log = Log()
        let pool = pool(log, workers: 1)
        let gate = Gate()
        pool.put([item("slow", "long", until: gate), item("slow", "next", 1)])
        #expect(eventually { log.all == ["begin long"] })
        usleep(30_000)
        pool.put([item("fast", "short", 1)])
        #expect(eventually { log.all.count >= 3 })
        gate.open()
        #expect(log.all.prefix(3) == ["begin long", "begin short", "end short"])
        #expect(eventually { log.all.last == "end next" })
        #expect(
            log.all == ["begin long", "begin short", "end short", "end long", "begin next", "end next"],
            "paused work comes before what was not begun")
        pool.close()
        await pool.join()
    }

    @Test func itIsNotPausedForItsOwnPipeline() async {
        let log = Log()
        let pool = pool(log, workers: 1)
        pool.put([item("slow", "long", 20), item("slow", "next", 1)])
        #expect(eventually { log.all.count == 4 })
        #expect(log.all == ["begin long", "end long", "begin next", "end next"])
        pool.close()
        await pool.join()
    }

    @Test func nothingMoreIsPausedThanMayBe() async {
        let log = Log()
        let pool = pool(log, workers: 1, pausedAtMost: 2)
        let gate = Gate()
        for name in ["a", "b", "c"] {
            pool.put([item(name, name, until: gate)])
            #expect(eventually { log.all.contains("begin \(name)") })
        }
        pool.put([item("d", "d", until: gate)])
        usleep(300_000)
        #expect(log.all == ["begin a", "begin b", "begin c"])
        gate.open()
        #expect(eventually { log.all.count == 8 })
        pool.close()
        await pool.join()
    }

    @Test func whatIsToEndIsNotPausedAnyLonger() async {
        let log = Log()
        let cancellation = AttemptCancellation()
        let pool = WorkerPool<Job>("test", workers: 1, slice: .milliseconds(20), pausedAtMost: 4) { jobs, turn in
            let job = jobs[0]
            while !job.isDone(after: 0) {
                usleep(5000)
                guard turn.isOver else { continue }
                if job.name == "long" { cancellation.withHandler({ turn.goOn() }) { turn.pause() } }
                if cancellation.isCancelled { break }
            }
            log.add("end \(job.name)")
            return {}
        }
        let gate = Gate()
        pool.put([item("slow", "long", until: gate)])
        usleep(40_000)
        // This one never lets anyone go first.
        pool.put([item("other", "stubborn", until: gate)])
        #expect(eventually { pool.load.pauses == 3 })
        cancellation.cancel(.stopped)
        #expect(eventually { log.all == ["end long"] }, "\(log.all)")
        gate.open()
        pool.close()
        await pool.join()
    }

    /// Short work does not wait for attempts of other pipelines that never pause; other work does, and so does short work of the same
    /// pipelines.
    @Test func shortWorkOfAnIdlePipelineHasAPlaceOfItsOwn() async {
        let log = Log()
        let pool = pool(log, workers: 1, lot: .milliseconds(10))
        let gate = Gate()
        pool.put([item("bad", "stubborn", until: gate), item("bad", "next", 1, seconds: 0.001)])
        #expect(eventually { log.all == ["begin stubborn"] })
        pool.put([item("unknown", "unknown", 1)])
        for number in 1...3 {
            pool.put([item("good", "\(number)", 1, seconds: 0.001)])
            #expect(eventually { log.all.last == "end \(number)" })
        }
        #expect(log.all.filter { $0.hasPrefix("begin") } == ["begin stubborn", "begin 1", "begin 2", "begin 3"])
        gate.open()
        #expect(eventually { log.all.count == 12 })
        #expect(eventually { pool.load.free == 1 }, "the worker is free again, and not more than that")
        pool.close()
        await pool.join()
    }

    /// Work that was expected to be short and is not gives the place up after a slice, and goes on when it gets a worker.
    @Test func workThatIsNotShortGivesThePlaceUp() async {
        let log = Log()
        let pool = pool(log, workers: 1, lot: .milliseconds(10))
        let (gate, end) = (Gate(), Gate())
        pool.put([item("bad", "stubborn", until: gate)])
        #expect(eventually { log.all == ["begin stubborn"] })
        pool.put([item("good", "long", until: end, seconds: 0.001)])
        #expect(eventually { log.all.last == "begin long" })
        #expect(eventually { pool.load.pauses == 3 })
        pool.put([item("other", "short", 1, seconds: 0.001)])
        #expect(eventually { log.all.last == "end short" })
        end.open()
        usleep(50_000)
        #expect(!log.all.contains("end long"), "it waits for a worker")
        gate.open()
        #expect(eventually { log.all.suffix(2) == ["end stubborn", "end long"] }, "\(log.all)")
        #expect(eventually { pool.load.free == 1 && pool.load.pauses == 4 })
        pool.close()
        await pool.join()
    }
}
