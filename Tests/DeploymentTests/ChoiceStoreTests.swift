import Arrivals
import Attempts
import FileSystem
import Foundation
import Machine
import Recipes
import TestSupport
import Testing

@testable import Deployment

@Suite struct ChoiceStoreTests {
    private let machine = AttemptMachine(processor: "Abacus", engine: "ONNX Runtime", engineVersion: "1")

    private var table: DeploymentTable {
        var best = CandidateResult(Candidate(.openVINO(.bfloat16), threads: 2, batch: 8))
        (best.rowsPerSecond, best.processorMilliseconds) = (10, 3)
        return DeploymentTable(
            model: "0123456789abcdef01", machines: [machine], comparedRows: 5, gate: .strict, measure: .clock, seconds: 1,
            candidates: [CandidateResult(Candidate(.onnxRuntime, threads: 2, batch: 32)), best], leftOut: ["openvino float32": "why"])
    }

    @Test func whatIsKeptIsFoundForTheSameModelQuestionAndMachineOnly() throws {
        let folder = try TemporaryDirectory("choices")
        let store = ChoiceStore(folder("work/choices"))
        #expect(store.table(of: table.model, "q", on: [machine]) == nil)
        try store.keep(table, "q", on: [machine])
        #expect(store.table(of: table.model, "q", on: [machine]) == table)
        #expect(store.table(of: table.model, "another", on: [machine]) == nil)
        #expect(store.table(of: "another", "q", on: [machine]) == nil)
        var newer = machine
        newer.engineVersion = "2"
        #expect(store.table(of: table.model, "q", on: [newer]) == nil)
        // Two models whose digests begin alike.
        #expect(store.table(of: "0123456789abcdef02", "q", on: [machine]) == nil)
    }

    /// The files of the chosen form are kept beside the table, whole, and a form that is damaged or gone is noticed.
    @Test func theChosenFormIsKept() throws {
        let folder = try TemporaryDirectory("choices")
        let store = ChoiceStore(folder("work/choices"))
        func form(_ form: ModelForm) throws -> FormResult {
            let files = try [("model.onnx", "graph \(form)"), ("model.onnx.data", "weights \(form)")].map { name, text in
                let path = "made/\(form.rawValue)/\(name)"
                try folder.write(text, to: path)
                return AttemptResult.WrittenFile(
                    slot: "form", path: folder(path), digest: FileDigest.of(bytes: text.utf8), byteCount: Int64(text.utf8.count))
            }
            let rewriting = Rewriting(layers: ["a"], left: [:], changes: GraphChanges(nodesBefore: 1), peakBytes: 1)
            return FormResult(form: form, files: files, rewriting: rewriting, seconds: 1)
        }
        var table = table
        table.candidates[1].candidate.form = .int8Static
        table.forms = [try form(.int8Weights), try form(.int8Static)]
        try store.keepForm(of: &table)
        try FileManager.default.removeItem(atPath: folder("made"))
        #expect(store.hasForm(of: table))
        #expect(table.forms.map(\.files.count) == [0, 2])
        let model = try #require(table.chosenForm?.model)
        #expect(model.path == folder("work/choices/0123456789abcdef-\(model.digest.prefix(32))/model.onnx"))
        #expect(
            try String(decoding: folder.read("work/choices/0123456789abcdef-\(model.digest.prefix(32))/model.onnx"), as: UTF8.self)
                == "graph int8Static")
        try store.keep(table, "q", on: [machine])
        #expect(store.table(of: table.model, "q", on: [machine]).map(store.hasForm) == true)
        // One byte of the weights.
        let weights = "work/choices/0123456789abcdef-\(model.digest.prefix(32))/model.onnx.data"
        try folder.write("weights int8Statik", to: weights)
        #expect(!store.hasForm(of: table))
        try FileManager.default.removeItem(atPath: folder(weights))
        #expect(!store.hasForm(of: table))
        // Without a form there is nothing that could be missing.
        #expect(store.hasForm(of: self.table))
    }

    /// What belongs to no version goes after a day: it may be of a model that is about to become one.
    @Test func whatBelongsToNoVersionGoesAfterADay() throws {
        let folder = try TemporaryDirectory("choices")
        let store = ChoiceStore(folder("choices"))
        try store.keep(table, "q", on: [machine])
        try folder.write("form", to: "choices/0123456789abcdef-1/model.onnx")
        try folder.write("form", to: "choices/another-1/model.onnx")
        func count() -> Int { folder.files().count }
        try store.prune(keeping: [])
        #expect(count() == 3)
        let later = UTCTime.now.advanced(by: .seconds(90_000))
        try store.prune(keeping: [table.model], at: later)
        #expect(count() == 2 && store.table(of: table.model, "q", on: [machine]) != nil)
        try store.prune(keeping: [], at: later)
        #expect(count() == 0)
        try ChoiceStore(folder("nowhere")).prune(keeping: [], at: later)
    }
}
