import Arrivals
import Attempts
import Ledger
import PipelineConfig
import Testing

@testable import Daemon

@Suite struct UnfinishedOutputsTests {
    private let parts: PartsOfDispatcher
    private let outputs = UnfinishedOutputs()

    init() throws { parts = try PartsOfDispatcher() }

    private func add(_ name: String, after seconds: Double) throws -> Int64 {
        let opened = try parts.attempt(name)
        let spec = AttemptSpec(
            run: opened.run.number, attempt: 1, pipeline: "p",
            work: .score(
                .init(model: .init(path: "m", digest: "m"), data: .init(path: name, digest: "d"), output: "o", format: .csv)),
            schema: parts.pipeline.schema, stages: [], provenance: [:], limits: .init(threads: 1))
        let assignment = Dispatcher.Assignment(spec: spec, opened: opened)
        let result = AttemptResult(files: [.init(slot: "output", path: "o", digest: "d", byteCount: 1)])
        outputs.add(
            .init(
                assignment: assignment, result: result, output: assignment.stagedOutput(result, path: name, pins: nil),
                due: parts.now.advanced(by: .seconds(seconds))))
        return opened.run.number
    }

    @Test func theyComeBackOnceEachWhenTheyAreDue() throws {
        let runs = [try add("a.csv", after: 2), try add("b.csv", after: 1), try add("c.csv", after: 2)]
        #expect(outputs.due.min() == parts.now.advanced(by: .seconds(1)))
        #expect(outputs.takeDue(at: parts.now).isEmpty)
        parts.wait(1)
        #expect(outputs.takeDue(at: parts.now).map(\.assignment.run.number) == [runs[1]])
        #expect(runs.map(outputs.contains) == [true, false, true])
        parts.wait(1)
        #expect(outputs.takeDue(at: parts.now).map(\.assignment.run.number) == [runs[0], runs[2]])
        #expect(outputs.due.isEmpty)
    }

    @Test func aRecoveryThatWasLeftIsTriedAgainAfterAGrowingPause() {
        #expect(!outputs.isRecoveryDue(at: parts.now))
        for pause in [1.0, 2, 4] {
            outputs.recovered(at: parts.now, isLeft: true)
            #expect(!outputs.isRecoveryDue(at: parts.now))
            parts.wait(pause)
            #expect(outputs.due == [parts.now] && outputs.isRecoveryDue(at: parts.now))
        }
        outputs.recovered(at: parts.now, isLeft: false)
        #expect(!outputs.isRecoveryDue(at: parts.now) && outputs.due.isEmpty)
    }
}
