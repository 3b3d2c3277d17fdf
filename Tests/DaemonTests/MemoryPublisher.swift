import Arrivals
import Attempts
import Daemon
import Deployment
import FileSystem
import Landing
import Ledger
import PipelineConfig
import Reasons
import Recipes
import SystemPackage

/// A disk as a dictionary, and an executor whose verdicts are in the contents: models `plusN` pass and others do not, data `rowsN` and
/// `manyN` can be scored, labels `labelsN` make a model that adds N, those called `outliers` one that the gate refuses, and `badlabels`
/// cannot be learnt from.
final class MemoryPublisher: Publisher {
    /// Whether what was learnt lands beside the model that it was learnt from.
    var keepsAdapters = false
    /// Of each version, the digest of its model file.
    var modelFiles: [Int: String] = [:]
    /// What models add, by their version's digest.
    private var contents: [String: String] = [:]
    var files: [String: String] = [:]
    /// The number of times that an output of each input was published.
    var lines: [String: Int] = [:]
    /// The stamp and the content that a file of the spool has now.
    var found: (String) -> (stamp: FileStamp, content: String)? = { _ in nil }
    /// What each version adds, as `plusN`.
    var models: [Int: String] = [:]
    var published: [Int: PublishedModel] = [:]
    /// What was measured of each version before it was published.
    var executions: [Int: Result<DeploymentTable, Failure>] = [:]
    var active: Int?
    var removed: Set<String> = []
    var quarantined: Set<String> = []
    /// What disposal and quarantine throw, and how often they have.
    var fault: FileSystemError?
    private(set) var refusals = 0
    /// Whether outputs can be removed.
    var mayWithdraw = true

    /// Whether what attempts write takes half of the disk.
    var fillsDisk = false
    func fillsDisk(run: Int64, attempt: Int, pipeline: Pipeline, goal: AttemptSpec.Goal) -> Bool { fillsDisk }

    func execute(_ spec: AttemptSpec) -> AttemptResult {
        let labelled = spec.training?.labelled.first { $0.arrival == spec.training?.subject }
        let input = spec.data ?? labelled?.file ?? spec.model
        func failed(_ kind: Failure.Kind) -> AttemptResult {
            AttemptResult(failure: Failure(kind, what: "it is \(input.digest)", place: input.path, remedy: ""))
        }
        func model(
            _ content: String, into place: AttemptSpec.ModelFiles, beside base: String? = nil, _ report: TrainingReport?
        ) -> AttemptResult {
            func file(_ name: String, _ digest: String) -> AttemptResult.WrittenFile {
                .init(slot: "model", path: place.directory + "/" + name, digest: digest, byteCount: 1)
            }
            var files = [file("model.onnx", base ?? "m-" + content)]
            if base != nil { files.append(file("adapter.safetensors", "a-" + content)) }
            contents[files.modelDigest!] = content
            return AttemptResult(training: report, files: files)
        }
        switch spec.work {
        case .validateModel(let place, let training):
            guard input.digest.hasPrefix("plus") else { return failed(.badModel) }
            guard let training else { return model(input.digest, into: place, nil) }
            let (content, report) = tuned(input.digest, training)
            return model(content, into: place, report)
        case .fineTune(let place, let training):
            if input.digest == "badlabels" { return failed(.badInput) }
            let parent = spec.model.digest
            let (content, report) = tuned(contents[parent]!, training)
            if report.wait != nil { return AttemptResult(training: report) }
            guard let rejection = report.rejection else {
                let base = keepsAdapters ? modelFiles[published.first { $0.value.digest == parent }!.key] : nil
                return model(content, into: place, beside: base, report)
            }
            return AttemptResult(failure: rejection, training: report)
        case .score(let place), .scoreRange(let place), .scoreAhead(let place):
            if let found = found(input.path.replacing("/nowhere/spool/data/", with: "")), found.content != input.digest {
                return failed(.inputChanged)
            }
            guard ["rows", "many"].contains(input.digest.prefix(4)) else { return failed(.badInput) }
            let model = contents[place.model.digest]!
            let file = AttemptResult.WrittenFile(
                slot: "output", path: place.output, digest: "\(input.digest)|\(model)", byteCount: 1)
            return AttemptResult(files: [file], rowCount: 3)
        case .measure, .rewrite, .help: return failed(.badModel)
        }
    }

    /// What comes of a model that adds `content`: the newest labels that can be learnt from decide.
    private func tuned(_ content: String, _ training: AttemptSpec.Training) -> (String, TrainingReport) {
        var report = TrainingReport()
        for file in training.labelled {
            if file.file.digest == "badlabels" {
                report.unusable.append(
                    .init(arrival: file.arrival, failure: Failure(.badInput, what: "no number", place: file.name, remedy: "")))
            } else {
                report.trainingData.append(.init(path: file.name, digest: file.file.digest))
            }
        }
        guard let last = report.trainingData.last else { return (content, report) }
        let isFew = last.digest.hasPrefix("few")
        if isFew, report.trainingData.count < 3 {
            report.wait = Failure(.tooFewRows, what: "the gate waits", place: last.path ?? "", remedy: "")
            return (content, report)
        }
        let learnt = "plus" + (isFew ? last.digest.dropFirst(3).prefix(1) : last.digest.dropFirst(6))
        if isFew || last.digest.hasPrefix("labels"), learnt != content { return (learnt, report) }
        report.rejection = Failure(.gate, what: "mae went from 1 to 2", place: last.path ?? "", remedy: "")
        return (content, report)
    }

