import Arrivals
import Attempts
import Deployment
package import FileSystem
import Foundation
import Landing
import Ledger
package import PipelineConfig
import Reasons
import Recipes
import SystemPackage

extension DiskPublisher {
    private func files(_ pipeline: Pipeline) -> KeptFiles { KeptFiles(work: work, pipeline: pipeline.name) }

    private func path(_ kept: Kept, _ pipeline: Pipeline) -> FilePath {
        switch kept {
        case .labels(let digest, let name): files(pipeline).labels(digest, named: name, privacy: pipeline.schema.privacy)
        case .model(let digest): files(pipeline).model(digest)
        case .checkpoints(let run): files(pipeline).checkpoints(run: run)
        }
    }

    package func keptPath(_ kept: Kept, pipeline: Pipeline) -> String { path(kept, pipeline).string }

    package func discard(_ kept: Kept, pipeline: Pipeline) throws(FileSystemError) {
        if case .labels(let digest, _) = kept { return try files(pipeline).discardLabels(digest) }
        try files(pipeline).discard(path(kept, pipeline))
    }

    package func pruneFloatModels(keeping digests: Set<String>, in pipeline: Pipeline) throws(FileSystemError) {
        try files(pipeline).pruneModels(keeping: digests)
    }

    package func prunePreparedModels(keeping digests: Set<String>, isStart: Bool) throws(FileSystemError) {
        try PreparedFolder(work: work).prune(keeping: digests, isStart: isStart)
        try ChoiceStore(work: work).prune(keeping: digests)
    }

    /// Removes at the start the checkpoints of runs that are closed.
    package func pruneCheckpoints(keeping open: Set<Int64>, of pipelines: [Pipeline]) throws(FileSystemError) {
        for pipeline in pipelines { try files(pipeline).pruneCheckpoints(keeping: open) }
    }

    /// Keeps the model that the next training starts from, before anyone can see the version. Returns its digest; nil where nothing trains.
    func keepFloatModel(_ model: StagedModel) throws(FileSystemError) -> String? {
        guard model.pipeline.optimize != nil else { return nil }
        let originals = model.files.files(of: .original)
        let kept = originals.isEmpty ? model.files.files(of: .model) : originals
        guard let digest = FileDigest.ofVersion(kept.map { (name: $0.name, digest: $0.digest) }) else { return nil }
        try files(model.pipeline).keepModel(kept.map { (name: $0.name, path: FilePath($0.path)) }, digest: digest)
        return digest
    }
}

extension Card {
    /// Records how training came out. A model whose training was rejected is published as it would have been without training, and `reason`
    /// says why. A card goes where the model goes, so it never tells what cells of tables hold.
    mutating func add(_ training: TrainingReport) {
        self.gate = training.gate
        trainingData = training.trainingData
        hyperParameters = training.hyperParameters
        lossPerEpoch = training.lossPerEpoch
        reason = (training.rejection ?? training.wait).map { "not tuned: \($0.statement.text)" }
        var all = decisions ?? [:]
        if let wait = training.wait { all["labels_kept"] = .table(["reason": .text(wait.what), "remedy": .text(wait.remedy)]) }
        all.merge(training.decisions) { _, new in new }
        if !training.unusable.isEmpty {
            all["unusable_labels"] = .list(
                training.unusable.map { unusable in
                    .table([
                        "arrival": .integer(unusable.arrival), "place": .text(unusable.failure.place),
                        "reason": .text(unusable.failure.what),
                        "remedy": .text(unusable.failure.remedy),
                    ])
                })
        }
        decisions = all
    }

    /// The training that `add` put on the card, as far as the ledger needs it; nil where nothing was trained.
    var training: TrainingReport? {
        guard let trainingData else { return nil }
        var report = TrainingReport(gate: gate, lossPerEpoch: lossPerEpoch ?? [], trainingData: trainingData)
        if case .table(let wait)? = decisions?["labels_kept"], case .text(let reason)? = wait["reason"],
            case .text(let remedy)? = wait["remedy"]
        {
            report.wait = Failure(.tooFewRows, what: Reason(reason), place: arrivalPath, remedy: remedy)
        }
        if report.wait == nil, let reason {
            report.rejection = Failure(
                .gate, what: Reason(reason), place: arrivalPath, remedy: "Drop more labels, or change the optimize stage.")
        }
        if case .list(let unusable)? = decisions?["unusable_labels"] {
            report.unusable = unusable.compactMap { entry in
                guard case .table(let table) = entry, case .integer(let arrival)? = table["arrival"],
                    case .text(let place)? = table["place"],
                    case .text(let reason)? = table["reason"], case .text(let remedy)? = table["remedy"]
                else { return nil }
                return .init(arrival: arrival, failure: Failure(.badInput, what: Reason(reason), place: place, remedy: remedy))
            }
        }
        return report
    }
}
