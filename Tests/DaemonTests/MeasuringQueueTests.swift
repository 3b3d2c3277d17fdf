import Attempts
import Deployment
import Dispatch
import FileSystem
import Foundation
import PipelineConfig
import Reasons
import Recipes
import Synchronization
import SystemPackage
import TestSupport
import Testing

@testable import Daemon

/// An executor whose attempts run until they are cancelled, and a while longer.
private final class SlowExecutor: AttemptExecutor {
    private let began = DispatchSemaphore(value: 0)
    private let ended = Atomic(0)
    private let released = DispatchSemaphore(value: 0)
    private let reluctance: TimeInterval
    private let hears: Bool

    /// - Parameters:
    ///   - reluctance: the seconds that an attempt goes on after it was cancelled.
    ///   - hears: whether it ends when it is cancelled; otherwise only `release` ends it.
    init(reluctance: TimeInterval, hears: Bool = true) {
        self.reluctance = reluctance
        self.hears = hears
    }

    func execute(_ spec: AttemptSpec, control: AttemptControl) -> AttemptResult {
        began.signal()
        control.cancellation.withHandler({ [hears, released] in if hears { released.signal() } }) {
            released.wait()
        }
        Thread.sleep(forTimeInterval: reluctance)
        ended.add(1, ordering: .relaxed)
        return AttemptResult(failure: .cancelled(spec, by: control.cancellation.cause ?? .takenBack))
    }

    func release() { released.signal() }
    func waitForAttempt() -> Bool { began.wait(timeout: .now() + 60) == .success }
    var count: Int { ended.load(ordering: .relaxed) }
}

/// A daemon that ends waits for what it measures.
@Suite struct MeasuringQueueTests {
    private let directory: TemporaryDirectory
    private let answers = Answers()

    private final class Answers: Sendable {
        let failures = Mutex<[Failure.Kind]>([])
    }

    init() throws { directory = try TemporaryDirectory("measuring") }

    private func queue(_ executor: SlowExecutor) -> MeasuringQueue {
        MeasuringQueue(makeExecutor: { executor }) { [answers] _, outcome in
            guard case .failure(let failure) = outcome else { return }
            answers.failures.withLock { $0.append(failure.kind) }
        }
    }

    private func order(_ run: Int64) -> MeasuringOrder {
        let files = AttemptSpec.MeasuredFiles(
            model: .init(path: directory("m.onnx"), digest: "d"), data: nil, rows: 1,
            reference: MeasuringQueue.folder(work: directory.path))
        let spec = AttemptSpec(
            run: 0, attempt: 1, pipeline: "p", work: .measure(files), schema: RowSchema(inputs: [], keep: []),
            stages: [.forward(ForwardStage())])
        let plan = MeasuringPlan(.float32, sharings: CoreSharing.ofOneSession(threads: 1), batches: [1])
        return MeasuringOrder(.publication(run: run), spec, plan, kept: ChoiceStore(work: FilePath(directory.path)))
    }

    @Test func whatWasTakenBackHasEndedWhenTheDaemonDoes() async {
        let executor = SlowExecutor(reluctance: 0.3)
        let queue = queue(executor)
        queue.put([order(1), order(2)])
        #expect(executor.waitForAttempt())
        #expect(FileManager.default.fileExists(atPath: directory("measuring")))
        queue.takeBack()
        await queue.join(within: .seconds(60))
        // The second was never begun.
        #expect(executor.count == 1)
        #expect(!FileManager.default.fileExists(atPath: directory("measuring")))
        #expect(answers.failures.withLock { $0 } == [.cancelled, .cancelled])
    }

    @Test func anAttemptThatDoesNotEndIsNotWaitedForLong() async {
        let executor = SlowExecutor(reluctance: 0, hears: false)
        let queue = queue(executor)
        queue.put([order(1)])
        #expect(executor.waitForAttempt())
        queue.takeBack()
        await queue.join(within: .milliseconds(50))
        #expect(executor.count == 0)
        executor.release()
        await queue.join(within: .seconds(60))
    }

    @Test func nothingIsWaitedForWhereNothingIsMeasured() async {
        await queue(SlowExecutor(reluctance: 0)).join(within: .seconds(60))
    }
}
