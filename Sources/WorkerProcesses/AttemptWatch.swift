import Arrivals
import Attempts
import FileSystem
import Synchronization
import WorkerProtocol

/// Follows one attempt in a worker process from its order to its answer: it passes on what either side tells the other, and ends the
/// process where a limit is reached. One thread uses it, except for cancellation.
final class AttemptWatch {
    private let worker: WorkerProcess
    private let spec: AttemptSpec
    private let control: AttemptControl
    private let reference: AttemptReference
    /// The gate for attempts that run beside others; nil for an attempt that runs alone.
    private let gate: AloneGate?
    private let shares: MemoryShares
    private let courier: InputCourier
    /// The memory of the process before the attempt, in bytes.
    private let memoryBefore: Int
    /// The number of processes in the control group that the kernel had ended for lack of memory before the attempt.
    private let killsBefore: Int
    private var clock: AttemptClock
    /// The time at which the attempt was handed to the process.
    private let begun = ContinuousClock.now
    /// The time at which the worker was told to pause; nil where it was not, or has paused since.
    private var pauseAsked: ContinuousClock.Instant?
    /// The place among the workers that the attempt has lent to others while it still runs.
    private var lent: LentPlace?
    /// Tells whether the attempt took long enough that its memory was looked at.
    private var hasTicked = false
    /// The time at which the process is ended if it has not answered; nil where the attempt may go on.
    private var endBy: ContinuousClock.Instant?
    private(set) var isWorkerUsable = true
    /// Why the attempt has lost its process, if that was not its own fault; nil otherwise.
    private(set) var loss: Loss?

    /// Why an attempt loses its process without a fault of its own.
    enum Loss: Hashable {
        /// The process was killed by a signal that only another process sends.
        case killed
        /// All attempts that ran together outgrew the memory, and this one had grown most.
        case memoryOfAll
    }

    /// The time between two looks at turns and limits while an attempt runs.
    private static let tick: Duration = .milliseconds(50)
    /// The time that a worker may take to pause before its place is lent.
    private static let hearing: Duration = .milliseconds(100)
    /// The time that a worker may take to answer after it was told to end an attempt.
    private static let grace: Duration = .seconds(2)

    init(
        _ worker: WorkerProcess, _ spec: AttemptSpec, _ control: AttemptControl, gate: AloneGate?, _ shares: MemoryShares,
        _ courier: InputCourier
    ) {
        self.worker = worker
        self.spec = spec
        self.control = control
        self.gate = gate
        self.shares = shares
        self.courier = courier
        memoryBefore = worker.restingMemory
        killsBefore = worker.group?.killsForMemory ?? 0
        reference = AttemptReference(run: spec.run, attempt: spec.attempt, nonce: .random(in: .min ... .max))
        clock = AttemptClock(spec.limits)
    }

    func run() -> AttemptResult {
        defer {
            lent?.end()
            shares.forget(reference.nonce)
            if hasTicked, isWorkerUsable { worker.restingMemory = worker.ownMemory }
        }
        do throws(FrameError) {
            if try worker.send(spec, reference, given: control.data, courier) { worker.giveOutput(of: reference) }
            let (connection, reference, cancellation) = (worker.connection, reference, control.cancellation)
            return try cancellation.withHandler {
                try? connection.send(DaemonFrame.cancel(reference: reference, cause: cancellation.cause ?? .takenBack))
            } _: { () throws(FrameError) in
                while true {
                    if let frame = try connection.receive(WorkerFrame.self, within: Self.tick) {
                        if let result = take(frame) { return result }
                    } else if let failure = lookAtLimits() {
                        return end(failure)
                    }
                }
            }
        } catch {
            return died(error)
        }
    }

