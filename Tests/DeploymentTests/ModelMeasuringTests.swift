import Attempts
import Foundation
import Machine
import PipelineConfig
import Reasons
import Recipes
import Testing

@testable import Deployment

/// A process whose answers the test decides: milliseconds for a row by engine and threads, and cosines.
final class FakeProcess: CandidateProcess {
    private let world: FakeWorld
    private let candidate: Candidate

    init(_ world: FakeWorld, _ candidate: Candidate) {
        self.world = world
        self.candidate = candidate
    }

    func execute(_ spec: AttemptSpec) -> AttemptResult { world.lock.withLock { answer(spec) } }

    private func answer(_ spec: AttemptSpec) -> AttemptResult {
        if case .rewrite(let files) = spec.work { return world.rewritten(files) }
        guard case .measure(let files) = spec.work, case .forward(let stage)? = spec.stages.last, let batch = stage.batchSize.rows else {
            return AttemptResult(failure: Failure(.badModel, what: "no measuring", place: "m", remedy: ""))
        }
        let form = world.form(of: files)
        world.asked.append((spec.engine, form, spec.limits.threads, batch, files.question))
        if world.asked.count > world.patience { return AttemptResult(failure: .cancelled(spec, by: .takenBack)) }
        if let failure = world.failures[spec.engine] {
            return AttemptResult(failure: Failure(world.failureKind, what: "\(failure)", place: "m.onnx", remedy: "Look."))
        }
        if case .metric(let rows, _) = files.question {
            if let failure = world.metricFailure { return AttemptResult(failure: failure) }
            guard let value = world.metrics.map({ $0[spec.engine] }) ?? 0.9 else {
                return AttemptResult(failure: Failure(.badModel, what: "no metric", place: "m.onnx", remedy: ""))
            }
            var result = AttemptResult()
            result.measurement = Measurement(rows: 0, seconds: 0, processorSeconds: 0, peakBytes: 1)
            result.measurement?.metric = MetricFinding(value: value * world.metric(form), rows: rows ?? 40)
            return result
        }
        let perRow =
            (world.milliseconds[spec.engine] ?? 1) * world.sway(spec.engine) * world.times(form) / (batch == 32 ? 1 : 0.5)
            * (spec.limits.threads == 1 ? 1.5 : 1) * (world.contention[candidate.sessions] ?? 1)
            / 1000
        var result = AttemptResult()
        result.machine = AttemptMachine(processor: "Abacus", engine: spec.engine.name.rawValue, engineVersion: "1")
        var found = Measurement(rows: 64, seconds: 64 * perRow, processorSeconds: 128 * perRow, peakBytes: 1 << 20)
        if files.question == .agreement {
            found.agreement = [
                OutputAgreement(
                    output: "y", rows: 64, cosine: (world.cosines[spec.engine] ?? 1) * world.cosine(form), relativeError: 0, sameTop: 1,
                    nonFinite: 0)
            ]
        }
        result.measurement = found
        return result
    }
}

/// Says what processes answer. Sessions of one candidate answer at the same time, under the lock.
final class FakeWorld: @unchecked Sendable {
    let lock = NSLock()
    /// How many times as long a row takes in each of so many sessions as in one alone.
    var contention: [Int: Double] = [:]
    var freeBytes = Int.max
    var milliseconds: [EngineChoice: Double] = [.onnxRuntime: 1, .openVINO(.float32): 0.8, .openVINO(.bfloat16): 0.4]
    var cosines: [EngineChoice: Double] = [:]
    /// What every second burst of an engine takes, as a multiple.
    var sways: [EngineChoice: Double] = [:]
    private var bursts: [EngineChoice: Int] = [:]

    func sway(_ engine: EngineChoice) -> Double {
        bursts[engine, default: 0] += 1
        return bursts[engine, default: 0].isMultiple(of: 2) ? sways[engine] ?? 1 : 1
    }

    /// The number of questions after which measuring is ended.
    var patience = Int.max
    var failures: [EngineChoice: String] = [:]
    var failureKind = Failure.Kind.badModel
    /// The metric of each engine, which fails for those that are missing; nil gives all of them 0.9.
    var metrics: [EngineChoice: Double]?
    var metricFailure: Failure?
    /// By what the metric of a form is multiplied.
    var formMetrics: [ModelForm: [Double]] = [:]
    var asked: [(engine: EngineChoice, form: ModelForm, threads: Int, batch: Int, question: AttemptSpec.MeasuredFiles.Question)] = []
    var processes = 0
    /// How many times as long a form takes, and what its cosine is, each by the number of layers that stay in float.
    var formTimes: [ModelForm: [Double]] = [:]
    var formCosines: [ModelForm: [Double]] = [:]
    var formFailures: [ModelForm: Failure] = [:]
    /// The layers that the forms have, the one with the largest error last.
    var layers = ["a", "b", "c", "d", "e", "f", "g", "h"]
    private(set) var made: [AttemptSpec.RewrittenFiles] = []
    var hasRows = true

