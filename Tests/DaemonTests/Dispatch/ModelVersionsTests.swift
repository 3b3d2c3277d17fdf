import Arrivals
import Attempts
import Ledger
import PipelineConfig
import Testing

@testable import Daemon

@Suite struct ModelVersionsTests {
    private let parts: PartsOfDispatcher
    private let versions: ModelVersions

    init() throws {
        parts = try PartsOfDispatcher()
        versions = ModelVersions(
            ledger: parts.ledger, publisher: parts.publisher, scheduler: parts.scheduler, pipelines: parts.pipelines, log: parts.log)
    }

    /// Has a model become the next version.
    @discardableResult
    private func publish(_ name: String, floatDigest: String? = nil) throws -> OpenAttempt {
        let attempt = try parts.open(parts.arrive(name, .model, name))
        let arrival = attempt.arrival.number
        let (version, activation) = try parts.ledger.write { (tx) throws(LedgerError) in
            let version = try tx.intendVersion(run: attempt.run.number, parent: nil)
            try tx.close([RunClosing(run: attempt.run.number, outcome: .done(verdict: nil))], at: parts.now)
            return (
                version,
                try tx.publishVersion(
                    run: attempt.run.number, modelDigest: "d-" + name, card: "card", parentDigest: nil, floatDigest: floatDigest,
                    training: nil, position: arrival, at: parts.now)
            )
        }
        try versions.published(version, activation, from: name, in: parts.pipeline, at: parts.now)
        return attempt
    }

    @Test func aVersionThatIsPublishedIsInForce() throws {
        #expect(throws: Failure.self) { try versions.file(of: 1, parts.pipeline) }
        try publish("m.onnx")
        let file = try versions.file(of: 1, parts.pipeline)
        #expect(file.path == "/nowhere/out/models/1/model.onnx" && file.digest == "d-m.onnx")
        #expect(versions.digest(of: 1, in: "p") == "d-m.onnx" && versions.digest(of: nil, in: "p") == nil)
        #expect(parts.scheduler.activeVersion(in: "p") == 1)
        #expect(throws: Failure.self) { try versions.file(of: nil, parts.pipeline) }
    }

    @Test func trainingStartsFromTheFloatModelWhereThereIsOne() throws {
        try publish("m.onnx")
        try publish("n.onnx", floatDigest: "f")
        #expect(try versions.trainableFile(of: 1, parts.pipeline).path == versions.file(of: 1, parts.pipeline).path)
        #expect(try versions.trainableFile(of: 2, parts.pipeline).digest == "f")
    }

    /// The next process knows what this one has put in force.
    @Test func versionsAreReadFromTheLedger() throws {
        try publish("m.onnx")
        try publish("n.onnx")
        let scheduler = Scheduler()
        scheduler.add(pipeline: "p")
        let next = ModelVersions(
            ledger: parts.ledger, publisher: parts.publisher, scheduler: scheduler, pipelines: parts.pipelines, log: parts.log)
        try next.readAll(of: "p")
        #expect(scheduler.activeVersion(in: "p") == 2 && next.digest(of: 1, in: "p") == "d-m.onnx")
    }

    @Test func aVersionIsNotNextWhereAnotherIsPinnedOrWasPutInForceLater() throws {
        #expect(try versions.isNext(at: 1, in: "p"))
        let first = try publish("m.onnx").arrival.number
        let second = try publish("n.onnx").arrival.number
        #expect(try versions.isNext(at: second + 1, in: "p") && !versions.isNext(at: first, in: "p"))
        _ = try parts.ledger.submit(.pin(pipeline: "p", version: 1), at: parts.now)
        let pending = try #require(try parts.ledger.pendingRequests().first)
        let outcome = try parts.ledger.write { (tx) throws(LedgerError) in
            try tx.apply(pending.request, by: "test", at: parts.now, inputs: parts.publisher.lookup(among: []))
        }
        try versions.activate(1, outcome.activation, in: "p")
        #expect(parts.publisher.active == 1 && parts.scheduler.activeVersion(in: "p") == 1)
        #expect(try !versions.isNext(at: second + 1, in: "p"))
    }

    /// What labels made takes the place of what they were trained from, and no other's.
    @Test func labelsTakeThePlaceOfTheirParent() throws {
        let first = try publish("m.onnx").arrival.number
        let second = try publish("n.onnx").arrival.number
        func position(_ role: ArrivalRole, parent: Int?) -> Int64 { versions.position(of: second + 5, role: role, parent: parent, in: "p") }
        #expect(position(.model, parent: nil) == second + 5)
        #expect(position(.labelled, parent: 2) == second + 5)
        #expect(position(.labelled, parent: 1) < second && position(.labelled, parent: 1) >= first)
    }
}
