import Arrivals
import Attempts
import Foundation
import Machine
import PipelineConfig
import Reasons
import Recipes
import Testing

@testable import WorkerProtocol

/// Frames that are written without `JSONEncoder` say the same as what they were made of.
@Suite struct QuickFrameTests {
    private let reference = AttemptReference(run: 12, attempt: 3, nonce: .max)

    private func spec(_ data: AttemptSpec.InputFile) -> AttemptSpec {
        let model = AttemptSpec.InputFile(path: "/m/1/model.onnx", digest: "m")
        var spec = AttemptSpec(
            run: 12, attempt: 3, pipeline: "p", work: .score(.init(model: model, data: data, output: "/o/ü.csv", format: .csv)),
            schema: RowSchema(key: ["id"], keep: ["id"]), stages: [.forward(ForwardStage())],
            provenance: ["millrace.input": "a \"b\".csv", "x": "y"], limits: .init(seconds: 3, threads: 2), columns: ["x": ["a", "b"]])
        spec.types = ["t": "string"]
        spec.hidesValues = true
        return spec
    }

    @Test(arguments: [
        AttemptSpec.InputFile(path: "/s/a.csv", digest: "d"),
        AttemptSpec.InputFile(
            path: "/s/ü \n.csv", digest: "d", companions: ["w.bin"], spool: "/s",
            stamp: FileStamp(device: -1, inode: .max, size: 0, changed: .min)),
    ])
    func anOrderWithItsSettingIsTheSpec(_ data: AttemptSpec.InputFile) throws {
        let spec = spec(data)
        guard case .score(let files) = spec.work else { return }
        let frame = DaemonFrame.score(ScoreOrder(reference: reference, setting: 7, spec, files))
        let line = try #require(frame.quickLine())
        #expect(try JSONSerialization.jsonObject(with: Data(line)) is [String: Any])
        guard case .score(let order)? = try line.withUnsafeBytes({ try DaemonFrame.quick($0) }) else {
            Issue.record("no order")
            return
        }
        #expect(order.reference == reference && order.setting == 7)
        let setting = try JSONDecoder().decode(ScoreSetting.self, from: JSONEncoder().encode(ScoreSetting(spec, files)))
        func text(_ spec: AttemptSpec) throws -> String {
            let encoder = JSONEncoder()
            encoder.outputFormatting = .sortedKeys
            return String(decoding: try encoder.encode(spec), as: UTF8.self)
        }
        #expect(try text(order.spec(setting)) == text(spec))
    }

    @Test(arguments: [true, false]) func anOutputComesBack(_ isOpen: Bool) throws {
        let line = try #require(FileAnswer.output(reference, isOpen: isOpen).quickLine())
        #expect(try JSONSerialization.jsonObject(with: Data(line)) is [String: Any])
        guard case .output(reference, isOpen)? = try line.withUnsafeBytes({ try FileAnswer.quick($0) }) else {
            Issue.record("no output")
            return
        }
        #expect(FileAnswer.done.quickLine() == nil)
    }

    @Test func anAnswerComesBack() throws {
        var result = AttemptResult(
            files: [.init(slot: "output", path: "/o/a.csv", digest: "x", byteCount: 5)], rowCount: 9, timings: ["run": 0.25, "odd": .nan])
        result.columns = ["x": ["a", "b"], "y": []]
        result.types = ["t": "int"]
        result.absentColumns = ["mail", "a \"b\""]
        let line = try #require(WorkerFrame.answer(reference: reference, result: result).quickLine())
        guard case .answer(reference, let read)? = try line.withUnsafeBytes({ try WorkerFrame.quick($0) }) else {
            Issue.record("no answer")
            return
        }
        #expect(read.files == result.files && read.rowCount == 9 && read.columns == result.columns && read.types == result.types)
        #expect(read.absentColumns == result.absentColumns)
        #expect(read.timings["run"] == 0.25 && read.timings["odd"]?.isNaN == true && read.timings.count == 2)
        #expect(read.failure == nil && read.training == nil && read.trial == nil)
    }

    /// What the short form has no place for goes the long way.
    @Test func whatIsMoreThanScoresGoesTheLongWay() {
        var results = Array(repeating: AttemptResult(), count: 8)
        results[0].failure = Failure(.badInput, what: "x", place: "y", remedy: "z")
        results[1].training = TrainingReport()
        results[2].trial = .noRowsKnown
        results[3].operatorSets = ["": 17]
        results[4].machine = AttemptMachine(processor: "p", engine: "e", engineVersion: "1")
        results[5].measurement = Measurement(rows: 1, seconds: 1, processorSeconds: 1, peakBytes: 1)
        results[6].graph = GraphReport()
        results[7].rewriting = Rewriting(layers: [], left: [:], changes: GraphChanges(nodesBefore: 1), peakBytes: 1)
        for result in results { #expect(WorkerFrame.answer(reference: reference, result: result).quickLine() == nil) }
        // A new property of an answer belongs into the short form, or above.
        let shortForm = ["files", "rowCount", "timings", "columns", "types", "absentColumns"]
        #expect(Mirror(reflecting: AttemptResult()).children.count == shortForm.count + results.count)
    }
}