    func stagingPath(run: Int64, attempt: Int, pipeline: Pipeline, goal: AttemptSpec.Goal) -> String { "/staging/\(run)-\(attempt)" }
    func discard(run: Int64, attempt: Int, pipeline: Pipeline, goal: AttemptSpec.Goal) {}
    func partsPath(run: Int64, pipeline: Pipeline) -> String? { nil }
    func discardParts(run: Int64, pipeline: Pipeline) {}
    func makeAheadParts(_ number: Int, pipeline: Pipeline) -> String? { nil }
    func takeAheadParts(_ folder: String, for run: Int64, pipeline: Pipeline) -> Bool { false }

    func begin(_ outputs: [StagedOutput]) -> PublishingRound {
        PublishingRound(ready: outputs) { self.land(outputs, $0) }
    }

    private func land(_ outputs: [StagedOutput], _ permissions: [LandingPermission]) -> PublishingRound.Results {
        zip(outputs, permissions).map { output, permission in
            let replaced: [String]
            switch permission {
            case .publish(let replacing): replaced = replacing
            case .refuse(let owner): return .failure(.targetOwned(output.target, by: owner, refused: output.provenance.input))
            }
            if let there = files[output.target.string], !replaced.contains(there), there != output.file.digest {
                return .failure(.targetNotOurs(output.target, found: there, published: replaced.first))
            }
            files[output.target.string] = output.file.digest
            lines[output.provenance.input, default: 0] += 1
            return .success(())
        }
    }

    func recover(_ outputs: [StagedOutput]) -> [Bool] { outputs.map { files[$0.target.string] == $0.file.digest } }

    func lacking(_ inputs: [StandingInput], from folder: WatchedFolder?, of pipeline: Pipeline) -> [StandingInput] {
        inputs.filter { found($0.path) == nil }
    }

    func hasQuarantine(_ pipeline: Pipeline) -> Bool { true }

    func isRemoved(_ file: ArrivedFile, _ pipeline: Pipeline) -> Bool { found(file.path) == nil }

    func withdraw(_ outputs: [LeavingOutput]) -> [OutputWithdrawal.Outcome?] {
        outputs.map(\.publication.output).map { output in
            guard mayWithdraw else { return nil }
            let path = output.absolutePath
            guard let there = files[path] else { return .removed }
            guard there == output.digest else { return .notOurs }
            files[path] = nil
            return .removed
        }
    }

    func lookup(among pipelines: [Pipeline]) -> InputLookup { InputLookup(refusal: { _ in nil }, isSpooled: { _ in true }) }
    func clearReason(role: ArrivalRole, path: String, pipeline: Pipeline) {}
    func hideValues(of pipeline: Pipeline) {}
    func pin(version: Int?, in pipeline: Pipeline) {}
    func inputPath(_ input: ArrivedFile, pipeline: Pipeline) -> String? { nil }

    func publish(_ model: StagedModel, activate: Bool) -> String? {
        let digest = model.files.modelDigest!
        models[model.version] = contents[digest]
        executions[model.version] = model.execution
        modelFiles[model.version] = model.files[0].digest
        published[model.version] = PublishedModel(
            digest: digest, floatDigest: digest, parentDigest: model.parent?.digest, training: model.training)
        if activate { active = model.version }
        return digest
    }

    func publishedModel(version: Int, arrival: Int64, in pipeline: Pipeline) -> PublishedModel? { published[version] }
    func activate(version: Int, in pipeline: Pipeline) { active = version }
    func prune(versions: [Int], in pipeline: Pipeline) { for version in versions { models[version] = nil } }
    func keptPath(_ kept: Kept, pipeline: Pipeline) -> String { "/kept/\(kept)" }
    func discard(_ kept: Kept, pipeline: Pipeline) {}
    func pruneFloatModels(keeping digests: Set<String>, in pipeline: Pipeline) {}
    func prunePreparedModels(keeping digests: Set<String>, isStart: Bool) {}

    private func check() throws(FileSystemError) {
        guard let fault else { return }
        refusals += 1
        throw fault
    }

    func dispose(of file: ArrivedFile, pipeline: Pipeline) throws(FileSystemError) {
        try check()
        removed.insert(file.path)
    }

    func quarantine(_ input: RefusedInput, _ report: QuarantineReport, pipeline: Pipeline) throws(FileSystemError) {
        try check()
        quarantined.insert(input.place.path)
    }
}
