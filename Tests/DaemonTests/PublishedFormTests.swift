import Arrivals
import Attempts
import Deployment
import FileSystem
import Foundation
import Landing
import Machine
import PipelineConfig
import Recipes
import SystemPackage
import TestSupport
import Testing

@testable import Daemon

/// A form of a model that was chosen when its version was published stands beside the float model, which is the version.
@Suite struct PublishedFormTests {
    private let directory: TemporaryDirectory
    private let pipeline: Pipeline
    private let publisher: DiskPublisher

    init() throws {
        directory = try TemporaryDirectory("published-form")
        let yaml = DiskWorld.yaml.replacing("forward: {}", with: "optimize: { precision: int8 }, forward: {}")
        pipeline = try PipelineFile.read(Array(yaml.utf8), source: "p.yaml", root: directory.path)
        publisher = try DiskPublisher(root: directory.path, pipelines: [pipeline])
    }

    private func publish(_ form: ModelForm, weightsApart: Bool = false, judging: Judging? = nil) throws -> Card {
        let staged = try publisher.stagingPath(run: 1, attempt: 1, pipeline: pipeline, goal: .validateModel)
        try FileManager.default.createDirectory(atPath: staged, withIntermediateDirectories: true)
        try Data("float".utf8).write(to: URL(fileURLWithPath: staged + "/model.onnx"))
        func written(_ name: String, _ content: String) throws -> AttemptResult.WrittenFile {
            let path = try directory.write(content, to: "choices/form/\(name)")
            return .init(slot: "form", path: path, digest: FileDigest.of(bytes: content.utf8), byteCount: Int64(content.utf8.count))
        }
        var files = [try written("model.onnx", "smaller")]
        if weightsApart { files.append(try written("model.onnx.data", "weights")) }
        var original = CandidateResult(Candidate(.onnxRuntime, threads: 1, batch: nil))
        var chosen = CandidateResult(Candidate(.openVINO(.float32), form: form, threads: 1, batch: nil))
        (original.processorMilliseconds, chosen.processorMilliseconds) = (2, 1)
        let made = FormResult(
            form: form, files: files, rewriting: Rewriting(layers: ["l"], left: [:], changes: GraphChanges(nodesBefore: 1), peakBytes: 1),
            seconds: 1)
        var table = DeploymentTable(
            model: "d", machines: [], comparedRows: 8, gate: .strict, measure: .processor, seconds: 1, candidates: [original, chosen],
            forms: [made], leftOut: [:])
        table.judging = judging
        if let judging { table.candidates[1].metric = judging.original.map { $0.value - 0.01 } }
        var model = StagedModel(
            pipeline: pipeline, version: 1, run: 1, arrival: 1,
            file: ArrivedFile(SpoolPlace("p/model", "m.onnx"), digest: "d", stamp: .none), revision: "r",
            files: [.init(slot: "model", path: staged + "/model.onnx", digest: FileDigest.of(bytes: "float".utf8), byteCount: 5)])
        model.execution = .success(table)
        _ = try publisher.publish(model, activate: true)
        let found = try #require(try publisher.publishedModel(version: 1, arrival: 1, in: pipeline))
        #expect(found.digest == FileDigest.of(bytes: "float".utf8), "the version is the float model")
        return try JSONFile.decode(Card.self, from: .init(directory("out/models/1/card.json")))
    }

    @Test(arguments: [(ModelForm.int8Static, "model.int8.onnx"), (.int4Weights, "model.int4.onnx"), (.float16, "model.float16.onnx")])
    func itHasANameOfItsOwn(_ form: ModelForm, name: String) throws {
        let card = try publish(form)
        #expect(try directory.read("out/models/1/\(name)") == Array("smaller".utf8))
        #expect(try directory.read("out/models/1/model.onnx") == Array("float".utf8))
        #expect(card.files.map(\.path).sorted() == [name, "model.onnx"].sorted())
        guard case .table(let execution)? = card.decisions?["execution"], case .list(let forms)? = execution["forms"],
            case .table(let told)? = forms.first
        else { throw Unmet("no form on the card") }
        #expect(told["file"] == .text(name))
        // The form itself stays with the choices.
        #expect(try directory.read("choices/form/model.onnx") == Array("smaller".utf8))
    }

    /// The card has the metric that decided and of each candidate, or why it could not be measured.
    @Test func theMetricIsOnTheCard() throws {
        let gate = MetricGate(.accuracy, dropAtMost: 0.02, sameTop: 0.5)
        let found = Judging(gate, labels: ["l"], original: MetricFinding(value: 0.75, rows: 40))
        guard case .table(let execution)? = try publish(.int8Static, judging: found).decisions?["execution"],
            case .list(let candidates)? = execution["candidates"], case .table(let last)? = candidates.last
        else { throw Unmet("no execution on the card") }
        #expect(
            execution["gate"]
                == .table([
                    "metric": .text("accuracy"), "drop_at_most": .number(0.02), "original": .number(0.75), "rows": .integer(40),
                    "same_top": .number(0.5),
                ]))
        #expect(last["metric"] == .number(0.74))
    }

    @Test func whyTheMetricCouldNotBeMeasuredIsOnTheCard() throws {
        let found = Judging(MetricGate(.accuracy), labels: [], reason: "no labelled rows are known")
        guard case .table(let execution)? = try publish(.int8Static, judging: found).decisions?["execution"] else {
            throw Unmet("no execution on the card")
        }
        #expect(
            execution["gate"]
                == .table([
                    "metric": .text("accuracy"), "drop_at_most": .integer(0), "not_measured": .text("no labelled rows are known"),
                    "cosine": .number(0.9999), "same_top": .integer(1),
                ]))
    }

    /// A form whose weights are in a file of their own is tied to their name, and stays where it is.
    @Test func oneWithWeightsApartDoesNotMove() throws {
        let card = try publish(.int8Static, weightsApart: true)
        #expect(card.files.map(\.path) == ["model.onnx"])
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory("out/models/1")).sorted() == ["card.json", "model.onnx"])
    }
}
