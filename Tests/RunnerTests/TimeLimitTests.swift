import Attempts
import Dispatch
import FileSystem
import Glibc
import PipelineConfig
import Recipes
import Runner
import SystemPackage
import TestSupport
import Testing

/// `limits.time` ends an attempt wherever it is: in one endless run of the engine too.
@Suite struct TimeLimitTests {
    /// Lets others go first, for a time that is longer than the limit.
    private struct LongTurn: AttemptTurn {
        let isOver = true
        func pause() { usleep(1_200_000) }
        func goOn() {}
    }

    private func score(
        _ x: String, seconds: Double?, turn: (any AttemptTurn)? = nil, in directory: TemporaryDirectory
    ) throws -> AttemptResult {
        let model = try directory.write(TinyModel.counting(), to: "model.onnx")
        let data = try directory.write("id,x\na,\(x)\n", to: "data.csv")
        let spec = AttemptSpec(
            run: 1, attempt: 1, pipeline: "p",
            work: .score(
                .init(
                    model: .init(path: model, digest: try FileDigest.of(FilePath(model)).digest),
                    data: .init(path: data, digest: try FileDigest.of(FilePath(data)).digest), output: directory("out.csv"), format: .csv)),
            schema: .init(key: ["id"], keep: ["id"]), stages: [.forward(.init())],
            limits: .init(seconds: seconds))
        // A limit that never comes must not leave the test without an end.
        let cancellation = AttemptCancellation()
        DispatchQueue.global().asyncAfter(deadline: .now() + 30) { cancellation.cancel() }
        return LocalExecutor(sessionBytes: 1 << 20).execute(spec, control: AttemptControl(cancellation, turn: turn))
    }

    @Test func theTimeInWhichOthersGoFirstDoesNotCount() throws {
        let directory = try TemporaryDirectory("turn")
        let answer = try score("3", seconds: 1, turn: LongTurn(), in: directory)
        #expect(answer.failure == nil, "\(String(describing: answer.failure))")
        #expect(answer.timings["paused"] ?? 0 > 1, "\(answer.timings)")
    }

    @Test func anEndlessRunEndsWhenItsTimeIsOver() throws {
        let directory = try TemporaryDirectory("time")
        let start = ContinuousClock.now
        let answer = try score("2e9", seconds: 0.3, in: directory)
        #expect(answer.failure?.kind == .timeLimit, "\(String(describing: answer.failure))")
        #expect(ContinuousClock.now - start >= .milliseconds(300))
    }

    @Test func whatIsDoneInTimeIsNotTouched() throws {
        let directory = try TemporaryDirectory("time")
        let answer = try score("3", seconds: 20, in: directory)
        #expect(answer.failure == nil)
        #expect(String(decoding: try directory.read("out.csv"), as: UTF8.self) == "id,y\na,6.0\n")
    }
}
