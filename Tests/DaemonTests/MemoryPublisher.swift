import Daemon
import Landing
import Ledger
import PipelineConfig
import Runner
import SystemPackage

/// A disk as a dictionary, and an executor whose verdicts are in the contents: models `plusN` pass and others do not, data `rowsN` can be scored.
final class MemoryPublisher: Publisher {
    var files: [String: String] = [:]
    var models: [Int: String] = [:]
    var active: Int?
    var removed: Set<String> = []

    func execute(_ spec: AttemptSpec) -> AttemptResult {
        let input = spec.inputs[spec.goal == .score ? "data" : "model"]!
        switch spec.goal {
        case .decideModel:
            guard input.digest.hasPrefix("plus") else {
                return AttemptResult(failure: Failure(.badModel, what: "it is \(input.digest)", place: input.path, remedy: ""))
            }
            let file = AttemptResult.WrittenFile(slot: "model", path: spec.outputs["model"]! + "/model.onnx", digest: "m-" + input.digest, byteCount: 1)
            return AttemptResult(files: [file])
        case .score:
            guard input.digest.hasPrefix("rows") else {
                return AttemptResult(failure: Failure(.badInput, what: "it is \(input.digest)", place: input.path, remedy: ""))
            }
            let model = spec.inputs["model"]!.digest.dropFirst(2)
            let file = AttemptResult.WrittenFile(slot: "output", path: spec.outputs["output"]!, digest: "\(input.digest)|\(model)", byteCount: 1)
            return AttemptResult(files: [file], rowCount: 3)
        }
    }

    func stagingPath(run: Int64, attempt: Int, pipeline: Pipeline, goal: AttemptSpec.Goal) -> String { "/staging/\(run)-\(attempt)" }
    func discard(run: Int64, attempt: Int, pipeline: Pipeline, goal: AttemptSpec.Goal) {}

    func publish(_ outputs: [StagedOutput]) -> [Result<Void, LandingError>] {
        outputs.map { output in
            if let there = files[output.target.string], there != output.replaces, there != output.digest {
                return .failure(.targetNotOurs(output.target, found: there, published: output.replaces))
            }
            files[output.target.string] = output.digest
            return .success(())
        }
    }

    func recover(_ outputs: [StagedOutput]) -> [Bool] { outputs.map { files[$0.target.string] == $0.digest } }

    func publish(_ model: DecidedModel, activate: Bool) {
        models[model.version] = model.inputDigest
        if activate { active = model.version }
    }

    func publishedModel(version: Int, arrival: Int64, in pipeline: Pipeline) -> String? { models[version].map { "m-" + $0 } }
    func activate(version: Int, in pipeline: Pipeline) { active = version }
    func prune(versions: [Int], in pipeline: Pipeline) { for version in versions { models[version] = nil } }
    func dispose(of input: SpoolInput, pipeline: Pipeline) { removed.insert(input.path) }
    func quarantine(_ input: SpoolInput, _ report: QuarantineReport, pipeline: Pipeline) {}
}
