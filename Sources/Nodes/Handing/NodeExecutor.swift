package import Attempts
import FileSystem
import Glibc
import Synchronization
package import WorkerProcesses

/// Runs attempts in worker processes of this machine and, where these have none free, in workers that have joined from elsewhere.
package final class NodeExecutor: AttemptExecutor {
    private let local: ProcessExecutor?
    private let localPlaces: Places
    private let roster: Roster
    /// Returns the folders that an attempt uses, which its worker must share.
    private let folders: @Sendable (AttemptSpec) -> [SharedFolder]
    private let commons: HandOutCommons
    private let board: DemandBoard
    /// Tells how those do who start workers; nil where nobody does.
    private let supply: @Sendable () -> String?
    private let tell: @Sendable (String) -> Void

    /// The time until which workers of an earlier daemon may join with what they have.
    private let waitsForHeld = Mutex(ContinuousClock.now)

    /// The time after the start in which they are waited for.
    private static let returning: Duration = .seconds(5)
    /// The number of workers that an attempt may lose; after the last one it fails.
    private static let mostLosses = 3

    /// - Parameters:
    ///   - local: runs attempts on this machine; nil where none run here.
    ///   - places: the number of them that run here at once.
    ///   - board: takes how much waits.
    ///   - trainings: leads those who help to what others train.
    ///   - tell: says what happens.
    package init(
        local: ProcessExecutor?, places: Int, roster: Roster, board: DemandBoard = DemandBoard(),
        trainings: AwayTrainings = AwayTrainings(), supply: @escaping @Sendable () -> String? = { nil },
        tell: @escaping @Sendable (String) -> Void = { _ in },
        folders: @escaping @Sendable (AttemptSpec) -> [SharedFolder]
    ) {
        self.local = local
        localPlaces = Places(local == nil ? 0 : places)
        self.roster = roster
        commons = HandOutCommons(trainings: trainings)
        local?.meetings.connectElsewhere { [trainings] in trainings.connect(toHelp: $0) }
        self.board = board
        self.supply = supply
        self.tell = tell
        self.folders = folders
    }

    /// Gives workers that an earlier daemon had some seconds to join with what they execute.
    package func waitForWorkersOfBefore() { waitsForHeld.withLock { $0 = .now + Self.returning } }

    /// Removes what it keeps on the disk for attempts to come. Call it when there will be none.
    package func close() { commons.spares.close() }

    package func follow(_ tell: @escaping @Sendable (Int) -> Void) {
        let own = localPlaces.count
        roster.follow { tell(own + $0) }
    }

    package func note(_ demand: WorkDemand) -> [WorkerNews] {
        board.demand = demand
        var news = roster.entries.map { WorkerNews(subject: "\($0.number)", text: "\($0)") }
        news += roster.complaints.map { WorkerNews(subject: "host \($0.key)", text: $0.value) }
        if let supply = supply() { news.append(WorkerNews(subject: "supply", text: supply)) }
        return news
    }

    package var mayGetPlaces: Bool { supply() != nil || roster.places > 0 }

    package func execute(_ spec: AttemptSpec, control: AttemptControl) -> AttemptResult {
        guard spec.isHelp else { return again(spec, control, after: nil) }
        if case .help = spec.work { return executeHelp(spec, control) }
        return executeRange(spec, control)
    }

    package func execute(_ attempts: [(spec: AttemptSpec, control: AttemptControl)], ended: (Int, AttemptResult) -> Void) {
        guard attempts.count > 1 else { return ended(0, execute(attempts[0].spec, control: attempts[0].control)) }
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
        // The next daemon may take over what a worker goes on with, but otherwise nobody will.
        defer { if losses > 0, control.cancellation.cause != .takenBack { AwayFolder.removeEarlier(of: spec) } }
        // A worker that is lost may come back with the attempt, as one may that an earlier daemon had.
        var comesBackUntil = spec.attempt > 1 ? waitsForHeld.withLock { $0 } : nil
        while true {
            if let cause = control.cancellation.cause { return AttemptResult(failure: .cancelled(spec, by: cause)) }
            if doubt != nil || losses > 0 { usleep(200_000) }
            var answer: (result: AttemptResult, worker: JoinedWorker?)?
            if let until = comesBackUntil { adopt(spec, control, until) { answer = ($1, $2) } }
            comesBackUntil = nil
            if answer == nil { executeOnce([(spec, control)]) { answer = ($1, $2) } }
            guard let answer else {
                if control.cancellation.isCancelled { continue }
                losses += 1
                comesBackUntil = .now + Self.returning
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

    /// Follows an attempt that a worker was given by an earlier daemon, or over an earlier connection, if one comes back with it in time.
    private func adopt(
        _ spec: AttemptSpec, _ control: AttemptControl, _ until: ContinuousClock.Instant,
        _ ended: (Int, AttemptResult, JoinedWorker?) -> Void
    ) {
        while !control.cancellation.isCancelled {
            let inbox = HandOutInbox()
            if let (worker, held) = roster.adopt(spec, inbox) {
                tell(
                    "worker \(worker.number) of \(worker.hello.host) goes on with run \(spec.run), which it has had since before it joined")
                var answered = 0
                defer { roster.giveBack(worker, answered: answered) }
                _ = HandOut(spec, control, adopting: held, inbox, of: worker, commons).run { place, result in
                    answered += 1
                    ended(place, result, worker)
                }
                return
            }
            guard ContinuousClock.now < until else { break }
            usleep(20_000)
        }
        AwayFolder.removeEarlier(of: spec)
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
        guard attempts.count == 1 else { return local.execute(attempts) { ended($0, $1, nil) } }
        let (spec, control) = attempts[0]
        let execute = { local.execute(spec, control: control) }
        guard case .score(let files) = spec.work, let parts = files.parts else { return ended(0, execute(), nil) }
        ended(0, commons.ranges.with(OwnRanges(parts: parts), of: parts, execute), nil)
    }

    private func execute(
        _ attempts: [(spec: AttemptSpec, control: AttemptControl)], on worker: JoinedWorker,
        _ ended: (Int, AttemptResult, JoinedWorker?) -> Void
    ) {
        var answered = 0
        defer { roster.giveBack(worker, answered: answered) }
        if let fault = worker.fault(in: folders(attempts[0].spec)) { return roster.failed(worker, fault) }
        let isWhole = HandOut(attempts, to: worker, commons).run { place, result in
            answered += 1
            ended(place, result, worker)
        }
        if !isWhole { roster.failed(worker, "a worker was lost with an attempt, or what it had written did not arrive") }
    }

    // MARK: Helping

    /// Has somebody who is free help an attempt that trains, here or elsewhere. `rowCount` of the answer is nil where nobody did.
    private func executeHelp(_ order: AttemptSpec, _ control: AttemptControl) -> AttemptResult {
        // Elsewhere it trains in a folder of its own.
        let spec = commons.trainings.helping(order.run) ?? order
        if let local, localPlaces.take() {
            defer { localPlaces.giveBack() }
            return local.execute(spec, control: control)
        }
        guard let worker = roster.takeToHelp(spec) else { return AttemptResult() }
        defer { roster.giveBackFromHelp(worker) }
        if let fault = worker.fault(in: folders(spec)) {
            roster.failed(worker, fault)
            return AttemptResult()
        }
        return PieceOrder(spec, control, on: worker).run()
    }

    // MARK: Ranges

    /// Scores one range of a file that an attempt is about, here or elsewhere. `rowCount` of the answer is nil where nothing was done.
    private func executeRange(_ spec: AttemptSpec, _ control: AttemptControl) -> AttemptResult {
        guard case .scoreRange(let files) = spec.work, let parts = files.parts, let owner = commons.ranges.owner(parts) else {
            // A file that has no run yet is read here, and so are its ranges.
            return local?.execute(spec, control: control) ?? AttemptResult()
        }
        let isHere = localPlaces.take()
        defer { if isHere { localPlaces.giveBack() } }
        if isHere, let local, owner is OwnRanges { return local.execute(spec, control: control) }
        let worker = isHere ? nil : roster.take(for: spec)
        guard isHere || worker != nil else { return AttemptResult() }
        var answered = 0
        defer { if let worker { roster.giveBack(worker, answered: answered) } }
        if let worker, let fault = worker.fault(in: folders(spec)) {
            roster.failed(worker, fault)
            return AttemptResult()
        }
        guard let range = owner.claim() else { return AttemptResult() }
        var piece = files
        piece.parts = owner.parts
        piece.piece = .init(range: range, name: "\(range)-\(String(UInt64.random(in: .min ... .max), radix: 16)).new")
        var order = spec
        order.work = .scoreRange(piece)
        let result: AttemptResult
        if let worker {
            result = PieceOrder(order, control, on: worker).run()
            answered = 1
        } else {
            result = local?.execute(order, control: control) ?? AttemptResult()
        }
        owner.end(range, result.failure == nil && order.mayBeAnswered(with: result) ? result.files.first : nil)
        return result
    }
}
