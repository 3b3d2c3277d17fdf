import AttemptSupport
import Attempts
import Dispatch
import Foundation
import Runner
import Synchronization
import TestSupport
import Testing
import WorkerProtocol

@testable import Nodes

/// Attempts that let others go first on a worker that has joined.
@Suite struct PausingTests {
    /// A turn that is over until it is to go on: the attempt that has it waits meanwhile.
    private final class Turn: AttemptTurn {
        private let over = Atomic(true)
        let hasPaused = DispatchSemaphore(value: 0), mayGoOn = DispatchSemaphore(value: 0)

        var isOver: Bool { over.load(ordering: .relaxed) }

        func pause() {
            hasPaused.signal()
            mayGoOn.wait()
            over.store(false, ordering: .relaxed)
        }

        func goOn() { mayGoOn.signal() }
    }

    /// Executes attempts, each of which pauses first where it is asked to, and then holds those of a run until they are let go.
    private final class Pausing: AttemptExecutor {
        private let inner = LocalExecutor(sessionBytes: 1 << 20)
        let begun = DispatchSemaphore(value: 0), mayEnd = DispatchSemaphore(value: 0)
        private let held: Int64?

        init(holding run: Int64? = nil) { held = run }

        func execute(_ spec: AttemptSpec, control: AttemptControl) -> AttemptResult {
            begun.signal()
            // The first run is the one that takes long.
            while spec.run == 1, let turn = control.turn, !turn.isOver, held == nil { usleep(1000) }
            if let turn = control.turn, turn.isOver { turn.pause() }
            if spec.run == held { mayEnd.wait() }
            return inner.execute(spec, control: AttemptControl())
        }
    }

    private func spec(_ run: Int64, _ fixture: NodeFixture) throws -> AttemptSpec {
        var spec = try Scoring.spec(rows: "id,x\na,1\n", output: "out-\(run).csv", in: fixture.directory)
        spec.run = run
        return spec
    }

    private func execute(_ spec: AttemptSpec, _ fixture: NodeFixture, _ turn: Turn? = nil) -> DispatchSemaphore {
        let ended = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            let result = fixture.executor.execute(spec, control: AttemptControl(AttemptCancellation(), turn: turn))
            if result.failure == nil { ended.signal() }
        }
        return ended
    }

    /// One that has paused holds no place: what goes first is executed, although the worker has one place only, and then the other goes on.
    @Test func whatHasPausedLeavesItsPlace() throws {
        let fixture = try NodeFixture(), turn = Turn()
        fixture.join(Pausing())
        let long = execute(try spec(1, fixture), fixture, turn)
        turn.hasPaused.wait()
        let short = execute(try spec(2, fixture), fixture)
        #expect(short.wait(timeout: .now() + 60) == .success, "\(fixture.words.all)")
        turn.mayGoOn.signal()
        #expect(long.wait(timeout: .now() + 60) == .success)
    }

    private final class Sink: WorkerFrameSink {
        let told = DispatchSemaphore(value: 0)
        func tell(_ frame: WorkerFrame) { told.signal() }
    }

    /// The daemon asks until it hears that the attempt has paused: what it has asked for by then does not keep the attempt from going on.
    @Test func whoIsAskedAgainWhileItPausesGoesOn() {
        let sink = Sink(), ended = DispatchSemaphore(value: 0)
        let attempt = RemoteAttempt(AttemptReference(run: 1, attempt: 1, nonce: 1), sink)
        attempt.askForPause()
        #expect(attempt.isOver)
        Thread.detachNewThread {
            attempt.pause()
            ended.signal()
        }
        sink.told.wait()
        attempt.askForPause()
        attempt.goOn()
        #expect(ended.wait(timeout: .now() + 60) == .success)
        #expect(!attempt.isOver)
    }

    /// One that has not paused holds its place.
    @Test func othersWaitForAPlace() throws {
        let fixture = try NodeFixture(), executor = Pausing(holding: 1)
        fixture.join(executor)
        let first = execute(try spec(1, fixture), fixture)
        executor.begun.wait()
        let second = execute(try spec(2, fixture), fixture)
        #expect(executor.begun.wait(timeout: .now() + 0.5) == .timedOut)
        executor.mayEnd.signal()
        #expect(first.wait(timeout: .now() + 60) == .success && second.wait(timeout: .now() + 60) == .success)
    }
}
