import PipelineConfig
import Reasons
import Recipes
import Testing

@testable import Attempts

/// Which files an answer may name: those that the attempt may write.
@Suite struct AnswerTests {
    private func isTaken(_ work: AttemptSpec.Work, _ paths: [String], _ failure: Failure? = nil) -> Bool {
        let spec = AttemptSpec(run: 1, attempt: 1, pipeline: "p", work: work, schema: RowSchema(), stages: [])
        let files = paths.map { AttemptResult.WrittenFile(slot: "model", path: $0, digest: "d", byteCount: 1) }
        return spec.mayBeAnswered(with: AttemptResult(failure: failure, files: files))
    }

    private let model = AttemptSpec.InputFile(path: "/s/m.onnx", digest: "m")

    @Test func aVersionIsInItsFolder() {
        let work = AttemptSpec.Work.validateModel(.init(model: model, directory: "/w/7"), training: nil)
        #expect(isTaken(work, ["/w/7/model.onnx", "/w/7/original/model.onnx"]) && isTaken(work, []))
        for path in ["/w/8/model.onnx", "/w/7/../8/model.onnx", "/w/7", "/w/77/model.onnx", "model.onnx", "/w/7/./model.onnx/.."] {
            #expect(!isTaken(work, ["/w/7/model.onnx", path]), "\(path)")
        }
    }

    @Test func anOutputIsTheOutput() {
        let files = AttemptSpec.ScoringFiles(model: model, data: model, output: "/w/o.csv", format: .csv)
        #expect(isTaken(.score(files), ["/w/o.csv"]))
        #expect(!isTaken(.score(files), []) && !isTaken(.score(files), ["/w/p.csv"]) && !isTaken(.score(files), ["/w/o.csv", "/w/o.csv"]))
        let failure = Failure(.badInput, what: "it is bad", place: "/s/a.csv", remedy: "Mend it.")
        #expect(isTaken(.score(files), [], failure) && !isTaken(.score(files), ["/w/p.csv"], failure))
        #expect(isTaken(.scoreRange(files), []) && !isTaken(.scoreRange(files), ["/w/o.csv"]))
    }
}
