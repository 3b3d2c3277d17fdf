extension WorkerPool {
    enum Entry {
        case waiting(Item)
        case paused(Turn)
    }

    /// Describes what a thread takes up: work (where it is short, several of one pipeline), or a piece of what another worker does.
    enum Job {
        case lot([Item], isSpare: Bool)
        case piece(Offer)
    }

    /// Tells what a free worker is used for: it gets a job, or goes to an attempt that is paused, which has its own thread.
    enum Beginning {
        case job(Job)
        case paused(Turn)
    }

    /// The numbers that decide who works; times are in seconds.
    struct Limits {
        var workers: Int
        /// An attempt runs that long before it is paused for another pipeline.
        let slice: Double
        /// Short work is taken together up to that time.
        let lot: Double
        var pausedAtMost: Int
    }

    /// Keeps what works, waits and is paused, and decides who comes next. It knows no threads: the pool wakes those whom it chooses.
    struct State {
        private(set) var limits: Limits
        private var queue: FairQueue<Entry>
        /// The work that waits in the queue, by pipeline. It is counted as it comes and goes, since it is asked for at every turn.
        private var backlogs: [String: WorkLoad.Backlog] = [:]
        private var running = 0
        private var paused = 0
        /// Tells whether short work has the place beyond those of the workers.
        private var isSpareTaken = false
        /// The offers by who makes them: the turn of an attempt, or one who trains.
        private var offers: [ObjectIdentifier: Offer] = [:]
        /// The pieces of work that is not handed out yet, which come after all else.
        private var ahead: Offer?
        private(set) var isClosed = false

        init(_ limits: Limits) {
            self.limits = limits
            queue = FairQueue(debt: limits.slice)
        }

        var hasRoom: Bool { running < limits.workers }

        /// Changes the number of workers, of which each may have as many attempts paused as before. What runs on goes on.
        mutating func use(workers: Int, pausedEach: Int) {
            limits.workers = workers
            limits.pausedAtMost = workers * pausedEach
        }

        var load: WorkLoad {
            var load = WorkLoad(workers: limits.workers, slice: limits.slice)
            load.free = max(limits.workers - running, 0)
            load.pauses = max(limits.pausedAtMost - paused, 0)
            for pipeline in queue.pipelines { load.backlogs[pipeline] = backlogs[pipeline] ?? WorkLoad.Backlog() }
            return load
        }

        mutating func put(_ items: [Item]) {
            for item in items {
                queue.put(.waiting(item), of: item.pipeline)
                backlogs[item.pipeline, default: WorkLoad.Backlog()].add(item.seconds, slice: limits.slice)
            }
        }

        /// Drops what was not begun; from then on nothing is offered.
        mutating func close() {
            isClosed = true
            queue.removeWaiting()
            backlogs = [:]
            offers = [:]
            ahead = nil
        }

        // MARK: Who comes next

        /// Takes what comes next for a worker that is free, or for the spare place; nil where there is nothing, or no place.
        mutating func next() -> Beginning? {
            guard hasRoom else { return spare().map { .job(.lot($0, isSpare: true)) } }
            guard let (entry, pipeline) = queue.next() else {
                guard let offer = offers.values.first(where: { $0.open > 0 }) ?? ahead else { return nil }
                offer.open -= 1
                running += 1
                return .job(.piece(offer))
            }
            running += 1
            switch entry {
            case .paused(let turn):
                paused -= 1
                turn.isPaused = false
                turn.occupies = .worker
                return .paused(turn)
            case .waiting(let item):
                backlogs[pipeline]?.remove(item.seconds, slice: limits.slice)
                return .job(.lot(filled(item), isSpare: false))
            }
        }

        /// Takes short work of a pipeline of which nothing is under way, where all workers are busy and the spare place is free.
        private mutating func spare() -> [Item]? {
            guard !isSpareTaken else { return nil }
            let lot = limits.lot
            let found = queue.nextOfIdlePipeline { entry in
                if case .waiting(let item) = entry, let seconds = item.seconds { seconds <= lot } else { false }
            }
            guard case (.waiting(let item), let pipeline)? = found else { return nil }
            isSpareTaken = true
            backlogs[pipeline]?.remove(item.seconds, slice: limits.slice)
            return filled(item)
        }

        /// Returns the items that are begun together, with `first`. Workers share what waits: none takes more than its part of it.
        private mutating func filled(_ first: Item) -> [Item] {
            var items = [first]
            guard var rest = first.seconds.map({ limits.lot - $0 }) else { return items }
            let most = 1 + queue.waiting(of: first.pipeline) / max(limits.workers, 1)
            while items.count < most, rest > 0 {
                let next = queue.more(of: first.pipeline) { entry in
                    if case .waiting(let item) = entry, let seconds = item.seconds { seconds <= rest } else { false }
                }
                guard case .waiting(let item)? = next else { break }
                backlogs[item.pipeline]?.remove(item.seconds, slice: limits.slice)
                rest -= item.seconds ?? 0
                items.append(item)
            }
            return items
        }

        // MARK: Ends

        /// Takes note that a turn is over, and frees what it occupies.
        /// - Parameter count: the number of items that have ended.
        mutating func ended(_ turn: Turn, _ count: Int) {
            queue.charge(turn.pipeline, seconds: turn.ran())
            release(turn)
            offers[ObjectIdentifier(turn)] = nil
            for _ in 0..<count { queue.ended(turn.pipeline) }
        }

        /// Frees what a turn occupies: a worker, or the spare place.
        private mutating func release(_ turn: Turn) {
            switch turn.occupies {
            case .worker: running -= 1
            case .spare: isSpareTaken = false
            case .none: break
            }
            turn.occupies = .none
        }

        // MARK: Offers

        mutating func offer(
            _ open: Int, of key: ObjectIdentifier, _ pipeline: String, _ piece: @escaping @Sendable (any WorkerTurn) -> Bool
        ) {
            guard open > 0, !isClosed else { return offers[key] = nil }
            let offer = offers[key] ?? Offer(pipeline, piece)
            offer.open = open
            offers[key] = offer
        }

        mutating func offerAhead(of pipeline: String, _ piece: @escaping @Sendable (any WorkerTurn) -> Bool) {
            guard !isClosed else { return }
            let offer = Offer(pipeline, piece)
            offer.open = .max
            ahead = offer
        }

        /// Takes note that an offer has no pieces that nobody has begun.
        mutating func end(_ offer: Offer) {
            offer.open = 0
            if ahead === offer { ahead = nil }
        }

        // MARK: Pauses

        /// Returns whether the turn should be paused now, and charges its pipeline for the time that it had.
        mutating func isOver(_ turn: Turn) -> Bool {
            queue.charge(turn.pipeline, seconds: turn.ran())
            return mustPause(turn)
        }

        private func mustPause(_ turn: Turn) -> Bool {
            if turn.isHelp { return isClosed || !hasRoom && !queue.isEmpty }
            guard !isClosed else { return false }
            switch turn.occupies {
            case .none: return false
            // It was expected to be short, and goes on when it is its turn to have a worker.
            case .spare: return paused < limits.pausedAtMost
            case .worker: if hasRoom { return false }
            }
            return queue.hasBefore(turn.pipeline) { entry in
                switch entry {
                case .paused: true
                case .waiting(let item):
                    paused < (item.seconds ?? 0 > limits.slice ? limits.pausedAtMost - limits.workers : limits.pausedAtMost)
                }
            }
        }

        /// Pauses a turn. Returns whether it is paused: it goes on at once where nobody waits for its worker.
        mutating func pause(_ turn: Turn) -> Bool {
            guard mustPause(turn) else { return false }
            paused += 1
            release(turn)
            turn.isPaused = true
            queue.putBack(.paused(turn), of: turn.pipeline)
            return true
        }

        /// Ends a pause without a worker being free. Returns whether the turn was paused.
        mutating func goOn(_ turn: Turn) -> Bool {
            guard turn.isPaused else { return false }
            turn.isPaused = false
            paused -= 1
            queue.remove(of: turn.pipeline) { if case .paused(let other) = $0 { other === turn } else { false } }
            return true
        }
    }
}
