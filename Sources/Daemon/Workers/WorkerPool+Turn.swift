import Arrivals
import Attempts
import Dispatch
import Synchronization

extension WorkerPool {
    /// Is one attempt's turn at a worker. Its variables are used only while the pool's state is locked.
    final class Turn: WorkerTurn, @unchecked Sendable {
        /// Lists what an attempt can occupy.
        enum Occupancy { case worker, spare, none }

        /// Tells whether it is the turn of somebody who helps another, who makes room for whatever waits.
        let isHelp: Bool

        let pipeline: String
        let signal = DispatchSemaphore(value: 0)
        private let pool: WorkerPool
        var isPaused = false
        /// Tells what the attempt occupies: nothing while it is paused, and after a pause that ended without a worker being free.
        var occupies: Occupancy
        private let since = Mutex(ContinuousClock.now)

        init(_ pool: WorkerPool, _ pipeline: String, isSpare: Bool = false, isHelp: Bool = false) {
            self.isHelp = isHelp
            self.pool = pool
            self.pipeline = pipeline
            occupies = isSpare ? .spare : .worker
        }

        /// Returns the seconds since the last call, or since the attempt began.
        func ran() -> Double {
            since.withLock { since in
                let now = ContinuousClock.now
                defer { since = now }
                return (now - since).seconds
            }
        }

        var isOver: Bool {
            guard since.withLock({ ContinuousClock.now - $0 }) >= pool.slice else { return false }
            return pool.isOver(self)
        }

        func pause() {
            pool.pause(self)
            _ = ran()
        }

        func goOn() { pool.goOn(self) }

        func offer(_ open: Int, _ piece: @escaping @Sendable () -> Bool) { pool.offer(open, of: self, pipeline) { _ in piece() } }
    }

    /// Holds pieces of an attempt's work that others may do. Its variables are used only while the pool's state is locked.
    final class Offer: @unchecked Sendable {
        let pipeline: String
        /// Does one piece in a turn of its own, and returns whether there was one.
        let body: @Sendable (any WorkerTurn) -> Bool
        /// The number of pieces that nobody has begun, as far as it is known.
        var open = 0

        init(_ pipeline: String, _ body: @escaping @Sendable (any WorkerTurn) -> Bool) {
            self.pipeline = pipeline
            self.body = body
        }
    }

    /// Holds the signal and the next job of a thread that waits for work.
    final class Seat: @unchecked Sendable {
        let signal = DispatchSemaphore(value: 0)
        /// The job that the thread takes up. It is used only while the pool's state is locked, or by the seat's own thread after the
        /// signal.
        var job: Job?
    }
}
