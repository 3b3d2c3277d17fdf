package import Attempts
import FileSystem
import Glibc
package import WorkerProcesses

/// Runs attempts in worker processes of this machine and, where these have none free, in workers that have joined from elsewhere.
package final class NodeExecutor: AttemptExecutor {
    private let local: ProcessExecutor?
    private let localPlaces: Places
    private let roster: Roster
    /// Returns the folders that an attempt uses, which its worker must share.
    private let folders: @Sendable (AttemptSpec) -> [SharedFolder]

    /// The number of workers that an attempt may lose; after the last one it fails.
    private static let mostLosses = 3

    /// - Parameters:
    ///   - local: runs attempts on this machine; nil where none run here.
    ///   - places: the number of them that run here at once.
    package init(
        local: ProcessExecutor?, places: Int, roster: Roster, folders: @escaping @Sendable (AttemptSpec) -> [SharedFolder]
    ) {
        self.local = local
        localPlaces = Places(local == nil ? 0 : places)
        self.roster = roster
        self.folders = folders
    }

    package func follow(_ tell: @escaping @Sendable (Int) -> Void) {
        let own = localPlaces.count
        roster.follow { tell(own + $0) }
    }

    package func execute(_ spec: AttemptSpec, control: AttemptControl) -> AttemptResult { again(spec, control, after: nil) }

    package func execute(_ attempts: [(spec: AttemptSpec, control: AttemptControl)], ended: (Int, AttemptResult) -> Void) {
        var doubts: [Int: Doubt] = [:]
        var left = Set(attempts.indices)
        executeOnce(attempts) { place, result, worker in
            if let worker, let doubt = Doubt(result, of: worker, after: nil), !doubt.isConfirmed(attempts[place].spec, after: nil) {
                doubts[place] = doubt
            } else {
                left.remove(place)
                ended(place, result)
            }
        }
        // Those that were not answered are executed one by one, so that it is known which of them is to blame.
        for place in left.sorted() { ended(place, again(attempts[place].spec, attempts[place].control, after: doubts[place])) }
    }

    /// Executes an attempt until there is an answer that counts.
    private func again(_ spec: AttemptSpec, _ control: AttemptControl, after first: Doubt?) -> AttemptResult {
        var doubt = first
        var losses = 0
        while true {
            if let cause = control.cancellation.cause { return AttemptResult(failure: .cancelled(spec, by: cause)) }
            if doubt != nil || losses > 0 { usleep(200_000) }
            var answer: (result: AttemptResult, worker: JoinedWorker?)?
            executeOnce([(spec, control)]) { answer = ($1, $2) }
            guard let answer else {
                if control.cancellation.isCancelled { continue }
                losses += 1
                guard losses < Self.mostLosses else {
                    return AttemptResult(
                        failure: .workerDied(spec, why: "the workers that executed it were lost, \(losses) of them", lastWords: ""))
                }
                continue
            }
            if let worker = answer.worker, let now = Doubt(answer.result, of: worker, after: doubt), !now.isConfirmed(spec, after: doubt) {
                doubt = now
                continue
            }
            // The same attempt does better elsewhere.
            if let doubt, doubt.isOfMachine, answer.result.failure?.kind != .machine, let failure = doubt.result.failure {
                roster.failed(doubt.worker, failure.what)
            }
            return answer.result
        }
    }

    /// Executes attempts together, somewhere. Those of a worker that is lost are not answered.
    /// - Parameter ended: is called with the place of an attempt, its answer, and the worker from elsewhere that has given it.
    private func executeOnce(
        _ attempts: [(spec: AttemptSpec, control: AttemptControl)], _ ended: (Int, AttemptResult, JoinedWorker?) -> Void
    ) {
        let spec = attempts[0].spec
        if spec.isOneRange { return executeHere(attempts, ended) }
        if localPlaces.take() {
            defer { localPlaces.giveBack() }
            return executeHere(attempts, ended)
        }
        while !attempts.allSatisfy(\.control.cancellation.isCancelled) {
            guard let worker = roster.take(for: spec) else {
                if local != nil { return executeHere(attempts, ended) }
                usleep(100_000)
                continue
            }
            return execute(attempts, on: worker, ended)
        }
    }

    private func executeHere(
        _ attempts: [(spec: AttemptSpec, control: AttemptControl)], _ ended: (Int, AttemptResult, JoinedWorker?) -> Void
    ) {
        guard let local else {
            for (place, attempt) in attempts.enumerated() {
                ended(place, AttemptResult(failure: .cancelled(attempt.spec, by: .takenBack)), nil)
            }
            return
        }
        // What a worker elsewhere has written of a training is gone on with.
        if let training = attempts[0].spec.training { try? AwayCheckpoints(training.checkpoints).takeHome() }
        if attempts.count == 1 { return ended(0, local.execute(attempts[0].spec, control: attempts[0].control), nil) }
        local.execute(attempts) { ended($0, $1, nil) }
    }

    private func execute(
        _ attempts: [(spec: AttemptSpec, control: AttemptControl)], on worker: JoinedWorker,
        _ ended: (Int, AttemptResult, JoinedWorker?) -> Void
    ) {
        var answered = 0
        defer { roster.giveBack(worker, answered: answered) }
        if let fault = worker.fault(in: folders(attempts[0].spec)) { return roster.failed(worker, fault) }
        let isWhole = HandOut(attempts, to: worker).run { place, result in
            answered += 1
            ended(place, result, worker)
        }
        if !isWhole { roster.failed(worker, "a worker was lost with an attempt") }
    }
}
