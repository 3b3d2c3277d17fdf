import Arrivals
import Attempts
import Dispatch
import Synchronization

/// Runs the threads that execute attempts, at most `workers` of them at a time; pipelines take turns (`FairQueue`).
///
/// An attempt that has run for a slice and sees that another pipeline waits is paused at its next batch: its thread blocks, and another
/// thread takes what waits. At most `pausedAtMost` attempts are paused, each with its thread and the memory of one batch, one row group of
/// its input and one of its output; the last `workers` of those places are kept for work that is not known to be long, so that many long
/// attempts never keep a short one waiting.
///
/// Short work of a pipeline of which nothing is under way does not wait until another pipeline's attempt is paused: while all workers are
/// busy, one lot of it at a time has a place more (`isSpareTaken`), for one slice.
///
/// Short work of one pipeline is taken in lots, where more waits than there are workers: a lot pays for the change of threads and processes
/// once.
///
/// Workers for whom nothing waits help those that work: an attempt offers pieces of its work, which are done one at a time (`offer`). Where
/// there are none, they do pieces of work that is not handed out yet (`workAhead`).
package final class WorkerPool<Work: Sendable>: Sendable {
    /// Runs on a worker's thread. What it returns is called once the worker is free for others.
    package typealias Body = @Sendable ([Work], any WorkerTurn) -> @Sendable () -> Void

    private struct Threads {
        var state: State
        /// The threads that wait for work.
        var idle: [Seat] = []
        var all: [NamedThread] = []
    }

    private let name: String
    let slice: Duration
    private let body: Body
    /// Is called when an attempt was paused, so that what was handed out makes room for more.
    private let onPause: @Sendable () -> Void
    private let threads: Mutex<Threads>

    package init(
        _ name: String, workers: Int, slice: Duration, lot: Duration = .zero, pausedAtMost: Int,
        onPause: @escaping @Sendable () -> Void = {},
        _ body: @escaping Body
    ) {
        self.name = name
        self.slice = slice
        self.body = body
        self.onPause = onPause
        let limits = Limits(workers: workers, slice: slice.seconds, lot: lot.seconds, pausedAtMost: pausedAtMost)
        threads = Mutex(Threads(state: State(limits)))
    }

    package func put(_ items: [Item]) { granting { $0.put(items) } }

    /// Changes the number of workers, as they come and go.
    /// - Parameter pausedEach: the number of attempts that may be paused for each of them.
    package func use(workers: Int, pausedEach: Int) { granting { $0.use(workers: workers, pausedEach: pausedEach) } }

    /// The work in hand, for those who decide how much more to hand out.
    package var load: WorkLoad { threads.withLock { $0.state.load } }

    /// Tells whether a worker is free.
    package var hasRoom: Bool { threads.withLock { $0.state.hasRoom } }

    /// Ends the pool: what was begun is finished, what was not begun is dropped, and threads that wait end.
    package func close() {
        wake(
            threads.withLock { threads in
                threads.state.close()
                defer { threads.idle = [] }
                return threads.idle.map(\.signal)
            })
    }

    package func join() async {
        for thread in threads.withLock({ $0.all }) { await thread.join() }
    }

    /// Has workers for whom nothing waits do pieces of work that is not handed out yet, one at a time, until there are none. What was given
    /// before is not gone on with.
    /// - Parameter piece: does one piece on a worker's thread, and returns whether there was one.
    package func workAhead(of pipeline: String, _ piece: @escaping @Sendable () -> Bool) {
        granting { $0.offerAhead(of: pipeline) { _ in piece() } }
    }

    // MARK: Granting

    /// Changes the state, and gives free workers what comes next.
    private func granting(_ change: (inout State) -> Void) {
        wake(
            threads.withLock { threads in
                change(&threads.state)
                return grant(&threads)
            })
    }

    /// Gives free workers what comes next. Returns the signals for those who are to be woken once the lock is free again.
    private func grant(_ threads: inout Threads) -> [DispatchSemaphore] {
        var wakes: [DispatchSemaphore] = []
        while let beginning = threads.state.next() {
            switch beginning {
            case .paused(let turn): wakes.append(turn.signal)
            case .job(let job):
                if let seat = threads.idle.popLast() {
                    seat.job = job
                    wakes.append(seat.signal)
                } else {
                    let number = threads.all.count
                    threads.all.append(NamedThread("\(name)-\(number)", stackBytes: 16 << 20) { [self] in work(first: job) })
                }
            }
        }
        return wakes
    }

    private func wake(_ signals: [DispatchSemaphore]) { for signal in signals { signal.signal() } }

    // MARK: A thread

    private func work(first: Job) {
        let seat = Seat()
        var next: Job? = first
        while let job = next {
            switch job {
            case .lot(let items, let isSpare):
                let turn = Turn(self, items[0].pipeline, isSpare: isSpare)
                let deliver = body(items.map(\.work), turn)
                next = ended(turn, items.count)
                deliver()
            case .piece(let offer):
                let turn = Turn(self, offer.pipeline, isHelp: true)
                if !offer.body(turn) { threads.withLock { $0.state.end(offer) } }
                next = ended(turn, 0)
            }
            if next == nil { next = awaited(seat) }
        }
    }

    /// Frees the worker. Returns the job that the thread goes on with; nil where there is none for it.
    /// - Parameter count: the number of items that have ended.
    private func ended(_ turn: Turn, _ count: Int) -> Job? {
        var wakes: [DispatchSemaphore] = []
        let next: Job? = threads.withLock { threads in
            threads.state.ended(turn, count)
            var own: Job?
            while own == nil, let beginning = threads.state.next() {
                switch beginning {
                case .job(let job): own = job
                case .paused(let other): wakes.append(other.signal)
                }
            }
            if own != nil { wakes += grant(&threads) }
            return own
        }
        wake(wakes)
        return next
    }

    private func awaited(_ seat: Seat) -> Job? {
        let (isEnd, wakes): (Bool, [DispatchSemaphore]) = threads.withLock { threads in
            guard !threads.state.isClosed else { return (true, []) }
            threads.idle.append(seat)
            return (false, grant(&threads))
        }
        if isEnd { return nil }
        wake(wakes)
        seat.signal.wait()
        defer { seat.job = nil }
        return seat.job
    }

    // MARK: What an attempt asks for

    /// Has workers for whom nothing waits do pieces of somebody's work, until zero are offered or a turn that offers them ends.
    /// - Parameters:
    ///   - owner: who offers them.
    ///   - piece: does one piece in a turn of its own, and returns whether there was one. Only that of the first call counts.
    package func offer(_ open: Int, of owner: AnyObject, _ pipeline: String, _ piece: @escaping @Sendable (any WorkerTurn) -> Bool) {
        granting { $0.offer(open, of: ObjectIdentifier(owner), pipeline, piece) }
    }

    func isOver(_ turn: Turn) -> Bool { threads.withLock { $0.state.isOver(turn) } }

    func pause(_ turn: Turn) {
        let wakes: [DispatchSemaphore]? = threads.withLock { threads in threads.state.pause(turn) ? grant(&threads) : nil }
        guard let wakes else { return }
        wake(wakes)
        onPause()
        turn.signal.wait()
    }

    func goOn(_ turn: Turn) {
        if threads.withLock({ $0.state.goOn(turn) }) { turn.signal.signal() }
    }
}
