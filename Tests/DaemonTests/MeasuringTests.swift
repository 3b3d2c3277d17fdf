import Arrivals
import Attempts
import Deployment
import Ledger
import LedgerSupport
import Logging
import Machine
import PipelineConfig
import Reasons
import Recipes
import TestSupport
import Testing

@testable import Daemon

/// What the dispatcher does where a pipeline lets measurements decide how its model is executed: who waits, and what
/// follows from an answer.
@Suite final class MeasuringTests {
    private let directory: TemporaryDirectory
    private let ledger: RunLedger
    private let publisher = MemoryPublisher()
    private let dispatcher: Dispatcher
    private var now = UTCTime(milliseconds: 1_800_000_000_000)
    private var stamps: Int64 = 0

    init() throws {
        directory = try TemporaryDirectory("measuring")
        ledger = try RunLedger(stateDirectory: directory("state"))
        dispatcher = Dispatcher(
            ledger: ledger, publisher: publisher, configuration: .init(threads: 2, workers: 3, work: directory("work")),
            log: Logger(label: "measuring") { _ in SwiftLogNoOpLogHandler() })
        let yaml = DiskWorld.yaml.replacing("forward: {}", with: "optimize: { precision: auto, budget: 7s }, forward: {}")
        try dispatcher.use([PipelineFile.read(Array(yaml.utf8), source: "p.yaml", root: "/nowhere")])
    }

    private func drop(_ name: String, _ role: ArrivalRole, _ content: String) throws {
        stamps += 1
        let file = ArrivedFile(
            SpoolPlace(pipeline: "p", role: role, path: name), digest: content,
            stamp: .init(device: 1, inode: stamps, size: 1, changed: stamps), outputKey: role == .data ? name : nil)
        try dispatcher.arrived(.init(pipeline: "p", at: now, arrivals: Array(zip([file], try ledger.arrive([file], at: now)))))
    }

    /// Hands out what may start, finishes it, and returns the specs.
    @discardableResult private func work() throws -> [AttemptSpec] {
        now = now.advanced(by: .seconds(1))
        let started = try dispatcher.assignments(at: now)
        try dispatcher.finish(started.map { ($0, publisher.execute($0.spec)) }, at: now)
        return started.map(\.spec)
    }

