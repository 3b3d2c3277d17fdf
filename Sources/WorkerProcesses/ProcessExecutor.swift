package import Attempts
import Foundation
import Reasons

/// Runs attempts in worker processes, which stay and keep their sessions. Each attempt has a process to itself, so that one that crashes,
/// hangs or outgrows its limits costs that attempt alone.
package final class ProcessExecutor: AttemptExecutor {
    let fleet: WorkerFleet
    private let gate = AloneGate()
    private let shares: MemoryShares

    /// - Parameters:
    ///   - program: the path of the worker program.
    ///   - workers: how many processes are kept while nothing is done.
    ///   - sessionBytes: what the sessions of one process may cost, by the bytes of their models.
    ///   - prepared: the path of the folder of large models as the engine maps them; nil lets each process load all models for itself.
    package convenience init(program: String, workers: Int, sessionBytes: Int, prepared: String? = nil) {
        self.init(program: program, workers: workers, sessionBytes: sessionBytes, prepared: prepared, shares: MemoryShares())
    }

    init(program: String, workers: Int, sessionBytes: Int, prepared: String? = nil, shares: MemoryShares) {
        self.shares = shares
        fleet = WorkerFleet(program: program, kept: workers, sessionBytes: sessionBytes, prepared: prepared)
    }

    deinit { fleet.close() }

    /// Starts the processes that are kept before they are needed, from now on.
    package func fill() { fleet.fill() }

    /// How often an attempt is begun anew since its process was killed from outside.
    private static let mostKills = 3

    /// An attempt that outgrows the memory while others run is run once more, alone; the second time it is its own fault.
    package func execute(_ spec: AttemptSpec, control: AttemptControl) -> AttemptResult {
        gate.enter()
        let result = execute(spec, control, isAlone: false)
        gate.leave()
        guard result.failure?.kind == .memoryLimit, !control.cancellation.isCancelled else { return result }
        gate.enterAlone()
        defer { gate.leaveAlone() }
        removeOutput(of: spec)
        return execute(spec, control, isAlone: true)
    }

    private func execute(_ spec: AttemptSpec, _ control: AttemptControl, isAlone: Bool) -> AttemptResult {
        var kills = 0
        while true {
            let (result, wasKilled) = executeOnce(spec, control, isAlone: isAlone)
            if wasKilled { kills += 1 }
            if !wasKilled || kills == Self.mostKills { return result }
            removeOutput(of: spec)
        }
    }

    /// - Returns: the answer, and whether the process was killed from outside, by an operator say, which is not the attempt's fault.
    private func executeOnce(
        _ spec: AttemptSpec, _ control: AttemptControl, isAlone: Bool
    ) -> (result: AttemptResult, wasKilled: Bool) {
        let worker: WorkerProcess
        do throws(WorkerError) { worker = try fleet.take(for: spec.model.digest) } catch {
            let failure = Failure(
                .machine, what: "\(error)", place: spec.place,
                remedy: "Free memory or processes, or install millrace again: it is tried again.")
            return (AttemptResult(failure: failure), false)
        }
        let watch = AttemptWatch(worker, spec, control, gate: isAlone ? nil : gate, shares)
        let result = watch.run()
        if watch.isWorkerUsable {
            worker.noteModel(spec.model.digest)
            fleet.giveBack(worker)
        } else {
            fleet.remove(worker)
        }
        return (result, watch.wasKilledFromOutside)
    }

    private func removeOutput(of spec: AttemptSpec) {
        switch spec.work {
        case .score(let files): try? FileManager.default.removeItem(atPath: files.output)
        case .validateModel(let files, _), .fineTune(let files, _): try? FileManager.default.removeItem(atPath: files.directory)
        }
    }
}