    func form(of files: AttemptSpec.MeasuredFiles) -> ModelForm {
        ModelForm(rawValue: String(files.model.path.split(separator: "/").dropLast().last ?? "")) ?? .published
    }

    private func floats(_ form: ModelForm) -> Int { made.last { $0.form == form && $0.task == .write }?.float.count ?? 0 }
    func times(_ form: ModelForm) -> Double { value(formTimes[form], form) }
    func cosine(_ form: ModelForm) -> Double { value(formCosines[form], form) }
    func metric(_ form: ModelForm) -> Double { value(formMetrics[form], form) }

    private func value(_ values: [Double]?, _ form: ModelForm) -> Double {
        guard let values else { return 1 }
        return values[min(floats(form), values.count - 1)]
    }

    func rewritten(_ files: AttemptSpec.RewrittenFiles) -> AttemptResult {
        made.append(files)
        if let failure = formFailures[files.form] { return AttemptResult(failure: failure) }
        var result = AttemptResult()
        result.rewriting = Rewriting(
            layers: layers.filter { !files.float.contains($0) }, left: [:], changes: GraphChanges(nodesBefore: 8), peakBytes: 1)
        if case .rank = files.task {
            result.rewriting?.ranking = layers.reversed().enumerated().map { .init(layer: $1, relativeError: 1 / Double($0 + 1)) }
        } else {
            let path = files.directory + "/" + AttemptSpec.RewrittenFiles.name
            result.files = [.init(slot: "form", path: path, digest: "\(files.form) \(files.float.count)", byteCount: 4)]
        }
        return result
    }

    /// - Parameter labels: the digests of the labelled files.
    static func files(_ metric: MetricGate?, labels: [String]) -> AttemptSpec.MeasuredFiles {
        var files = AttemptSpec.MeasuredFiles(
            model: .init(path: "/m.onnx", digest: "d"), data: .init(path: "/rows.csv", digest: "r"), rows: 0, reference: "/tmp")
        guard let metric, !labels.isEmpty else { return files }
        files.judged = JudgedFiles(
            files: labels.map { .init(.init(path: "/\($0).csv", digest: $0)) }, schema: RowSchema(label: .list(["y"])), loss: nil,
            outputs: [],
            share: 1, seed: 0, gate: metric)
        return files
    }

    func measured(
        _ forms: [ModelForm] = [], threads: [Int] = [2, 1], batches: [Int] = [32, 1], metric: MetricGate? = nil,
        labels: [String] = ["l"], demanded: Bool = false, formBudget: Double? = nil
    ) throws -> DeploymentTable {
        try measured(
            forms, sharings: threads.map { CoreSharing(sessions: 1, threads: $0) }, batches: batches, metric: metric, labels: labels,
            demanded: demanded, formBudget: formBudget)
    }

    /// - Parameter sessions: the number of sessions that the choice must have.
    func measured(
        _ forms: [ModelForm] = [], sharings: [CoreSharing], sessions: Int? = nil, batches: [Int] = [32, 1], budget: Double = 0,
        metric: MetricGate? = nil, labels: [String] = ["l"], demanded: Bool = false, formBudget: Double? = nil
    ) throws -> DeploymentTable {
        var files = Self.files(metric, labels: labels)
        if !hasRows { files.data = nil }
        let spec = AttemptSpec(
            run: 0, attempt: 1, pipeline: "p", work: .measure(files), schema: RowSchema(inputs: [], keep: []),
            stages: [.forward(ForwardStage())])
        let engines = EngineCandidates(.auto, processor: "Abacus: avx512_bf16")
        var plan = MeasuringPlan(
            engines: engines, forms: forms, sharings: sharings, sessions: sessions, batches: batches, budget: budget)
        if let formBudget { plan.formBudget = formBudget }
        (plan.metric, plan.demandsMetric) = (metric, demanded)
        return try ModelMeasuring(
            spec, files, plan,
            process: { [self] candidate in
                processes += 1
                return FakeProcess(self, candidate)
            }, freeBytes: { [self] in freeBytes }
        ).run()
    }
}

@Suite struct ModelMeasuringTests {
    @Test func theFastestThatPassesIsChosenWithItsThreadsAndRows() throws {
        let world = FakeWorld()
        let table = try world.measured()
        #expect(table.choice?.candidate == Candidate(.openVINO(.bfloat16), threads: 2, batch: 32))
        #expect(table.candidates.first?.candidate == Candidate(.onnxRuntime, threads: 2, batch: 32))
        #expect(abs(table.gain(of: table.choice!)! - 2.5) < 0.01)
        #expect(table.comparedRows == 64 && table.machines.map(\.engine).sorted() == ["onnxruntime", "openvino"])
        // The original's outputs come first, and nothing is timed before all were compared.
        #expect(world.asked.first.map { $0.engine == .onnxRuntime && $0.question == .reference } == true)
        #expect(world.asked[1...2].allSatisfy { $0.question == .agreement })
        // A process for each engine and number of threads.
        #expect(world.processes == 5)
    }