    /// Publishes a first version, has it measured on the rows of a first file, and scores these.
    private func publishAndMeasure() throws {
        try drop("m.onnx", .model, "plus1")
        try drop("a.csv", .data, "rows1")
        try work()
        try work()
        try dispatcher.measured(try #require(dispatcher.takeMeasuringOrders().first).purpose, .success(table(faster)), at: now)
        try work()
    }

    private func table(_ milliseconds: [EngineChoice: Double]) -> DeploymentTable {
        let results = milliseconds.sorted { $0.key == .onnxRuntime && $1.key != .onnxRuntime }.map { engine, time in
            var result = CandidateResult(Candidate(engine, threads: 2, batch: engine == .onnxRuntime ? nil : 32))
            (result.processorMilliseconds, result.rowsPerSecond, result.bursts) = (time, 1000 / time, 3)
            return result
        }
        return DeploymentTable(
            model: "m-plus1", machines: [], comparedRows: 8, gate: .strict, measure: .clock, seconds: 1, candidates: results, leftOut: [:])
    }

    private let faster: [EngineChoice: Double] = [.onnxRuntime: 2, .openVINO(.bfloat16): 1]

    private func batchSize(_ spec: AttemptSpec) -> ForwardStage.BatchSize? {
        for case .forward(let stage) in spec.stages { return stage.batchSize }
        return nil
    }

    @Test func dataWaitsUntilItsVersionIsMeasured() throws {
        try drop("m.onnx", .model, "plus1")
        try work()
        #expect(dispatcher.takeMeasuringOrders().isEmpty, "no rows are known when the first version is published")
        try drop("a.csv", .data, "rows1")
        try drop("b.csv", .data, "rows2")
        #expect(try work().isEmpty && dispatcher.isMeasuring)
        let order = try #require(dispatcher.takeMeasuringOrders().first)
        guard case .measure(let files) = order.spec.work else { throw Unmet("no measuring") }
        #expect(files.model.digest == "m-plus1" && files.data?.digest == "rows1")
        // All workers at once decide; one session alone tells which ways are worth that.
        #expect(order.plan.sharings == [1, 3].map { CoreSharing(sessions: $0, threads: 2) } && order.plan.sessions == 3)
        #expect(order.plan.batches == [nil, 32, 256] && order.plan.budget == 7 && order.plan.gate == .strict)
        // Nobody asks twice.
        #expect(try work().isEmpty && dispatcher.takeMeasuringOrders().isEmpty)
        try dispatcher.measured(order.purpose, .success(table(faster)), at: now)
        let specs = try work() + work()
        #expect(specs.count == 2 && !dispatcher.isMeasuring)
        for spec in specs {
            #expect(spec.engine == .openVINO(.bfloat16) && batchSize(spec) == .rows(32))
            #expect(spec.provenance["millrace.execution"] == "openvino bfloat16")
        }
        #expect(publisher.files.count == 2)
    }

    @Test func aModelThatCannotBeMadeFasterIsExecutedAsItIs() throws {
        try drop("m.onnx", .model, "plus1")
        try drop("a.csv", .data, "rows1")
        try work()
        try work()
        let order = try #require(dispatcher.takeMeasuringOrders().first)
        try dispatcher.measured(order.purpose, .success(table([.onnxRuntime: 1, .openVINO(.bfloat16): 1.01])), at: now)
        let spec = try #require(try work().first)
        #expect(spec.engine == .onnxRuntime && batchSize(spec) == .auto)
        #expect(spec.provenance["millrace.execution"] == "onnxruntime float32")
    }

    /// Rows that cannot be measured on go their usual way, and the next file is measured on. After three, the model is executed as it is.
    @Test func rowsThatCannotBeMeasuredOnAreScoredAsEver() throws {
        try drop("m.onnx", .model, "plus1")
        try work()
        for number in 1...3 {
            try drop("\(number).csv", .data, "rows\(number)")
            #expect(try work().isEmpty)
            let order = try #require(dispatcher.takeMeasuringOrders().first)
            let failure = Failure(.badInput, what: "row 7 is no number", place: "\(number).csv", remedy: "Correct it.")
            try dispatcher.measured(order.purpose, .failure(failure), at: now)
            #expect(try work().map(\.engine) == [.onnxRuntime])
        }
        try drop("4.csv", .data, "rows4")
        #expect(try work().count == 1)
        #expect(dispatcher.takeMeasuringOrders().isEmpty && publisher.files.count == 4)
    }

    /// Measuring that was taken back is done again by whoever comes next.
    @Test func whatWasTakenBackIsMeasuredAgain() throws {
        try drop("m.onnx", .model, "plus1")
        try drop("a.csv", .data, "rows1")
        try work()
        try work()
        let order = try #require(dispatcher.takeMeasuringOrders().first)
        try dispatcher.measured(order.purpose, .failure(.cancelled(order.spec, by: .takenBack)), at: now)
        #expect(try work().isEmpty)
        #expect(dispatcher.takeMeasuringOrders().count == 1)
    }

    @Test func aLaterVersionIsMeasuredBeforeItIsPublished() throws {
        try publishAndMeasure()
        try drop("n.onnx", .model, "plus2")
        try work()
        let order = try #require(dispatcher.takeMeasuringOrders().first)
        guard case .measure(let files) = order.spec.work else { throw Unmet("no measuring") }
        #expect(files.model.digest == "m-plus2" && files.data?.digest == "rows1")
        #expect(publisher.models.keys.sorted() == [1] && !dispatcher.isIdle)
        // Data waits for the model that arrived before it.
        try drop("b.csv", .data, "rows2")
        #expect(try work().isEmpty)
        try dispatcher.measured(order.purpose, .success(table(faster)), at: now)
        #expect(publisher.models == [1: "plus1", 2: "plus2"] && publisher.active == 2)
        let execution = try #require(publisher.executions[2])
        #expect(try execution.get().candidates.count == 2)
    }

    /// A model that could not be measured becomes a version all the same; one whose run was stopped does not.
    @Test(arguments: [Failure.Kind.resource, .stopped]) func aModelThatIsNotMeasured(_ kind: Failure.Kind) throws {
        try publishAndMeasure()
        try drop("n.onnx", .model, "plus2")
        try work()
        let order = try #require(dispatcher.takeMeasuringOrders().first)
        try dispatcher.measured(order.purpose, .failure(Failure(kind, what: "the test", place: "n.onnx", remedy: "None.")), at: now)
        #expect(publisher.models.keys.sorted() == (kind == .stopped ? [1] : [1, 2]))
        #expect(dispatcher.isIdle)
    }

    /// A pipeline whose attempts have more threads than the operator's has fewer of them at once on the same cores.
    @Test func threadsOfAPipelineLeaveRoomForFewerSessions() throws {
        let yaml = DiskWorld.yaml.replacing("forward: {}", with: "optimize: { precision: auto }, forward: { threads: 4 }")
        try dispatcher.use([PipelineFile.read(Array(yaml.utf8), source: "p.yaml", root: "/nowhere")])
        try drop("m.onnx", .model, "plus1")
        try drop("a.csv", .data, "rows1")
        try work()
        try work()
        let order = try #require(dispatcher.takeMeasuringOrders().first)
        #expect(order.plan.sharings == [CoreSharing(sessions: 1, threads: 4)] && order.plan.sessions == 1)
    }

    // MARK: A metric on labelled rows

    /// Has the pipeline learn, and a metric decide.
    private func useMetric() throws {
        let learning = "optimize: { gradient: { loss: cross_entropy, validation: 0.3, seed: 7 } }"
        let yaml = DiskWorld.yaml.replacing(
            "forward: {}",
            with: "\(learning), optimize: { precision: int8, gate: { metric: accuracy, drop_at_most: 0.01 } }, forward: {}"
        ).replacing("data:", with: "labelled: labels, data:").replacing("keep: [id]", with: "keep: [id], label: y")
        try dispatcher.use([PipelineFile.read(Array(yaml.utf8), source: "p.yaml", root: "/nowhere")])
    }

    private func files(_ order: MeasuringOrder) throws -> AttemptSpec.MeasuredFiles {
        guard case .measure(let files) = order.spec.work else { throw Unmet("no measuring") }
        return files
    }

    @Test func withoutLabelsNothingIsJudged() throws {
        try useMetric()
        try drop("m.onnx", .model, "plus1")
        try drop("a.csv", .data, "rows1")
        try work()
        try work()
        let order = try #require(dispatcher.takeMeasuringOrders().first)
        #expect(try files(order).judged == nil)
        #expect(order.plan.metric == MetricGate(.accuracy, dropAtMost: 0.01) && !order.plan.demandsMetric)
        #expect(order.plan.gate == PrecisionRequest.int8.gate)
    }

    /// Of the labels that are kept, those that training holds out judge: of a version that scores its first rows all that are decided.
    @Test func labelsThatAreKnownJudge() throws {
        try useMetric()
        try drop("m.onnx", .model, "plus1")
        try work()
        try drop("one.csv", .labelled, "labels1")
        try work()
        try drop("two.csv", .labelled, "labels2")
        try work()
        try drop("a.csv", .data, "rows1")
        try work()
        let order = try #require(dispatcher.takeMeasuringOrders().first)
        let judged = try #require(try files(order).judged)
        #expect(judged.digests == ["labels1", "labels2"] && judged.gate == order.plan.metric)
        #expect(judged.files.map(\.arrived) == ["/nowhere/labels/one.csv", "/nowhere/labels/two.csv"])
        #expect(judged.loss == .crossEntropy() && judged.share == 0.3 && judged.seed == 7 && judged.schema.label == .list(["y"]))
    }

    /// A version that a training has made is judged by the rows of that training, before it is published.
    @Test func aTrainedVersionIsJudgedBeforeItIsPublished() throws {
        try useMetric()
        try publishAndMeasure()
        try drop("one.csv", .labelled, "labels2")
        try work()
        let order = try #require(dispatcher.takeMeasuringOrders().first)
        guard case .publication = order.purpose else { throw Unmet("no publication") }
        #expect(try files(order).judged?.digests == ["labels2"])
        #expect(publisher.models.keys.sorted() == [1])
    }
}