    /// Returns the answer, if the frame is that.
    private func take(_ frame: WorkerFrame) -> AttemptResult? {
        switch frame {
        case .answer(reference, let result) where !spec.mayBeAnswered(with: result):
            return end(.workerDied(spec, why: "it answered with files that this attempt does not write; it was ended", lastWords: ""))
        case .answer(reference, var result):
            result.machine = result.machine ?? worker.machine
            if let total = result.timings["total"] {
                result.timings["handoff"] = max((ContinuousClock.now - begun).seconds - total - (result.timings["paused"] ?? 0), 0)
            }
            return result
        case .phase(reference, let phase): clock.begin(phase)
        case .heartbeat(reference, let steps): clock.note(steps: steps)
        case .progress(reference, let progress):
            clock.note(progress)
            control.progress(progress)
        // An attempt that runs alone has no help.
        case .ranges(reference, let open): if gate != nil { control.offer(open) }
        case .paused(reference): pause()
        // A frame about another attempt comes too late.
        case .answer, .phase, .heartbeat, .progress, .ranges, .paused, .hello, .machine, .alive, .held, .claimed, .seen, .leaving: break
        }
        return nil
    }

    private func pause() {
        pauseAsked = nil
        clock.pause()
        lent?.wait { control.cancellation.isCancelled }
        lent = nil
        if let gate, gate.isWanted {
            gate.leave()
            gate.enter()
        }
        if let turn = control.turn, turn.isOver { control.cancellation.withHandler({ turn.goOn() }) { turn.pause() } }
        clock.goOn()
        // A worker that is gone is found out by the next read.
        try? worker.connection.send(DaemonFrame.goOn(reference: reference))
    }

    /// Returns the reason why the process is to be ended now; nil where the attempt goes on.
    private func lookAtLimits() -> Failure? {
        hasTicked = true
        letOthersGoFirst()
        if let endBy {
            guard ContinuousClock.now >= endBy else { return nil }
            return control.cancellation.cause.map { .cancelled(spec, by: $0) } ?? .timeLimit(spec)
        }
        if control.cancellation.isCancelled {
            endBy = .now + Self.grace
            return nil
        }
        if let failure = lookAtMemory() { return failure }
        switch clock.over {
        case nil: return nil
        case .time:
            // An attempt that hears this ends by itself and keeps its process.
            endBy = .now + Self.grace
            try? worker.connection.send(DaemonFrame.cancel(reference: reference, cause: .timeLimit))
            return nil
        case .loading(let limit): return .loadTime(spec, limit)
        case .standstill(let limit): return .standstill(spec, limit)
        }
    }

    private func letOthersGoFirst() {
        if lent?.isBack == true { lent = nil }
        guard endBy == nil, lent == nil else { return }
        let isOver = control.turn?.isOver == true
        if let pauseAsked {
            if isOver, let turn = control.turn, .now - pauseAsked >= Self.hearing { lent = LentPlace(turn) }
        } else if isOver || gate?.isWanted == true {
            pauseAsked = .now
            try? worker.connection.send(DaemonFrame.pause(reference: reference))
        }
    }

    private func lookAtMemory() -> Failure? {
        guard let limit = spec.limits.memoryBytes else { return nil }
        switch shares.note(max(worker.ownMemory - memoryBefore, 0), of: reference.nonce, limit: limit) {
        case nil: return nil
        case .own: return .memoryLimit(spec, limit)
        case .most:
            // Of one that runs alone, only its own limit counts: others have paused for it, and keep what they have.
            guard gate != nil else { return nil }
            loss = .memoryOfAll
            return .memoryOfAll(spec, shares.allowance)
        }
    }

    private func end(_ failure: Failure) -> AttemptResult {
        isWorkerUsable = false
        worker.kill()
        return AttemptResult(failure: failure)
    }

    private func died(_ error: FrameError) -> AttemptResult {
        FaultPoint.reach(.workerLost)
        isWorkerUsable = false
        if let cause = control.cancellation.cause { return AttemptResult(failure: .cancelled(spec, by: cause)) }
        // A process that has closed its connection is about to end; one whose frames cannot be understood is ended.
        let ending = error == .closed ? worker.ending() : worker.kill()
        let isOutOfMemory = worker.group.map { $0.killsForMemory > killsBefore } ?? false
        if error == .closed, ending.isFromOutside, !isOutOfMemory { loss = .killed }
        let why = error == .closed ? "\(ending)" : "\(error)"
        if let limit = spec.limits.memoryBytes, isOutOfMemory || ending.isCrash && worker.saidItLacksMemory {
            return AttemptResult(failure: .memoryLimit(spec, limit))
        }
        return AttemptResult(failure: .workerDied(spec, why: why, lastWords: worker.lastWords))
    }
}
