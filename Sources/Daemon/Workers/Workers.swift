import Attempts
import Logging
import PipelineConfig
import Recipes
import Synchronization

/// Runs the threads that score and decide models, and apart from them the one that trains, so that neither ever waits for the other.
final class Workers: Sendable {
    private let scoring: WorkerPool<Dispatcher.Assignment>
    private let training: WorkerPool<Dispatcher.Assignment>
    let measuring: MeasuringQueue
    private let underWay: AttemptsUnderWay
    private let executor: any AttemptExecutor
    /// The orders of which ranges may be under way.
    private let ahead = Mutex<[AheadOrder]>([])

    /// The work that each worker has ahead, of small files, and the time that a long attempt runs before it lets others go first.
    private static let slice: Duration = .milliseconds(50)
    /// The time for which one worker takes short files together.
    private static let lot: Duration = .milliseconds(10)
    /// The number of attempts that may be paused for each worker.
    private static let pausedEach = 4
    /// The slice of trainings. A paused training holds as much memory as one that runs, so that only one is ever paused.
    private static let trainingSlice: Duration = .seconds(1)
    /// The most seconds of work that each worker has ahead, however long landing takes.
    private static let longestAhead = 1.0

    init(
        jobs: Int, executor: any AttemptExecutor, measuring: @escaping @Sendable () -> any AttemptExecutor, conditions: ConditionBoard,
        log: Logger,
        deliver: @escaping @Sendable (DispatchLoop.Message) -> Void
    ) {
        let underWay = AttemptsUnderWay(), helpers = LatePool()
        self.underWay = underWay
        self.executor = executor
        self.measuring = MeasuringQueue(makeExecutor: measuring) { deliver(.measured($0, $1)) }
        let body: WorkerPool<Dispatcher.Assignment>.Body = { assignments, turn in
            let attempts = assignments.map { assignment in
                let condition = assignment.trains ? TrainingCondition(assignment, conditions) : nil
                var control = AttemptControl(underWay.begin(assignment.spec.run), turn: turn) { progress in
                    condition?.update(progress)
                    if let why = progress.startsOver { log.startsOver(assignment.opened, why) }
                }
                if case .score(let files) = assignment.spec.work, files.parts != nil {
                    let range = assignment.spec.range(of: files)
                    control.offer = { [cancellation = control.cancellation] open in
                        turn.offer(open) {
                            // What fails here is done again by the attempt that made the offer, and then it is that one's failure.
                            let result = executor.execute(range, control: AttemptControl(cancellation))
                            return result.failure == nil && result.rowCount != nil
                        }
                    }
                }
                if assignment.trains, let helping = assignment.spec.helping {
                    control.offer = { [cancellation = control.cancellation] open in
                        helpers.offer(open, of: cancellation, assignment.pipeline.name) { turn in
                            // What does not help is done by the attempt itself.
                            let result = executor.execute(helping, control: AttemptControl(cancellation, turn: turn))
                            return result.failure == nil && result.rowCount != nil
                        }
                    }
                }
                return (spec: assignment.spec, control: control, condition: condition)
            }
            var finished: [Dispatcher.Finished] = []
            executor.execute(attempts.map { ($0.spec, $0.control) }) { place, result in
                let (spec, control) = (attempts[place].spec, attempts[place].control)
                underWay.end(spec.run)
                // A process that has died offers nothing any more.
                if spec.helping != nil { helpers.offer(0, of: control.cancellation, spec.pipeline) { _ in false } }
                attempts[place].condition?.end()
                finished.append((assignments[place], result))
            }
            return { [finished] in deliver(.finished(finished)) }
        }
        scoring = WorkerPool(
            "worker", workers: jobs, slice: Self.slice, lot: Self.lot, pausedAtMost: Self.pausedEach * jobs, onPause: { deliver(.room) },
            body)
        helpers.use(scoring)
        training = WorkerPool("training", workers: 1, slice: Self.trainingSlice, pausedAtMost: 1, onPause: { deliver(.room) }, body)
        executor.follow { [weak scoring] places in
            scoring?.use(workers: places, pausedEach: Self.pausedEach)
            // There may be room for more.
            deliver(.room)
        }
    }

