import Attempts
import Machine
import PipelineConfig
import Reasons
import Recipes
import Testing

@testable import Deployment

/// Where labelled rows are known, a metric on them decides which ways of executing a model are used.
@Suite struct MetricGateTests {
    private let world = FakeWorld()

    private func result(_ table: DeploymentTable, _ engine: EngineChoice, _ form: ModelForm = .published) throws -> CandidateResult {
        try #require(table.candidates.first { $0.candidate.engine == engine && $0.candidate.form == form })
    }

    @Test func whatIsAsGoodPassesThoughItsOutputsDiffer() throws {
        world.cosines = [.openVINO(.bfloat16): 0.5]
        world.metrics = [.onnxRuntime: 0.9, .openVINO(.float32): 0.9, .openVINO(.bfloat16): 0.896]
        let table = try world.measured(metric: MetricGate(.accuracy, dropAtMost: 0.005))
        #expect(table.choice?.candidate.engine == .openVINO(.bfloat16))
        #expect(table.candidates.first?.metric == 0.9 && table.choice?.metric == 0.896 && table.choice?.cosine == 0.5)
        #expect(table.judging?.original == MetricFinding(value: 0.9, rows: 40) && table.judging?.reason == nil)
        // Others are measured on as many rows as the original.
        let asked = world.asked.compactMap { question in
            if case .metric(let rows, let seconds) = question.question { (question.engine, rows, seconds) } else { nil }
        }
        #expect(asked.map(\.0) == [.onnxRuntime, .openVINO(.float32), .openVINO(.bfloat16)])
        #expect(asked[0].1 == nil && asked[0].2 != nil && asked[1].1 == 40 && asked[2].1 == 40 && asked[1].2 == nil)
    }

    @Test func whatIsWorseIsNeverTimedNorChosen() throws {
        world.metrics = [.onnxRuntime: 0.9, .openVINO(.float32): 0.91, .openVINO(.bfloat16): 0.89]
        let table = try world.measured(metric: MetricGate(.accuracy, dropAtMost: 0.005))
        #expect(table.choice?.candidate.engine == .openVINO(.float32))
        let refused = try result(table, .openVINO(.bfloat16))
        #expect(refused.refusal == "accuracy 0.89, worse than 0.9 by 0.01, more than 0.005" && refused.rowsPerSecond == nil)
        #expect(refused.metric == 0.89)
    }

    /// A metric of which less is better.
    @Test func aLossMayGrowBySoMuch() throws {
        world.metrics = [.onnxRuntime: 0.4, .openVINO(.float32): 0.41, .openVINO(.bfloat16): 0.36]
        let table = try world.measured(metric: MetricGate(.logLoss))
        #expect(try result(table, .openVINO(.float32)).refusal?.hasPrefix("log_loss 0.41, worse than 0.4 by 0.01") == true)
        #expect(table.choice?.candidate.engine == .openVINO(.bfloat16))
    }

    /// What is written beside the metric holds as well, and what is not does not.
    @Test(arguments: [(nil, nil, true), (0.99, nil, false), (nil, 1.0, true), (0.9, 1.0, true)] as [(Double?, Double?, Bool)])
    func whatIsDemandedBesides(_ cosine: Double?, _ sameTop: Double?, passes: Bool) throws {
        world.cosines = [.openVINO(.bfloat16): 0.95]
        let table = try world.measured(metric: MetricGate(.accuracy, cosine: cosine, sameTop: sameTop))
        #expect(try result(table, .openVINO(.bfloat16)).passes == passes)
    }

    @Test func theAgreementDecidesWhereTheMetricCannotBeMeasured() throws {
        world.cosines = [.openVINO(.bfloat16): 0.5]
        world.metricFailure = Failure(.tooFewRows, what: "there are 3 rows", place: "/m.onnx", remedy: "")
        let table = try world.measured(metric: MetricGate(.accuracy))
        #expect(table.judging?.original == nil && table.judging?.reason == "/m.onnx: there are 3 rows")
        #expect(table.choice?.candidate.engine == .openVINO(.float32))
        #expect(try result(table, .openVINO(.bfloat16)).refusal == "y: cosine 0.5, below 0.9999")
        let unknown = try world.measured(metric: MetricGate(.accuracy), labels: [])
        #expect(unknown.judging?.reason == "no labelled rows are known" && unknown.choice?.candidate.engine == .openVINO(.float32))
        #expect(try world.measured().judging == nil)
    }

