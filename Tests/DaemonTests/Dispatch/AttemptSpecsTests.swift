import Arrivals
import Attempts
import Ledger
import PipelineConfig
import Testing

@testable import Daemon

@Suite struct AttemptSpecsTests {
    private let parts: PartsOfDispatcher
    private let specs: AttemptSpecs

    init() throws {
        parts = try PartsOfDispatcher(PartsOfDispatcher.learning)
        let versions = ModelVersions(
            ledger: parts.ledger, publisher: parts.publisher, scheduler: parts.scheduler, pipelines: parts.pipelines, log: parts.log)
        specs = AttemptSpecs(
            ledger: parts.ledger, publisher: parts.publisher, configuration: .init(threads: 3, hidesValues: true), versions: versions,
            history: ScoringHistory(), executions: ModelExecutions())
        // A model as version 1.
        let model = try parts.attempt("m.onnx", .model)
        try parts.ledger.write { (tx) throws(LedgerError) in
            _ = try tx.intendVersion(run: model.run.number, parent: nil)
            try tx.close([.init(run: model.run.number, outcome: .done(verdict: nil))], at: parts.now)
            _ = try tx.publishVersion(
                run: model.run.number, modelDigest: "m", card: "card", parentDigest: nil, floatDigest: "f", training: nil,
                position: model.arrival.number, at: parts.now)
        }
        try versions.readAll(of: "p")
    }

    private func spec(_ attempt: OpenAttempt, pins: ColumnPins? = nil) throws -> AttemptSpec {
        try specs.spec(for: attempt.run, attempt.arrival, attempt.pipeline, pins: pins)
    }

    @Test func dataIsScoredByTheVersionOfItsRun() throws {
        let attempt = try parts.open(parts.arrive("a.csv"), version: 1)
        let spec = try self.spec(attempt, pins: ColumnPins(orders: ["x": ["x"]], types: ["id": "string"], arrivals: []))
        #expect(spec.model.path == "/nowhere/out/models/1/model.onnx" && spec.model.digest == "m")
        #expect(spec.data?.path == "/nowhere/spool/data/a.csv" && spec.data?.stamp == attempt.arrival.file.stamp)
        #expect(spec.columns == ["x": ["x"]] && spec.types == ["id": "string"])
        #expect(spec.limits.threads == 3 && spec.hidesValues && spec.training == nil)
        #expect(spec.provenance["millrace.model.version"] == "1" && spec.provenance["millrace.input"] == "a.csv")
    }

    @Test func aVersionThatIsNotThereIsAFailure() throws {
        let attempt = try parts.open(parts.arrive("a.csv"), version: 2)
        let failure = #expect(throws: Failure.self) { try spec(attempt) }
        #expect(failure?.kind == .modelUnavailable)
    }

    /// Labels are learnt from by the float model, and only where they are bound to the run.
    @Test func labelsTrainTheFloatModel() throws {
        let attempt = try parts.open(parts.arrive("l.csv", .labelled, "labels1"), version: 1)
        let failure = #expect(throws: Failure.self) { try self.spec(attempt) }
        #expect(failure?.kind == .executorLost)
        try parts.ledger.write { (tx) throws(LedgerError) in try tx.bindLabels(run: attempt.run.number, all: true, isReplay: false) }
        let spec = try self.spec(attempt)
        #expect(spec.goal == .fineTune && spec.model.digest == "f" && spec.provenance["millrace.parent.digest"] == "f")
        #expect(spec.training?.labelled.map(\.name) == ["l.csv"] && spec.training?.subject == attempt.arrival.number)
    }

    @Test func aModelIsNotTunedWhereNoLabelsAreKnown() throws {
        let spec = try self.spec(parts.open(parts.arrive("n.onnx", .model, "other")))
        #expect(spec.goal == .validateModel && spec.training == nil && spec.model.path == "/nowhere/spool/models/n.onnx")
    }

    /// A copy is read of what needs a signature, be it a model or labels.
    @Test func whatNeedsASignatureIsSaidToBeSigned() throws {
        #expect(try !spec(parts.open(parts.arrive("n.onnx", .model, "one"))).model.isSigned)
        let keys = "{ keys: [MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=] }"
        try parts.use(PartsOfDispatcher.learning + "\ntrust: { models: \(keys), labelled: \(keys) }\n")
        #expect(try spec(parts.open(parts.arrive("o.onnx", .model, "two"))).model.isSigned)
        let attempt = try parts.open(parts.arrive("l.csv", .labelled, "labels1"), version: 1)
        try parts.ledger.write { (tx) throws(LedgerError) in try tx.bindLabels(run: attempt.run.number, all: true, isReplay: false) }
        let spec = try self.spec(attempt)
        #expect(spec.training?.labelled.map(\.file.isSigned) == [true] && !spec.model.isSigned)
        #expect(try !self.spec(parts.open(parts.arrive("a.csv"), version: 1)).data!.isSigned)
    }
}
