import Attempts
import Machine
import PipelineConfig
import Reasons
import Recipes
import Testing

@testable import Deployment

/// Forms of a model are candidates like the model as it was published; those that do not agree are refined.
@Suite struct FormsTests {
    private let world = FakeWorld()

    private func result(_ table: DeploymentTable, _ engine: EngineChoice, _ form: ModelForm) throws -> CandidateResult {
        try #require(table.candidates.first { $0.candidate.engine == engine && $0.candidate.form == form })
    }

    @Test func aFormIsTriedOnEveryEngineAndChosenWhereItIsTheFastest() throws {
        world.formTimes = [.int8Static: [0.5], .int8Weights: [0.9]]
        let table = try world.measured([.int8Static, .int8Weights])
        #expect(table.choice?.candidate == Candidate(.openVINO(.bfloat16), form: .int8Static, threads: 2, batch: 32))
        for form in [ModelForm.published, .int8Static, .int8Weights] {
            for engine in EngineChoice.allCases { #expect(try result(table, engine, form).bursts >= 3) }
        }
        #expect(table.chosenForm?.model == .init(path: "/tmp/int8-static/model.onnx", digest: "int8Static 0"))
        #expect(table.forms.map(\.form) == [.int8Static, .int8Weights] && table.leftOut.isEmpty)
        // The original is asked first, and is never a form.
        #expect(world.asked.first.map { $0.form == .published && $0.question == .reference } == true)
        // Threads and rows are tried with the original and with the fastest candidate alone.
        let variants = table.candidates.filter { $0.candidate.batch == 1 }
        #expect(Set(variants.map(\.candidate.way)) == ["onnxruntime float32", "openvino bfloat16 int8-static"])
    }

    @Test func aFormThatIsNoFasterIsNotTaken() throws {
        world.formTimes = [.float16: [0.98]]
        let table = try world.measured([.float16])
        #expect(table.choice?.candidate.form == .published && table.chosenForm == nil)
    }

    @Test func whatCannotBeMadeIsLeftOutWithItsReason() throws {
        world.formFailures = [
            .int8Dynamic: Failure(.badModel, what: "the model is quantized already", place: "/m.onnx", remedy: "")
        ]
        world.hasRows = false
        let table = try world.measured([.int8Static, .int8Dynamic, .int8Weights])
        #expect(table.leftOut["int8-static"]?.contains("needs rows") == true)
        #expect(table.leftOut["int8-dynamic"] == "/m.onnx: the model is quantized already")
        #expect(table.forms.map(\.form) == [.int8Weights])
        #expect(Set(table.candidates.map(\.candidate.form)) == [.published, .int8Weights])
    }

    @Test func anEngineThatLacksAnOperatorCostsThatCandidateAlone() throws {
        world.failures = [.openVINO(.float32): "no QuantizeLinear"]
        world.formTimes = [.int8Static: [0.5]]
        let table = try world.measured([.int8Static])
        #expect(try result(table, .openVINO(.float32), .int8Static).refusal?.contains("no QuantizeLinear") == true)
        #expect(table.choice?.candidate.form == .int8Static)
    }

    @Test func whatIsKnownToLoseIsNotTried() throws {
        let table = try world.measured([.int8Dynamic])
        #expect(table.candidates.filter { $0.candidate.form == .int8Dynamic }.map(\.candidate.engine) == [.onnxRuntime])
    }

    /// The worst layers stay in float, more and more of them, until the outputs agree.
    @Test func aFormThatDoesNotAgreeIsRefined() throws {
        world.formTimes = [.int8Static: [0.5, 0.55, 0.6]]
        world.formCosines = [.int8Static: [0.9, 0.99, 1]]
        let table = try world.measured([.int8Static])
        let form = try #require(table.forms.first)
        #expect(form.float == ["h", "g"] && form.rewriting.layers == ["a", "b", "c", "d", "e", "f"])
        #expect(form.rewriting.ranking.map(\.layer) == world.layers.reversed())
        #expect(table.chosenForm == form && form.model?.digest == "int8Static 2")
        #expect(world.made.map(\.float.count) == [0, 0, 1, 2])
        let chosen = try #require(table.choice)
        #expect(chosen.passes && chosen.cosine == 1 && chosen.bursts >= 3)
    }

    @Test func whatWouldNotBeFasterIsNotRefined() throws {
        world.formTimes = [.int8Static: [1]]
        world.formCosines = [.int8Static: [0.9, 1]]
        let table = try world.measured([.int8Static])
        #expect(world.made.count == 1 && table.forms.first?.rewriting.ranking.isEmpty == true)
        #expect(try result(table, .openVINO(.bfloat16), .int8Static).passes == false)
        #expect(table.choice?.candidate.form == .published)
    }

    @Test func refiningEndsWhereItIsNoFasterAnyMore() throws {
        world.formTimes = [.int8Static: [0.5, 1, 1, 1]]
        world.formCosines = [.int8Static: [0.9, 0.9, 0.9, 1]]
        let table = try world.measured([.int8Static])
        #expect(world.made.map(\.float.count) == [0, 0, 1])
        #expect(table.choice?.candidate.form == .published)
    }

    /// What agrees on one engine needs no refinement, although it does not on another.
    @Test func aFormThatAgreesSomewhereStaysAsItIs() throws {
        world.formTimes = [.int8Static: [0.5]]
        world.cosines = [.openVINO(.bfloat16): 0.9]
        let table = try world.measured([.int8Static])
        #expect(world.made.count == 1)
        #expect(table.choice?.candidate == Candidate(.openVINO(.float32), form: .int8Static, threads: 2, batch: 32))
    }

    @Test func thePrecisionSaysWhatIsTriedAndHowExactlyItMustAgree() {
        let sharings = CoreSharing.ofOneSession(threads: 1)
        func plan(_ request: PrecisionRequest) -> MeasuringPlan { MeasuringPlan(request, sharings: sharings, batches: [1]) }
        for request in [PrecisionRequest.auto, .float32, .bfloat16] {
            #expect(plan(request).forms.isEmpty && plan(request).gate == .strict)
        }
        #expect(plan(.float16).forms == [.float16] && plan(.float16).gate == .strict)
        #expect(Set(plan(.int8).forms) == [.int8Static, .int8Dynamic, .int8Weights] && plan(.int8).gate.cosine == 0.99)
        #expect(plan(.int4).forms == [.int4Weights])
        #expect(MeasuringPlan(.int8, sharings: sharings, batches: [1], gate: .strict).gate == .strict)
    }

    /// An attempt that scores gets the form in place of its model, and the adapter is in the form already.
    @Test func anAttemptScoresWithTheForm() {
        let form = AttemptSpec.InputFile(path: "/forms/model.onnx", digest: "f")
        let files = AttemptSpec.ScoringFiles(
            model: .init(path: "/m.onnx", digest: "d"), adapter: "/a.safetensors", data: .init(path: "/rows.csv", digest: "r"),
            output: "/out.csv", format: .csv)
        for work in [AttemptSpec.Work.score(files), .scoreRange(files), .scoreAhead(files)] {
            var spec = AttemptSpec(run: 1, attempt: 1, pipeline: "p", work: work, schema: RowSchema(), stages: [])
            spec.score(with: form)
            #expect(spec.model == form && spec.data?.digest == "r")
            switch spec.work {
            case .score(let made), .scoreRange(let made), .scoreAhead(let made): #expect(made.adapter == nil && made.output == "/out.csv")
            default: Issue.record("another work")
            }
        }
    }
}
