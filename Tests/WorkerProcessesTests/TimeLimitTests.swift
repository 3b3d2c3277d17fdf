import AttemptSupport
import Attempts
import Dispatch
import Glibc
import PipelineConfig
import Synchronization
import TestSupport
import Testing

@testable import WorkerProcesses

/// `limits.time` ends an attempt wherever it is: in one endless run of the engine too.
@Suite(.serialized) struct TimeLimitTests {
    /// Lets others go first once, for a time that is longer than the limit.
    private final class LongTurn: AttemptTurn {
        private let hasPaused = Atomic(false)
        var isOver: Bool { !hasPaused.load(ordering: .relaxed) }
        func pause() {
            hasPaused.store(true, ordering: .relaxed)
            usleep(5_500_000)
        }
        func goOn() {}
    }

    /// - Parameter values: one for each row; each is a batch. A row takes time that grows with its value.
    private func score(
        _ values: [String], seconds: Double?, turn: (any AttemptTurn)? = nil, in directory: TemporaryDirectory
    ) throws -> AttemptResult {
        var spec = try Scoring.spec(
            model: TinyModel.counting(), rows: "id,x\n" + values.map { "a,\($0)\n" }.joined(), limits: .init(seconds: seconds),
            in: directory)
        spec.stages = [.forward(.init(batchSize: .rows(1)))]
        // A limit that never comes must not leave the test without an end.
        let cancellation = AttemptCancellation()
        DispatchQueue.global().asyncAfter(deadline: .now() + 60) { cancellation.cancel() }
        let executor = ProcessExecutor(program: BuiltProgram.worker, workers: 1, sessionBytes: 1 << 20)
        return executor.execute(spec, control: AttemptControl(cancellation, turn: turn))
    }

    @Test func theTimeInWhichOthersGoFirstDoesNotCount() throws {
        let directory = try TemporaryDirectory("turn")
        // The rows take some tenths of a second, in which the worker hears at a batch that others go first.
        let answer = try score(Array(repeating: "20000", count: 40), seconds: 5, turn: LongTurn(), in: directory)
        #expect(answer.failure == nil, "\(String(describing: answer.failure))")
        #expect(answer.timings["paused"] ?? 0 > 5, "\(answer.timings)")
        #expect(answer.timings["total"] ?? 0 > 0)
    }

    /// Wants others to go first once the batch is under way, counts how often they do, and lets them for as long as nobody ends it.
    private final class WantedTurn: AttemptTurn {
        let pauses = Atomic(0)
        private let mayGoOn = Mutex(false)
        private let since = ContinuousClock.now + .seconds(2)
        var isOver: Bool { .now >= since && pauses.load(ordering: .relaxed) == 0 }
        func pause() {
            pauses.add(1, ordering: .relaxed)
            while !mayGoOn.withLock({ $0 }) { usleep(1000) }
        }
        func goOn() { mayGoOn.withLock { $0 = true } }
    }

    /// One batch that never ends keeps nobody waiting: others have its place, and its time goes on.
    @Test func anAttemptThatDoesNotPauseLendsItsPlace() throws {
        let directory = try TemporaryDirectory("lent")
        let turn = WantedTurn()
        let start = ContinuousClock.now
        let answer = try score(["2e12"], seconds: 4, turn: turn, in: directory)
        #expect(answer.failure?.kind == .timeLimit, "\(String(describing: answer.failure))")
        #expect(turn.pauses.load(ordering: .relaxed) == 1)
        #expect(ContinuousClock.now - start < .seconds(30))
    }

    /// One that hears it after its place was lent waits until others have had their turn, and then goes on.
    @Test func anAttemptThatPausesLateGoesOn() throws {
        let directory = try TemporaryDirectory("late")
        let turn = WantedTurn()
        DispatchQueue.global().asyncAfter(deadline: .now() + 5) { turn.goOn() }
        let answer = try score(["1200000", "1", "2"], seconds: 60, turn: turn, in: directory)
        #expect(answer.failure == nil, "\(String(describing: answer.failure))")
        #expect(turn.pauses.load(ordering: .relaxed) == 1)
    }

    @Test func anEndlessRunEndsWhenItsTimeIsOver() throws {
        let directory = try TemporaryDirectory("time")
        let start = ContinuousClock.now
        let answer = try score(["2e12"], seconds: 0.3, in: directory)
        #expect(answer.failure?.kind == .timeLimit, "\(String(describing: answer.failure))")
        #expect(ContinuousClock.now - start >= .milliseconds(300))
    }

    @Test func whatIsDoneInTimeIsNotTouched() throws {
        let directory = try TemporaryDirectory("time")
        let answer = try score(["3"], seconds: 20, in: directory)
        #expect(answer.failure == nil)
        #expect(String(decoding: try directory.read("out.csv"), as: UTF8.self) == "id,y\na,6.0\n")
    }
}
