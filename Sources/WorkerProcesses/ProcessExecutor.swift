package import Attempts
import FileSystem
import Foundation
package import PipelineConfig
import Reasons

/// Runs attempts in worker processes, which stay and keep their sessions. Each attempt has a process to itself, so that one that crashes,
/// hangs or outgrows its limits costs that attempt alone.
package final class ProcessExecutor: AttemptExecutor {
    let fleet: WorkerFleet
    private let gate = AloneGate()
    private let shares: MemoryShares
    private let courier: InputCourier

    /// Connects attempts that train with those that help them.
    package var meetings: HelperMeetings { fleet.settings.meetings }

    /// - Parameters:
    ///   - program: the path of the worker program.
    ///   - workers: the number of processes that are kept while nothing is done.
    ///   - sessionBytes: the most that the sessions of one process may cost, by the bytes of their models.
    ///   - prepared: the path of the folder of large models as the engine maps them; nil lets each process load all models for itself.
    ///   - confinement: whether the processes are confined.
    ///   - contents: the contents of small files that were read for their digests; nil where nobody keeps them.
    ///   - transport: the way in which workers are connected.
    ///   - delegated: the group below which each process gets a control group of its own; nil for none.
    package convenience init(
        program: String, workers: Int, sessionBytes: Int, prepared: String? = nil, confinement: ConfinementMode = .auto,
        contents: SmallContents? = nil, transport: WorkerTransport = .local, in delegated: DelegatedGroup? = nil
    ) {
        let settings = WorkerSettings(
            program: program, sessionBytes: sessionBytes, prepared: prepared, confinement: confinement, transport: transport,
            delegated: delegated)
        self.init(settings, workers: workers, contents: contents, shares: MemoryShares())
    }

    init(_ settings: WorkerSettings, workers: Int, contents: SmallContents? = nil, shares: MemoryShares) {
        self.shares = shares
        courier = InputCourier(contents: contents)
        fleet = WorkerFleet(settings, workers: workers)
    }

    deinit { fleet.close() }

    /// Starts processes before they are needed, from now on, until there are as many as are kept.
    package func fill() { fleet.fill() }

    /// The number of times that an attempt's process may be killed from outside; after the last one the attempt fails.
    private static let mostKills = 3

    /// Executes attempts. Short ones go to one process together; those that it does not answer are executed one by one.
    package func execute(_ attempts: [(spec: AttemptSpec, control: AttemptControl)], ended: (Int, AttemptResult) -> Void) {
        var left = Set(attempts.indices)
        if attempts.count > 1 {
            gate.enter()
            if let worker = try? fleet.take(for: attempts[0].spec) {
                let isWhole = LotWatch(worker, attempts, courier).run { place, result in
                    left.remove(place)
                    ended(place, result)
                }
                release(worker, isUsable: isWhole, after: attempts[0].spec)
                for place in left { removeOutput(of: attempts[place].spec) }
            }
            gate.leave()
        }
        for place in left.sorted() { ended(place, execute(attempts[place].spec, control: attempts[place].control)) }
    }

    /// Executes an attempt. One that was ended since all that ran together had outgrown the memory is run once more, alone. One that
    /// outgrew its own limit had all of that for itself: others would wait for nothing.
    package func execute(_ spec: AttemptSpec, control: AttemptControl) -> AttemptResult {
        gate.enter()
        let (result, loss) = execute(spec, control, isAlone: false)
        gate.leave()
        // Help that outgrows the memory is left to the attempt that it is for.
        if spec.isHelp { return result }
        guard loss == .memoryOfAll, !control.cancellation.isCancelled else { return result }
        gate.enterAlone()
        defer { gate.leaveAlone() }
        removeOutput(of: spec)
        return execute(spec, control, isAlone: true).result
    }

    private func execute(
        _ spec: AttemptSpec, _ control: AttemptControl, isAlone: Bool
    ) -> (result: AttemptResult, loss: AttemptWatch.Loss?) {
        var kills = 0
        while true {
            let (result, loss) = executeOnce(spec, control, isAlone: isAlone)
            if loss == .killed { kills += 1 }
            if loss != .killed || kills == Self.mostKills { return (result, loss) }
            removeOutput(of: spec)
            FaultPoint.reach(.workerAgain)
        }
    }

    /// Executes an attempt in one process.
    private func executeOnce(
        _ spec: AttemptSpec, _ control: AttemptControl, isAlone: Bool
    ) -> (result: AttemptResult, loss: AttemptWatch.Loss?) {
        let worker: WorkerProcess
        do throws(WorkerError) { worker = try fleet.take(for: spec) } catch {
            let failure = Failure(
                .machine, what: "\(error)", place: spec.place,
                remedy: "Free memory or processes, or install millrace again: it is tried again.")
            return (AttemptResult(failure: failure), nil)
        }
        let watch = AttemptWatch(worker, spec, control, gate: isAlone ? nil : gate, shares, courier)
        let result = watch.run()
        release(worker, isUsable: watch.isWorkerUsable, after: spec)
        return (result, watch.loss)
    }

    private func release(_ worker: WorkerProcess, isUsable: Bool, after spec: AttemptSpec) {
        guard isUsable else { return fleet.remove(worker) }
        worker.dismiss()
        worker.note(spec)
        fleet.giveBack(worker)
    }

    private func removeOutput(of spec: AttemptSpec) {
        switch spec.work {
        case .score(let files): try? FileManager.default.removeItem(atPath: files.output)
        case .scoreRange, .scoreAhead, .help, .measure: break
        case .rewrite(let files): try? FileManager.default.removeItem(atPath: files.directory)
        case .validateModel(let files, _), .fineTune(let files, _): try? FileManager.default.removeItem(atPath: files.directory)
        }
    }
}