    /// Returns what the workers have in hand.
    /// - Parameter away: the seconds that landing takes, in which they are to have enough to do.
    func loads(away: Double) -> WorkLoads {
        var loads = WorkLoads(scoring: scoring.load, training: training.load)
        loads.scoring.slice = max(loads.scoring.slice, min(2 * away, Self.longestAhead))
        return loads
    }

    var haveRoom: Bool { scoring.hasRoom }
    /// Tells whether workers may come for what waits.
    var mayCome: Bool { executor.mayGetPlaces }

    /// Tells the executor how much waits: what is not handed out, and what is and has not begun.
    /// - Returns: what there is to tell of workers elsewhere.
    func tell(_ demand: WorkDemand) -> [WorkerNews] {
        var demand = demand
        let load = scoring.load
        for backlog in load.backlogs.values {
            demand.waiting += backlog.count
            demand.unknown += backlog.long
            demand.seconds += backlog.seconds
        }
        demand.busy = load.workers - load.free
        return executor.note(demand)
    }

    func put(_ assignments: [Dispatcher.Assignment]) {
        guard !assignments.isEmpty else { return }
        func items(_ trains: Bool) -> [WorkerPool<Dispatcher.Assignment>.Item] {
            assignments.filter { $0.trains == trains }.map { .init(pipeline: $0.pipeline.name, work: $0, seconds: $0.seconds) }
        }
        scoring.put(items(false))
        training.put(items(true))
    }

    /// Has workers for whom nothing waits score ranges of a file that has no run yet, in place of those of an earlier order.
    func scoreAhead(_ order: AheadOrder) {
        ahead.withLock { orders in
            orders.removeAll(where: \.isOver)
            orders.append(order)
        }
        scoring.workAhead(of: order.spec.pipeline) { [executor] in
            guard order.begin() else { return false }
            let result = executor.execute(order.spec, control: AttemptControl(order.cancellation))
            order.end(isFailed: result.failure != nil)
            return result.failure == nil && result.rowCount != nil
        }
    }

    /// Ends the attempt of a run that was handed out.
    func stop(_ run: Int64) {
        measuring.stop(run)
        underWay.stop(run)
    }

    /// Takes all work back; what begins later ends at once.
    func takeBack() {
        underWay.takeBack()
        measuring.takeBack()
        for order in ahead.withLock({ $0 }) { order.cancellation.cancel() }
    }

    func close() {
        scoring.close()
        training.close()
        measuring.takeBack()
    }

    func join() async {
        await scoring.join()
        await training.join()
        await measuring.join()
    }
}

/// Knows the pool whose workers help those who train, once there is one.
private final class LatePool: Sendable {
    private struct Reference {
        weak var pool: WorkerPool<Dispatcher.Assignment>?
    }

    private let reference = Mutex(Reference())

    func use(_ pool: WorkerPool<Dispatcher.Assignment>) { reference.withLock { $0.pool = pool } }

    func offer(_ open: Int, of owner: AnyObject, _ pipeline: String, _ piece: @escaping @Sendable (any WorkerTurn) -> Bool) {
        reference.withLock { $0.pool }?.offer(open, of: owner, pipeline, piece)
    }
}

/// Keeps the attempts that run or are paused, by run, so that each can be told to end.
private final class AttemptsUnderWay: Sendable {
    private struct State {
        var isTakenBack = false
        var cancellations: [Int64: AttemptCancellation] = [:]
        /// The runs that are to end and were not begun.
        var stopping: Set<Int64> = []
    }

    private let state = Mutex(State())

    func begin(_ run: Int64) -> AttemptCancellation {
        let cancellation = AttemptCancellation()
        let cause: AttemptCancellation.Cause? = state.withLock { state in
            state.cancellations[run] = cancellation
            if state.stopping.contains(run) { return .stopped }
            return state.isTakenBack ? .takenBack : nil
        }
        if let cause { cancellation.cancel(cause) }
        return cancellation
    }

    func end(_ run: Int64) {
        state.withLock { state in
            state.cancellations[run] = nil
            state.stopping.remove(run)
        }
    }

    func stop(_ run: Int64) {
        let cancellation = state.withLock { state in
            if state.cancellations[run] == nil { state.stopping.insert(run) }
            return state.cancellations[run]
        }
        cancellation?.cancel(.stopped)
    }

    func takeBack() {
        let all = state.withLock { state in
            state.isTakenBack = true
            return Array(state.cancellations.values)
        }
        for cancellation in all { cancellation.cancel() }
    }
}
