import Arrivals
import Attempts
import Ledger
import PipelineConfig
import Reasons
import Testing

@testable import Daemon

@Suite struct RunDecisionsTests {
    @Test func allIsRecordedInOneTransactionWithItsEvents() throws {
        let parts = try PartsOfDispatcher()
        let (done, failed, back) = (try parts.attempt("a.csv"), try parts.attempt("b.csv"), try parts.attempt("c.csv"))
        let due = parts.now.advanced(by: .seconds(5))
        var decisions = RunDecisions()
        #expect(decisions.isEmpty)
        decisions.close(done, .done(verdict: nil), timings: ["total": 1], rowCount: 3)
        decisions.delay(failed, parts.failure(.resource), until: due, counts: true)
        decisions.delay(back, parts.failure(.cancelled), until: nil, counts: false)
        #expect(!decisions.isEmpty)
        let recorded = try decisions.record(in: parts.ledger, at: parts.now)
        #expect(recorded.activations.isEmpty && recorded.labels.isEmpty)
        #expect(try [done, failed, back].map { try parts.state($0.arrival) } == [.done, .waiting, .waiting])
        #expect(try parts.ledger.openRuns().map(\.nextAttemptAt) == [due, nil])
        let events = try parts.ledger.events(after: 0).filter { $0.run != nil }
        #expect(events.map(\.kind) == ["done", "delayed", "handed back"] && events.map(\.run) == [1, 2, 3])
    }

    @Test func aModelThatIsPublishedComesIntoForceAtItsPosition() throws {
        let parts = try PartsOfDispatcher()
        let attempt = try parts.attempt("m.onnx", .model)
        let version = try parts.ledger.write { (tx) throws(LedgerError) in try tx.intendVersion(run: attempt.run.number, parent: nil) }
        let spec = AttemptSpec(
            run: attempt.run.number, attempt: 1, pipeline: "p",
            work: .validateModel(.init(model: .init(path: "m", digest: "m"), rows: nil, directory: "d"), training: nil),
            schema: parts.pipeline.schema, stages: [])
        var decisions = RunDecisions()
        decisions.close(attempt, .done(verdict: nil))
        decisions.publish(
            .init(
                assignment: .init(spec: spec, opened: attempt), version: version, modelDigest: "m", floatDigest: nil, card: "card",
                training: nil, position: attempt.arrival.number))
        let recorded = try decisions.record(in: parts.ledger, at: parts.now)
        #expect(recorded.activations.map { $0?.position } == [attempt.arrival.number] && recorded.labels == [[]])
        #expect(try parts.ledger.activeVersion(pipeline: "p") == version)
    }
}
