import Dispatch
import FileSystem
import Ledger
import Synchronization
import SystemPackage

/// Runs the threads that read complete files for their digests. Pipelines take turns, and so do the files of one pipeline, piece by piece:
/// a file of hundreds of gigabytes delays nothing else by more than one piece, and everything stops after the piece that it is at.
final class HashingPool: Sendable {
    /// The most bytes that one turn of a thread reads.
    static let piece: Int64 = 16 << 20
    /// The most small files that go together in one turn.
    private static let mostTogether = 64

    private struct State {
        /// The jobs that no thread has, by pipeline, in their order.
        var queues: [String: FIFO<HashJob>] = [:]
        /// The pipelines with jobs; the one whose turn it is comes first.
        var turns: [String] = []
        var isStopped = false
        /// The number of threads that wait and were not signalled yet.
        var waiting = 0
    }

    private let state = Mutex(State())
    private let arrivals = DispatchSemaphore(value: 0)
    private let ledger: RunLedger
    private let progress: @Sendable (HashJob, _ isDone: Bool) -> Void
    private let finished: @Sendable ([Hashed]) -> Void

    /// - Parameters:
    ///   - progress: is called after each piece of a file that takes several, and when such a file is done.
    ///   - finished: is called on the threads.
    init(
        ledger: RunLedger, progress: @escaping @Sendable (HashJob, Bool) -> Void, finished: @escaping @Sendable ([Hashed]) -> Void
    ) {
        self.ledger = ledger
        self.progress = progress
        self.finished = finished
    }

    static func threads(cores: Int) -> Int { min(max(cores, 2), 4) }

    func submit(_ jobs: [HashJob]) {
        guard !jobs.isEmpty else { return }
        let wakes = state.withLock { state in
            for job in jobs {
                if state.queues[job.pipeline] == nil { state.turns.append(job.pipeline) }
                state.queues[job.pipeline, default: FIFO()].append(job)
            }
            let wakes = min(state.waiting, jobs.count)
            state.waiting -= wakes
            return wakes
        }
        for _ in 0..<wakes { arrivals.signal() }
    }

    /// Ends the threads after the piece that each is at.
    func stop() {
        let waiting = state.withLock { state in
            state.isStopped = true
            defer { state.waiting = 0 }
            return state.waiting
        }
        for _ in 0..<waiting { arrivals.signal() }
    }

    /// Works until `stop`. Each thread of the pool calls it.
    func run() {
        while let jobs = next() { jobs.isEmpty ? arrivals.wait() : work(jobs) }
    }

    /// Returns the jobs of one turn: one large file, or some small ones. It returns none where there is nothing to do, and nil after a
    /// stop.
    private func next() -> [HashJob]? {
        state.withLock { state in
            if state.isStopped { return nil }
            guard !state.turns.isEmpty else {
                state.waiting += 1
                return []
            }
            let pipeline = state.turns.removeFirst()
            var taken: [HashJob] = []
            var bytes: Int64 = 0
            while let job = state.queues[pipeline]?.first, taken.count < Self.mostTogether,
                taken.isEmpty || bytes + job.size <= Self.piece / 4
            {
                bytes += job.size
                taken.append(job)
                state.queues[pipeline]!.removeFirst()
            }
            if state.queues[pipeline]?.first == nil { state.queues[pipeline] = nil } else { state.turns.append(pipeline) }
            return taken
        }
    }

    private func work(_ jobs: [HashJob]) {
        var done: [Hashed] = []
        for job in jobs {
            if job.isCancelled {
                done.append(Hashed(job: job, result: .failure(.changedWhileRead(""))))
                continue
            }
            do throws(FileSystemError) {
                if let arriving = try job.advance(by: Self.piece, ledger) {
                    done.append(Hashed(job: job, result: .success(arriving)))
                } else {
                    progress(job, false)
                    submit([job])
                    continue
                }
            } catch {
                done.append(Hashed(job: job, result: .failure(error)))
            }
            if job.size > Self.piece { progress(job, true) }
        }
        if !done.isEmpty { finished(done) }
    }
}
