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

    private enum Entry {
        case waiting(Item)
        case paused(Turn)
    }

    /// Describes what a thread takes up: work (where it is short, several of one pipeline), or a piece of what another worker does.
    private enum Job {
        case lot([Item], isSpare: Bool)
        case piece(Offer)
    }

    /// Tells what a free worker is used for: it gets a job, or goes to an attempt that is paused, which has its own thread.
    private enum Beginning {
        case job(Job)
        case paused(Turn)
    }

    /// Holds pieces of an attempt's work that others may do. Its variables are used only while the pool's state is locked.
    private final class Offer: @unchecked Sendable {
        let pipeline: String
        let body: @Sendable () -> Bool
        /// The number of pieces that nobody has begun, as far as it is known.
        var open = 0

        init(_ pipeline: String, _ body: @escaping @Sendable () -> Bool) {
            self.pipeline = pipeline
            self.body = body
        }
    }

    private struct State {
        var queue: FairQueue<Entry>
        /// The work that waits in the queue, by pipeline. It is counted as it comes and goes, since it is asked for at every turn.
        var backlogs: [String: WorkLoad.Backlog] = [:]
        var running = 0
        var paused = 0
        /// Tells whether short work has the place beyond those of the workers.
        var isSpareTaken = false
        var idle: [Seat] = []
        /// The offers by the turn of the attempt that makes them.
        var offers: [ObjectIdentifier: Offer] = [:]
        /// The pieces of work that is not handed out yet, which come after all else.
        var ahead: Offer?
        var threads: [NamedThread] = []
        var isClosed = false
    }

    /// Holds the signal and the next job of a thread that waits for work.
    private final class Seat: @unchecked Sendable {
        let signal = DispatchSemaphore(value: 0)
        /// The job that the thread takes up. It is used only while the pool's state is locked, or by the seat's own thread after the
        /// signal.
        var job: Job?
    }

    private let name: String
    private let workers: Int
    private let slice: Duration
    private let lot: Duration
    private let pausedAtMost: Int
    private let body: Body
    /// Is called when an attempt was paused, so that what was handed out makes room for more.
    private let onPause: @Sendable () -> Void
    private let state: Mutex<State>

    package init(
        _ name: String, workers: Int, slice: Duration, lot: Duration = .zero, pausedAtMost: Int,
        onPause: @escaping @Sendable () -> Void = {},
        _ body: @escaping Body
    ) {
        self.name = name
        self.workers = workers
        self.slice = slice
        self.lot = lot
        self.pausedAtMost = pausedAtMost
        self.onPause = onPause
        self.body = body
        state = Mutex(State(queue: FairQueue(debt: slice.seconds)))
    }

    package func put(_ items: [Item]) {
        wake(
            state.withLock { state in
                for item in items {
                    state.queue.put(.waiting(item), of: item.pipeline)
                    state.backlogs[item.pipeline, default: WorkLoad.Backlog()].add(item.seconds, slice: slice.seconds)
                }
                return grant(&state)
            })
    }

    /// The work in hand, for those who decide how much more to hand out.
    package var load: WorkLoad {
        state.withLock { state in
            var load = WorkLoad(workers: workers, slice: slice.seconds)
            load.free = max(workers - state.running, 0)
            load.pauses = max(pausedAtMost - state.paused, 0)
            for pipeline in state.queue.pipelines { load.backlogs[pipeline] = state.backlogs[pipeline] ?? WorkLoad.Backlog() }
            return load
        }
    }

    /// Tells whether a worker is free.
    package var hasRoom: Bool { state.withLock { $0.running < workers } }

    /// Ends the pool: what was begun is finished, what was not begun is dropped, and threads that wait end.
    package func close() {
        wake(
            state.withLock { state in
                state.isClosed = true
                state.queue.removeWaiting()
                state.backlogs = [:]
                state.offers = [:]
                state.ahead = nil
                defer { state.idle = [] }
                return state.idle.map(\.signal)
            })
    }

    package func join() async {
        for thread in state.withLock({ $0.threads }) { await thread.join() }
    }

    // MARK: Granting

    /// Gives free workers what comes next. Returns the signals for those who are to be woken once the lock is free again.
    private func grant(_ state: inout State) -> [DispatchSemaphore] {
        var wakes: [DispatchSemaphore] = []
        while let beginning = next(&state) {
            switch beginning {
            case .paused(let turn): wakes.append(turn.signal)
            case .job(let job):
                if let seat = state.idle.popLast() {
                    seat.job = job
                    wakes.append(seat.signal)
                } else {
                    let number = state.threads.count
                    state.threads.append(NamedThread("\(name)-\(number)", stackBytes: 16 << 20) { [self] in work(first: job) })
                }
            }
        }
        return wakes
    }

    /// Takes what comes next for a worker that is free, or for the spare place; nil where there is nothing, or no place.
    private func next(_ state: inout State) -> Beginning? {
        guard state.running < workers else { return spare(&state).map { .job(.lot($0, isSpare: true)) } }
        guard let (entry, pipeline) = state.queue.next() else {
            guard let offer = state.offers.values.first(where: { $0.open > 0 }) ?? state.ahead else { return nil }
            offer.open -= 1
            state.running += 1
            return .job(.piece(offer))
        }
        state.running += 1
        switch entry {
        case .paused(let turn):
            state.paused -= 1
            turn.isPaused = false
            turn.place = .worker
            return .paused(turn)
        case .waiting(let item):
            state.backlogs[pipeline]?.remove(item.seconds, slice: slice.seconds)
            return .job(.lot(filled(item, &state), isSpare: false))
        }
    }

    /// Takes short work of a pipeline of which nothing is under way, where all workers are busy and the spare place is free.
    private func spare(_ state: inout State) -> [Item]? {
        guard !state.isSpareTaken else { return nil }
        let found = state.queue.nextOfIdlePipeline { entry in
            if case .waiting(let item) = entry, let seconds = item.seconds { seconds <= lot.seconds } else { false }
        }
        guard case (.waiting(let item), let pipeline)? = found else { return nil }
        state.isSpareTaken = true
        state.backlogs[pipeline]?.remove(item.seconds, slice: slice.seconds)
        return filled(item, &state)
    }

    /// Returns the items that are begun together, with `first`. Workers share what waits: none takes more than its part of it.
    private func filled(_ first: Item, _ state: inout State) -> [Item] {
        var items = [first]
        guard var left = first.seconds.map({ lot.seconds - $0 }) else { return items }
        let most = 1 + state.queue.waiting(of: first.pipeline) / workers
        while items.count < most, left > 0 {
            let next = state.queue.more(of: first.pipeline) { entry in
                if case .waiting(let item) = entry, let seconds = item.seconds { seconds <= left } else { false }
            }
            guard case .waiting(let item)? = next else { break }
            state.backlogs[item.pipeline]?.remove(item.seconds, slice: slice.seconds)
            left -= item.seconds ?? 0
            items.append(item)
        }
        return items
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
                let turn = Turn(self, offer.pipeline)
                if !offer.body() { end(offer) }
                next = ended(turn, 0)
            }
            if next == nil { next = awaited(seat) }
        }
    }

    /// Takes note that an offer has no pieces that nobody has begun.
    private func end(_ offer: Offer) {
        state.withLock { state in
            offer.open = 0
            if state.ahead === offer { state.ahead = nil }
        }
    }

    /// Frees the worker. Returns the job that the thread goes on with; nil where there is none for it.
    /// - Parameter count: the number of items that have ended.
    private func ended(_ turn: Turn, _ count: Int) -> Job? {
        var wakes: [DispatchSemaphore] = []
        let next: Job? = state.withLock { state in
            state.queue.charge(turn.pipeline, seconds: turn.ran())
            release(turn, &state)
            state.offers[ObjectIdentifier(turn)] = nil
            for _ in 0..<count { state.queue.ended(turn.pipeline) }
            var own: Job?
            while own == nil, let beginning = self.next(&state) {
                switch beginning {
                case .job(let job): own = job
                case .paused(let other): wakes.append(other.signal)
                }
            }
            if own != nil { wakes += grant(&state) }
            return own
        }
        wake(wakes)
        return next
    }

    /// Frees what a turn occupies: a worker, or the spare place.
    private func release(_ turn: Turn, _ state: inout State) {
        switch turn.place {
        case .worker: state.running -= 1
        case .spare: state.isSpareTaken = false
        case .none: break
        }
        turn.place = .none
    }

    private func awaited(_ seat: Seat) -> Job? {
        let (isEnd, wakes): (Bool, [DispatchSemaphore]) = state.withLock { state in
            guard !state.isClosed else { return (true, []) }
            state.idle.append(seat)
            return (false, grant(&state))
        }
        if isEnd { return nil }
        wake(wakes)
        seat.signal.wait()
        defer { seat.job = nil }
        return seat.job
    }

    // MARK: Pauses

    /// Holds one attempt's place. Its variables are used only while the pool's state is locked.
    private final class Turn: WorkerTurn, @unchecked Sendable {
        let pipeline: String
        let signal = DispatchSemaphore(value: 0)
        private let pool: WorkerPool
        var isPaused = false
        /// The place that it occupies: none while it is paused, and after a pause that ended without a worker being free.
        var place: Place
        private let since = Mutex(ContinuousClock.now)

        enum Place { case worker, spare, none }

        init(_ pool: WorkerPool, _ pipeline: String, isSpare: Bool = false) {
            self.pool = pool
            self.pipeline = pipeline
            place = isSpare ? .spare : .worker
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

        func offer(_ open: Int, _ piece: @escaping @Sendable () -> Bool) { pool.offer(open, self, piece) }
    }

    private func offer(_ open: Int, _ turn: Turn, _ piece: @escaping @Sendable () -> Bool) {
        wake(
            state.withLock { state in
                let key = ObjectIdentifier(turn)
                guard open > 0, !state.isClosed else {
                    state.offers[key] = nil
                    return []
                }
                let offer = state.offers[key] ?? Offer(turn.pipeline, piece)
                offer.open = open
                state.offers[key] = offer
                return grant(&state)
            })
    }

    /// Has workers for whom nothing waits do pieces of work that is not handed out yet, one at a time, until there are none. What was given
    /// before is not gone on with.
    /// - Parameter piece: does one piece on a worker's thread, and returns whether there was one.
    package func workAhead(of pipeline: String, _ piece: @escaping @Sendable () -> Bool) {
        wake(
            state.withLock { state in
                guard !state.isClosed else { return [] }
                let offer = Offer(pipeline, piece)
                offer.open = .max
                state.ahead = offer
                return grant(&state)
            })
    }

    private func isOver(_ turn: Turn) -> Bool {
        state.withLock { state in
            state.queue.charge(turn.pipeline, seconds: turn.ran())
            return mustPause(turn, state)
        }
    }

    private func mustPause(_ turn: Turn, _ state: State) -> Bool {
        guard !state.isClosed else { return false }
        switch turn.place {
        case .none: return false
        // It was expected to be short, and goes on when it is its turn to have a worker.
        case .spare: return state.paused < pausedAtMost
        case .worker: if state.running < workers { return false }
        }
        return state.queue.hasBefore(turn.pipeline) { entry in
            switch entry {
            case .paused: true
            case .waiting(let item):
                state.paused < (item.seconds ?? 0 > slice.seconds ? pausedAtMost - workers : pausedAtMost)
            }
        }
    }

    private func pause(_ turn: Turn) {
        let wakes: [DispatchSemaphore]? = state.withLock { state in
            guard mustPause(turn, state) else { return nil }
            state.paused += 1
            release(turn, &state)
            turn.isPaused = true
            state.queue.putBack(.paused(turn), of: turn.pipeline)
            return grant(&state)
        }
        guard let wakes else { return }
        wake(wakes)
        onPause()
        turn.signal.wait()
    }

    private func goOn(_ turn: Turn) {
        let wasPaused = state.withLock { state in
            guard turn.isPaused else { return false }
            turn.isPaused = false
            state.paused -= 1
            state.queue.remove(of: turn.pipeline) { if case .paused(let other) = $0 { other === turn } else { false } }
            return true
        }
        if wasPaused { turn.signal.signal() }
    }
}
