import Attempts
import FileSystem
import Glibc
import Synchronization
import WorkerProtocol

/// Keeps the worker processes of a daemon: they are started before they are needed, used one attempt at a time, and replaced when they die.
///
/// There are as many as workers, and one more once it was needed. Still more run only while more attempts are under way at once, as while
/// some are paused.
final class WorkerFleet: Sendable {
    private struct State {
        /// The processes that execute nothing; the one that was used last is at the end.
        var idle: [WorkerProcess] = []
        /// The processes that execute an attempt.
        var busy: [WorkerProcess] = []
        /// Tells whether processes are started before they are needed.
        var isReady = false
        var isClosed = false
        /// The number of processes that are kept: one more than the workers, once that many attempts were under way at once, as where one
        /// trains or short work has its spare place.
        var kept: Int
    }

    let settings: WorkerSettings
    private let workers: Int
    private let state: Mutex<State>
    /// The time that a process may take to start, on a machine that is busy.
    private static let patience: Duration = .seconds(60)

    /// - Parameter workers: the number of processes that are kept while nothing is done, at the start.
    init(_ settings: WorkerSettings, workers: Int) {
        self.settings = settings
        self.workers = workers
        state = Mutex(State(kept: workers))
    }

    /// The ids of the processes that execute an attempt, and of those that do not.
    var busyProcesses: [pid_t] { state.withLock { $0.busy.map(\.process) } }
    var idleProcesses: [pid_t] { state.withLock { $0.idle.map(\.process) } }

    /// Returns a process that executes nothing, for one attempt, or for several with the same model.
    func take(for spec: AttemptSpec) throws(WorkerError) -> WorkerProcess {
        while let worker = takeIdle(spec) {
            // It is nobody's fault where a process died while it executed nothing.
            if worker.isAlive, (try? worker.greet(within: Self.patience)) != nil { return worker }
            remove(worker)
        }
        let worker = try WorkerProcess(settings)
        // A process that cannot greet is ended when its value is freed.
        _ = try worker.greet(within: Self.patience)
        state.withLock { state in
            state.busy.append(worker)
            state.kept = min(max(state.kept, state.busy.count), workers + 1)
        }
        return worker
    }

    /// Takes a process that has executed the model, or else one whose use costs others least: one that last worked for the same pipeline, a
    /// new one, the one that was not used for longest. So the sessions of other pipelines stay loaded.
    private func takeIdle(_ spec: AttemptSpec) -> WorkerProcess? {
        state.withLock { state in
            let idle = state.idle
            guard
                let index = idle.lastIndex(where: { $0.hasExecuted(spec.model.digest) })
                    ?? idle.lastIndex(where: { $0.lastPipeline == spec.pipeline }) ?? idle.firstIndex(where: { $0.lastPipeline == nil })
                    ?? idle.indices.first
            else { return nil }
            let worker = state.idle.remove(at: index)
            state.busy.append(worker)
            return worker
        }
    }

    /// Gives back a process whose attempt has ended.
    func giveBack(_ worker: WorkerProcess) {
        worker.trimOutput()
        let isKept = state.withLock { state in
            guard !state.isClosed, state.idle.count + state.busy.count <= workers + 1 else { return false }
            state.busy.removeAll { $0 === worker }
            state.idle.append(worker)
            return true
        }
        if !isKept { remove(worker) }
    }

    /// Ends a process that was taken, and starts another in its place where one is lacking.
    func remove(_ worker: WorkerProcess) {
        let isReady = state.withLock { state in
            state.busy.removeAll { $0 === worker }
            return state.isReady
        }
        worker.kill()
        FaultPoint.reach(.workerRemoved)
        if isReady { fill() }
    }

    /// Starts processes until there are as many as are kept, and from now on when one is lacking.
    func fill() {
        state.withLock { $0.isReady = true }
        let dead = state.withLock { state in
            let dead = state.idle.filter { !$0.isAlive }
            state.idle.removeAll { idle in dead.contains { $0 === idle } }
            return dead
        }
        for worker in dead { worker.kill() }
        while state.withLock({ !$0.isClosed && $0.idle.count + $0.busy.count < $0.kept }) {
            guard let worker = try? WorkerProcess(settings) else { return }
            state.withLock { $0.idle.append(worker) }
        }
    }

    /// Ends the processes that execute nothing; those that do end as they are given back.
    func close() {
        let idle = state.withLock { state in
            state.isClosed = true
            defer { state.idle = [] }
            return state.idle
        }
        for worker in idle { worker.kill() }
    }
}
