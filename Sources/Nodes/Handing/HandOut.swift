import Arrivals
import Attempts
import FileSystem
import WorkerProtocol

/// Follows attempts that were handed together to one worker that has joined, until each is answered.
struct HandOut {
    private let worker: JoinedWorker
    private let attempts: [(spec: AttemptSpec, control: AttemptControl)]
    private let references: [AttemptReference]
    /// The attempt as the worker had it before it joined; nil for one that is handed out now.
    private let adopted: (attempt: HeldAttempt, inbox: HandOutInbox)?
    private let ranges: SharedRanges
    private let trainings: AwayTrainings
    private let begun = ContinuousClock.now

    /// The time between two looks at cancellations and turns.
    private static let tick: Duration = .milliseconds(50)
    /// The time that a worker may take to answer after it was told to end an attempt.
    private static let grace: Duration = .seconds(10)

    /// - Parameter attempts: attempts of one pipeline.
    init(
        _ attempts: [(spec: AttemptSpec, control: AttemptControl)], to worker: JoinedWorker, _ ranges: SharedRanges,
        _ trainings: AwayTrainings
    ) {
        self.trainings = trainings
        self.worker = worker
        self.ranges = ranges
        self.attempts = attempts
        adopted = nil
        references = attempts.map { AttemptReference(run: $0.spec.run, attempt: $0.spec.attempt, nonce: .random(in: .min ... .max)) }
    }

    /// Follows an attempt that a worker had before it joined.
    /// - Parameter inbox: gets what the worker says of it.
    init(
        _ spec: AttemptSpec, _ control: AttemptControl, adopting held: HeldAttempt, _ inbox: HandOutInbox, of worker: JoinedWorker,
        _ ranges: SharedRanges, _ trainings: AwayTrainings
    ) {
        self.trainings = trainings
        self.worker = worker
        self.ranges = ranges
        attempts = [(spec, control)]
        adopted = (held, inbox)
        references = [held.reference]
    }

    /// Calls `ended` for each attempt that is answered.
    /// - Returns: whether all were. If not, the worker is gone, or what it has written does not arrive here; nobody knows what it still does.
    func run(_ ended: (Int, AttemptResult) -> Void) -> Bool {
        let away: AwayFolder
        do throws(FileSystemError) {
            if let adopted {
                guard let folder = AwayFolder(of: attempts[0].spec, adopted: adopted.attempt.spec) else { return false }
                away = folder
            } else {
                away = try AwayFolder(for: attempts.map(\.spec), references[0])
            }
        } catch {
            for (place, attempt) in attempts.enumerated() {
                ended(place, AttemptResult(failure: Failure(landing: error, place: attempt.spec.place)))
            }
            return true
        }
        var isWhole = false
        defer {
            worker.forget(references)
            // A worker that is lost may come back with one attempt, but not with several that were handed out together.
            if isWhole || attempts.count > 1 { away.remove() }
        }
        if let helping = away.specs[0].helping {
            isWhole = trainings.with(worker, helping) { follow(away, ended) }
            return isWhole
        }
        guard case .score(let files) = attempts[0].spec.work, case .score(let there) = away.specs[0].work, let parts = files.parts,
            let awayParts = there.parts
        else {
            isWhole = follow(away, ended)
            return isWhole
        }
        // Workers that are free may score ranges of it meanwhile.
        let owner = AwayRanges(parts: awayParts, worker: worker, reference: references[0])
        isWhole = ranges.with(owner, of: parts) { follow(away, ended) }
        return isWhole
    }

    private func follow(_ away: AwayFolder, _ ended: (Int, AttemptResult) -> Void) -> Bool {
        let inbox = adopted?.inbox ?? HandOutInbox()
        guard adopted != nil || (try? worker.send(away.specs, references, inbox)) != nil else { return false }
        var left = Set(references.indices)
        var unseen = 0
        var told: [Int: ContinuousClock.Instant] = [:]
        while !left.isEmpty {
            switch inbox.next(within: Self.tick) {
            case .lost?: return false
            case .frame(let frame)?:
                guard let (place, result) = take(frame, away) else { break }
                left.remove(place)
                if let result { ended(place, result) } else { unseen += 1 }
            case nil: letOthersGoFirst()
            }
            for place in left where attempts[place].control.cancellation.isCancelled {
                let cause = attempts[place].control.cancellation.cause ?? .takenBack
                if let since = told[place] {
                    guard .now - since > Self.grace else { continue }
                    left.remove(place)
                    ended(place, AttemptResult(failure: .cancelled(attempts[place].spec, by: cause)))
                } else {
                    told[place] = .now
                    worker.tell(.cancel(reference: references[place], cause: cause))
                }
            }
        }
        return unseen == 0
    }

    /// Returns the place of the attempt that a frame answers, and the answer; nil for other frames. An answer whose files are not here is
    /// none.
    private func take(_ frame: WorkerFrame, _ away: AwayFolder) -> (Int, AttemptResult?)? {
        switch frame {
        case .answer(let reference, let result):
            guard let place = references.firstIndex(of: reference) else { return nil }
            return (place, takeHome(result, place, away))
        case .progress(let reference, let progress): control(of: reference)?.progress(progress)
        case .ranges(let reference, let open): control(of: reference)?.offer(open)
        case .paused(let reference): pause(reference)
        default: break
        }
        return nil
    }

    private func takeHome(_ result: AttemptResult, _ place: Int, _ away: AwayFolder) -> AttemptResult? {
        let spec = attempts[place].spec
        guard away.specs[place].mayBeAnswered(with: result) else {
            return AttemptResult(failure: .workerDied(spec, why: "it answered with files that this attempt does not write", lastWords: ""))
        }
        for file in result.files { if (try? AwayFolder.awaitFile(file)) == nil { return nil } }
        do throws(FileSystemError) {
            var result = try away.takeHome(result, place)
            result.machine = result.machine ?? worker.machine
            if attempts.count == 1, let total = result.timings["total"] {
                result.timings["handoff"] = max((ContinuousClock.now - begun).seconds - total - (result.timings["paused"] ?? 0), 0)
            }
            return result
        } catch {
            return AttemptResult(failure: Failure(landing: error, place: spec.place))
        }
    }

    private func control(of reference: AttemptReference) -> AttemptControl? {
        references.firstIndex(of: reference).map { attempts[$0].control }
    }

    // MARK: Turns

    private func letOthersGoFirst() {
        // Short attempts, which are handed out together, end soon.
        guard attempts.count == 1, let turn = attempts[0].control.turn, turn.isOver else { return }
        worker.tell(.pause(reference: references[0]))
    }

    private func pause(_ reference: AttemptReference) {
        if let control = control(of: reference), let turn = control.turn, turn.isOver {
            control.cancellation.withHandler({ turn.goOn() }) { turn.pause() }
        }
        worker.tell(.goOn(reference: reference))
    }
}