    /// A median that is better by chance does not last: the two run in turns once more, and one that does not win nearly all is not taken.
    @Test func whatIsFasterByChanceIsNotTaken() throws {
        let world = FakeWorld()
        world.milliseconds = [.onnxRuntime: 1, .openVINO(.float32): 1.2, .openVINO(.bfloat16): 0.8]
        world.sways = [.openVINO(.bfloat16): 1.5]
        let table = try world.measured(threads: [2], batches: [32])
        #expect(table.choice?.candidate.engine == .onnxRuntime)
        let doubted = try #require(table.candidates.first { $0.candidate.engine == .openVINO(.bfloat16) })
        #expect(doubted.passes && doubted.doubt?.hasPrefix("it was faster in ") == true, "\(doubted)")
        // One that wins each time is taken, without a duel where no burst of the original came near.
        world.sways = [.openVINO(.bfloat16): 1.1]
        world.asked = []
        #expect(try world.measured(threads: [2], batches: [32]).choice?.candidate.engine == .openVINO(.bfloat16))
        #expect(world.asked.count { $0.engine == .onnxRuntime } == 8)
    }

    @Test func whatDoesNotAgreeIsNeverTimedNorChosen() throws {
        let world = FakeWorld()
        world.cosines = [.openVINO(.bfloat16): 0.9998]
        let table = try world.measured()
        #expect(table.choice?.candidate.engine == .openVINO(.float32))
        let refused = try #require(table.candidates.first { $0.candidate.engine == .openVINO(.bfloat16) })
        #expect(refused.refusal == "y: cosine 0.9998, below 0.9999" && refused.rowsPerSecond == nil)
        #expect(!world.asked.contains { $0.engine == .openVINO(.bfloat16) && $0.question != .agreement })
    }

    @Test func aCandidateThatFailsCostsItselfAlone() throws {
        let world = FakeWorld()
        world.failures = [.openVINO(.float32): "it crashed", .openVINO(.bfloat16): "it crashed"]
        let table = try world.measured()
        #expect(table.choice?.candidate.engine == .onnxRuntime)
        #expect(table.candidates.filter { !$0.passes }.count == 2)
    }

    @Test func aModelThatDoesNotRunAsItIsIsAnError() {
        let world = FakeWorld()
        world.failures = [.onnxRuntime: "it crashed"]
        #expect(throws: Failure.self) { try world.measured() }
    }

    /// What was measured before it was taken back is no answer, whenever that was; then nothing is asked for long.
    @Test func measuringThatIsTakenBackHasNoAnswer() throws {
        let whole = FakeWorld()
        _ = try whole.measured(sharings: CoreSharing.tried(cores: 2))
        for patience in 0..<whole.asked.count {
            let world = FakeWorld()
            world.patience = patience
            let failure = #expect(throws: Failure.self) { try world.measured(sharings: CoreSharing.tried(cores: 2)) }
            #expect(failure?.kind == .cancelled)
            #expect(world.asked.count < patience + 30)
        }
    }

    @Test func aGainWithinWhatMeasurementsDifferByIsNone() throws {
        let world = FakeWorld()
        world.milliseconds = [.onnxRuntime: 1, .openVINO(.float32): 0.98, .openVINO(.bfloat16): 0.99]
        #expect(try world.measured().choice?.candidate == Candidate(.onnxRuntime, threads: 2, batch: 32))
    }

    @Test func theHopelessAreLeftOutEarly() throws {
        let world = FakeWorld()
        world.milliseconds[.openVINO(.float32)] = 10
        let table = try world.measured()
        func bursts(_ engine: EngineChoice) -> Int { table.candidates.first { $0.candidate.engine == engine }?.bursts ?? 0 }
        #expect(bursts(.openVINO(.float32)) == 3 && bursts(.openVINO(.bfloat16)) == 9)
        #expect(!table.candidates.contains { $0.candidate.engine == .openVINO(.float32) && $0.candidate.batch == 1 })
    }

    @Test func bfloat16IsTriedWhereTheProcessorHasItsProducts() {
        #expect(EngineCandidates(.auto, processor: "Abacus: avx2").tried == [.onnxRuntime, .openVINO(.float32)])
        #expect(EngineCandidates(.auto, processor: "Abacus: avx2").leftOut.map(\.engine) == [.openVINO(.bfloat16)])
        #expect(EngineCandidates(.auto, processor: "Abacus: amx_bf16").tried.count == 3)
        #expect(EngineCandidates(.float32, processor: "Abacus: amx_bf16").tried == [.onnxRuntime, .openVINO(.float32)])
    }

    @Test func othersAtWorkMakeTheProcessorTimeDecide() {
        var readings = [OtherLoad.Reading(busy: 0, all: 0), OtherLoad.Reading(busy: 100, all: 200)]
        let load = OtherLoad { readings.removeFirst() }
        var answer = AttemptResult()
        answer.measurement = Measurement(rows: 1, seconds: 1, processorSeconds: 0.2, peakBytes: 0)
        _ = load.measuring { answer }
        // 100 of 200 ticks were busy, of which ours were 20.
        #expect(abs(load.share - 0.4) < 1e-9)
    }
}
