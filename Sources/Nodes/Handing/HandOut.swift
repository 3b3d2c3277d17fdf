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
    private let commons: HandOutCommons
    private let begun = ContinuousClock.now

    /// Says how a hand-out has ended.
    private enum End {
        case answered
        /// The worker was told to end an attempt, and has not said that it has.
        case givenUp
        /// The worker is gone, or what it has written does not arrive here; nobody knows what it still does.
        case lost
    }

    /// The time that a worker may take to answer after it was told to end an attempt.
    private static let grace: Duration = .seconds(10)

    /// - Parameter attempts: attempts of one pipeline.
    init(
        _ attempts: [(spec: AttemptSpec, control: AttemptControl)], to worker: JoinedWorker, _ commons: HandOutCommons
    ) {
        self.worker = worker
        self.commons = commons
        self.attempts = attempts
        adopted = nil
        references = attempts.map { AttemptReference(run: $0.spec.run, attempt: $0.spec.attempt, nonce: .random(in: .min ... .max)) }
    }

    /// Follows an attempt that a worker had before it joined.
    /// - Parameter inbox: gets what the worker says of it.
    init(
        _ spec: AttemptSpec, _ control: AttemptControl, adopting held: HeldAttempt, _ inbox: HandOutInbox, of worker: JoinedWorker,
        _ commons: HandOutCommons
    ) {
        self.worker = worker
        self.commons = commons
        attempts = [(spec, control)]
        adopted = (held, inbox)
        references = [held.reference]
    }

    /// Calls `ended` for each attempt that is answered.
    /// - Returns: whether all were, or are not wanted any more. If not, the attempts that were not are to be executed again.
    func run(_ ended: (Int, AttemptResult) -> Void) -> Bool {
        let away: AwayFolder
        defer { worker.forget(references) }
        do throws(FileSystemError) {
            if let adopted {
                guard let folder = AwayFolder(of: attempts[0].spec, adopted: adopted.attempt.spec) else {
                    worker.tell(.cancel(reference: references[0], cause: .takenBack))
                    return false
                }
                FaultPoint.reach(.awayAdopted)
                away = folder
            } else {
                away = try AwayFolder(for: attempts.map(\.spec), references[0], of: commons.spares)
            }
        } catch {
            for (place, attempt) in attempts.enumerated() {
                ended(place, AttemptResult(failure: Failure(landing: error, place: attempt.spec.place)))
            }
            return true
        }
        var end = End.lost
        // A worker that is lost may come back with one attempt, but not with several that were handed out together.
        defer { if end != .lost || attempts.count > 1 { away.giveBack(to: commons.spares, isAnswered: end == .answered) } }
        guard case .score(let files) = attempts[0].spec.work, case .score(let there) = away.specs[0].work, let parts = files.parts,
            let awayParts = there.parts
        else {
            end = commons.pace.follow { follow(away, ended) }
            return end != .lost
        }
        // Workers that are free may score ranges of it meanwhile.
        let owner = AwayRanges(parts: awayParts, worker: worker, reference: references[0])
        end = commons.ranges.with(owner, of: parts) { commons.pace.follow { follow(away, ended) } }
        return end != .lost
    }

    private func follow(_ away: AwayFolder, _ ended: (Int, AttemptResult) -> Void) -> End {
        let inbox = adopted?.inbox ?? HandOutInbox()
        if adopted == nil {
            guard (try? worker.send(away.specs, references, inbox)) != nil else { return .lost }
            FaultPoint.reach(.awaySent)
        }
        var left = Set(references.indices)
        var end = End.answered
        var told: [Int: ContinuousClock.Instant] = [:]
        while !left.isEmpty {
            switch inbox.next(within: commons.pace.tick) {
            case .lost?: return .lost
            case .frame(let frame)?:
                guard let (place, result) = take(frame, away) else { break }
                left.remove(place)
                if let result { ended(place, result) } else { end = .lost }
            case nil: letOthersGoFirst()
            }
            for place in left where attempts[place].control.cancellation.isCancelled {
                let cause = attempts[place].control.cancellation.cause ?? .takenBack
                if let since = told[place] {
                    guard .now - since > Self.grace else { continue }
                    left.remove(place)
                    if end == .answered { end = .givenUp }
                    ended(place, AttemptResult(failure: .cancelled(attempts[place].spec, by: cause)))
                } else {
                    told[place] = .now
                    worker.tell(.cancel(reference: references[place], cause: cause))
                }
            }
        }
        return end
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
        FaultPoint.reach(.awayCompared)
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
