import Attempts
import Daemon
import Foundation
import Synchronization
import TestSupport
import Testing

/// Pieces of an attempt's work that idle workers do.
@Suite(.serialized) struct WorkerHelpTests {
    /// An attempt that offers pieces, and waits until all are done.
    private final class Pieces: Sendable {
        private struct State {
            var open: Int
            var done = 0
            var helpers: Set<UInt> = []
            var mayBegin = false
        }

        private let state: Mutex<State>
        init(_ count: Int) { state = Mutex(State(open: count)) }

        var done: Int { state.withLock { $0.done } }
        var open: Int { state.withLock { $0.open } }
        var helpers: Int { state.withLock { $0.helpers.count } }

        /// Does one piece, if there is one.
        func doOne() -> Bool {
            guard
                state.withLock({ state in
                    defer { state.open = max(state.open - 1, 0) }
                    return state.open > 0
                })
            else { return false }
            usleep(3000)
            state.withLock { state in
                state.done += 1
                state.helpers.insert(UInt(pthread_self()))
            }
            return true
        }
    }

    private enum Job: Sendable {
        case large(Pieces, ends: DispatchSemaphore)
        case small(DispatchSemaphore)
    }

    private func pool(workers: Int) -> WorkerPool<Job> {
        WorkerPool("test", workers: workers, slice: .seconds(10), pausedAtMost: 4) { jobs, turn in
            switch jobs[0] {
            case .large(let pieces, let ends):
                turn.offer(pieces.open) { pieces.doOne() }
                ends.wait()
            case .small(let ran): ran.signal()
            }
            return {}
        }
    }

    private func item(_ pipeline: String, _ job: Job) -> WorkerPool<Job>.Item { .init(pipeline: pipeline, work: job, seconds: nil) }

    @Test func idleWorkersDoPieces() async {
        let pool = pool(workers: 3)
        let (pieces, end) = (Pieces(40), DispatchSemaphore(value: 0))
        pool.put([item("p", .large(pieces, ends: end))])
        #expect(eventually { pieces.done == 40 })
        #expect(pieces.helpers == 2, "all but the one that executes the attempt")
        end.signal()
        pool.close()
        await pool.join()
    }

    /// One who helps for as long as there is nothing else to do sees by its turn when there is.
    @Test func whoHelpsForLongMakesRoom() async {
        let pool = WorkerPool<Job>("test", workers: 1, slice: .milliseconds(10), pausedAtMost: 4) { jobs, _ in
            if case .small(let ran) = jobs[0] { ran.signal() }
            return {}
        }
        final class Owner: Sendable {}
        let owner = Owner()
        let begun = Atomic(0), left = Atomic(0), isOver = Atomic(false)
        pool.offer(2, of: owner, "p") { turn in
            _ = begun.add(1, ordering: .relaxed)
            while !turn.isOver, !isOver.load(ordering: .relaxed) { usleep(1000) }
            _ = left.add(1, ordering: .relaxed)
            return true
        }
        #expect(eventually { begun.load(ordering: .relaxed) == 1 })
        let ran = DispatchSemaphore(value: 0)
        pool.put([item("q", .small(ran))])
        #expect(ran.wait(timeout: .now() + 30) == .success)
        #expect(left.load(ordering: .relaxed) == 1)
        // Then it helps on, until nobody is wanted any more.
        #expect(eventually { begun.load(ordering: .relaxed) == 2 })
        pool.offer(0, of: owner, "p") { _ in false }
        pool.put([item("p", .small(ran))])
        #expect(ran.wait(timeout: .now() + 30) == .success)
        isOver.store(true, ordering: .relaxed)
        pool.close()
        await pool.join()
        #expect(begun.load(ordering: .relaxed) == 2)
    }

    /// What waits comes first, also in the same pipeline: a helper does one piece at a time.
    @Test func whatWaitsComesBeforePieces() async {
        let pool = pool(workers: 2)
        let (pieces, end) = (Pieces(100_000), DispatchSemaphore(value: 0))
        pool.put([item("p", .large(pieces, ends: end))])
        #expect(eventually { pieces.done > 3 })
        for pipeline in ["p", "q"] {
            let ran = DispatchSemaphore(value: 0)
            pool.put([item(pipeline, .small(ran))])
            #expect(ran.wait(timeout: .now() + 30) == .success)
        }
        let before = pieces.done
        #expect(eventually { pieces.done > before + 3 }, "then it helps on")
        end.signal()
        pool.close()
        await pool.join()
    }

    /// Nothing is done for an attempt that has ended, and a worker that finds nothing to do waits.
    @Test func anOfferEndsWithItsAttempt() async {
        let pool = pool(workers: 2)
        let (pieces, end) = (Pieces(100_000), DispatchSemaphore(value: 0))
        pool.put([item("p", .large(pieces, ends: end))])
        #expect(eventually { pieces.done > 3 })
        end.signal()
        #expect(eventually { pool.load.free == 2 })
        let after = pieces.done
        usleep(30_000)
        #expect(pieces.done == after)
        pool.close()
        await pool.join()
    }

    /// Work that is not handed out yet is done by workers for whom nothing waits, after the pieces of attempts, and is given up for other
    /// such work.
    @Test func workAheadComesLast() async {
        let pool = pool(workers: 2)
        let (ahead, other) = (Pieces(100_000), Pieces(30))
        pool.workAhead(of: "p") { ahead.doOne() }
        #expect(eventually { ahead.done > 5 && ahead.helpers == 2 })
        let (pieces, end) = (Pieces(20), DispatchSemaphore(value: 0))
        pool.put([item("q", .large(pieces, ends: end))])
        #expect(eventually { pieces.done == 20 }, "one worker has the attempt, the other its pieces")
        let before = ahead.done
        #expect(eventually { ahead.done > before + 3 }, "then it works ahead again")
        end.signal()
        pool.workAhead(of: "p") { other.doOne() }
        #expect(eventually { other.done == 30 })
        let after = ahead.done
        #expect(eventually { pool.load.free == 2 }, "an order that is done occupies nobody")
        #expect(ahead.done == after)
        pool.workAhead(of: "p") { ahead.doOne() }
        pool.close()
        await pool.join()
    }

    /// The one worker there is executes the attempt, so that nobody helps.
    @Test func oneWorkerHasNoHelp() async {
        let pool = pool(workers: 1)
        let (pieces, end) = (Pieces(10), DispatchSemaphore(value: 0))
        pool.put([item("p", .large(pieces, ends: end))])
        usleep(30_000)
        #expect(pieces.done == 0)
        end.signal()
        pool.close()
        await pool.join()
    }
}