    /// Someone who names the labelled rows is told what is wrong with them.
    @Test func whatIsDemandedIsSaid() throws {
        world.metricFailure = Failure(.tooFewRows, what: "there are 3 rows", place: "/m.onnx", remedy: "")
        let error = #expect(throws: Failure.self) { try world.measured(metric: MetricGate(.accuracy), demanded: true) }
        #expect(error?.what == "there are 3 rows")
    }

    @Test func aCandidateThatCannotBeJudgedIsNotUsed() throws {
        world.metrics = [.onnxRuntime: 0.9, .openVINO(.float32): 0.9]
        let table = try world.measured(metric: MetricGate(.accuracy))
        #expect(try result(table, .openVINO(.bfloat16)).refusal == "m.onnx: no metric")
        #expect(table.choice?.candidate.engine == .openVINO(.float32))
    }

    /// The worst layers stay in float until the metric is as good.
    @Test func aFormThatIsWorseIsRefined() throws {
        world.formTimes = [.int8Static: [0.5, 0.55, 0.6]]
        world.formCosines = [.int8Static: [0.9]]
        world.formMetrics = [.int8Static: [0.8, 0.94, 1]]
        let table = try world.measured([.int8Static], metric: MetricGate(.accuracy, dropAtMost: 0.01))
        let form = try #require(table.forms.first)
        #expect(form.float == ["h", "g"] && table.chosenForm == form)
        let chosen = try #require(table.choice)
        #expect(chosen.passes && chosen.metric == 0.9 && chosen.cosine == 0.9 && chosen.bursts >= 3)
        // The other numbers of rows and threads are of the same outputs.
        #expect(table.candidates.filter { $0.candidate.way == chosen.candidate.way }.allSatisfy { $0.metric == 0.9 })
    }

    /// What was measured before counts for other labelled rows only where they could change nothing.
    @Test func forWhichRowsAnAnswerHolds() throws {
        func files(_ labels: [String]) -> AttemptSpec.MeasuredFiles { FakeWorld.files(MetricGate(.accuracy), labels: labels) }
        let plain = MeasuringPlan(.auto, sharings: [CoreSharing(sessions: 1, threads: 1)], batches: [1])
        var plan = plain
        plan.metric = MetricGate(.accuracy)
        let measured = try world.measured(metric: MetricGate(.accuracy), labels: ["l1"])
        #expect(measured.holds(for: files(["l1"]), plan) && measured.holds(for: files(["l1", "l2"]), plan))
        var demanding = plan
        demanding.demandsMetric = true
        #expect(measured.holds(for: files(["l1"]), demanding) && !measured.holds(for: files(["l2"]), demanding))
        let open = try world.measured(metric: MetricGate(.accuracy), labels: [])
        #expect(open.holds(for: files([]), plan) && !open.holds(for: files(["l1"]), plan))
        #expect(try world.measured().holds(for: files(["l1"]), plain))
        // The gate is part of the question.
        let gates: [MetricGate?] = [
            nil, MetricGate(.accuracy), MetricGate(.accuracy, dropAtMost: 0.1), MetricGate(.auc), MetricGate(.accuracy, rowsAtLeast: 3),
            MetricGate(.accuracy, cosine: 0.9),
        ]
        let questions = gates.map { gate in
            var plan = plain
            plan.metric = gate
            return plan.question
        }
        #expect(Set(questions).count == questions.count)
        // A gate without a metric asks as before.
        #expect(!plain.question.contains("metric"))
    }

    /// What was measured while it was being taken back says nothing, and is kept nowhere.
    @Test func whatIsTakenBackGivesNoTable() {
        world.failureKind = .cancelled
        world.failures = [.openVINO(.float32): "taken back"]
        let error = #expect(throws: Failure.self) { try world.measured() }
        #expect(error?.kind == .cancelled)
    }

    @Test func byHowMuchAMetricMayDrop() {
        let gate = MetricGate(.accuracy, dropAtMost: 0.005)
        // In binary numbers the difference is a little more than 0.005.
        #expect(0.95 - 0.945 > 0.005 && gate.passes(0.945, against: 0.95))
        #expect(!gate.passes(0.944, against: 0.95) && gate.passes(0.96, against: 0.95) && !gate.passes(.nan, against: 0.95))
        #expect(MetricGate(.accuracy).passes(0.95, against: 0.95) && !MetricGate(.accuracy).passes(0.9499, against: 0.95))
        #expect(MetricGate(.rmse, dropAtMost: 1).passes(3, against: 2) && !MetricGate(.rmse, dropAtMost: 1).passes(3.1, against: 2))
    }
}
