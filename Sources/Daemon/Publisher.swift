package import Arrivals
package import Attempts
package import FileSystem
package import Landing
package import Ledger
package import PipelineConfig
import Reasons

/// What the dispatcher asks of the disk: to give attempts a private place to write, and to make what they wrote visible, whole or not at
/// all. `DiskPublisher` does it for real; scenarios that run on a manual clock use one without a disk.
package protocol Publisher: AnyObject {
    /// A path (not there yet) that an attempt may write its output to, on the mount that it will be published on.
    func stagingPath(run: Int64, attempt: Int, pipeline: Pipeline, goal: AttemptSpec.Goal) throws(FileSystemError) -> String
    func discard(run: Int64, attempt: Int, pipeline: Pipeline, goal: AttemptSpec.Goal)
    /// Returns whether what the attempt has written so far takes half of its file system or more.
    func fillsDisk(run: Int64, attempt: Int, pipeline: Pipeline, goal: AttemptSpec.Goal) -> Bool

    /// Makes outputs durable and visible, and adds their lines to the manifests. `intend`, which is called once, records in the ledger
    /// those that can be published, before any is visible. One that fails does not hold up the others. Results are in the order of
    /// `outputs`.
    func publish(
        _ outputs: [StagedOutput], intend: ([StagedOutput]) throws -> [Intent]
    ) throws(FileSystemError) -> [Result<Void, FileSystemError>]
    /// After a crash: finishes what an earlier daemon intended. True where the output is there, by then or by now.
    func recover(_ outputs: [StagedOutput]) throws(FileSystemError) -> [Bool]

    /// Removes outputs in whose place others stand elsewhere, or whose input was deleted. Nil for one that stays for now; it is tried
    /// again.
    func withdraw(_ outputs: [LeavingOutput]) -> [OutputWithdrawal.Outcome?]

    /// Returns which of the data files were removed from that folder, where that is still the pipeline's data spool.
    func lacking(_ inputs: [StandingInput], from folder: WatchedFolder?, of pipeline: Pipeline) -> [StandingInput]

    /// Makes `<root>/<version>` visible with its card, then points `ACTIVE` at it where `activate` says so. Safe to repeat. Where the
    /// pipeline trains, the model is kept first as what the next training starts from: its digest.
    func publish(_ model: StagedModel, activate: Bool) throws(FileSystemError) -> String?
    /// After a crash: what that version is, where it is there and was made for `arrival`.
    func publishedModel(version: Int, arrival: Int64, in pipeline: Pipeline) throws(FileSystemError) -> PublishedModel?
    func activate(version: Int, in pipeline: Pipeline) throws(FileSystemError)
    /// Notes beside the versions which one is pinned.
    func pin(version: Int?, in pipeline: Pipeline) throws(FileSystemError)
    func prune(versions: [Int], in pipeline: Pipeline) throws(FileSystemError)

    /// What a request asks about the files of inputs.
    func lookup(among pipelines: [Pipeline]) -> InputLookup
    /// Where the content of an input is that was decided before: in its spool, unless it was put away.
    func inputPath(_ input: DecidedInput, pipeline: Pipeline) -> String?

    /// Where something is, or is to be, kept for training.
    func keptPath(_ kept: Kept, pipeline: Pipeline) -> String
    func discard(_ kept: Kept, pipeline: Pipeline) throws(FileSystemError)
    func pruneFloatModels(keeping digests: Set<String>, in pipeline: Pipeline) throws(FileSystemError)

    /// Returns whether the file was removed from its spool, as far as that can be told now.
    func isRemoved(_ input: SpoolInput) -> Bool
    /// The input after its output is durable, as `after:` says.
    func dispose(of input: SpoolInput, pipeline: Pipeline) throws(FileSystemError)
    /// Returns whether anything is in the pipeline's quarantine.
    func hasQuarantine(_ pipeline: Pipeline) -> Bool
    /// Removes the reason of an input whose cause is gone.
    func clearReason(role: ArrivalRole, path: String, pipeline: Pipeline) throws(FileSystemError)
    /// Writes `NAME.reason.json`, and moves the input beside it where `after:` is not keep.
    func quarantine(_ input: SpoolInput, _ report: QuarantineReport, pipeline: Pipeline) throws(FileSystemError)
}

/// What the state folder keeps for training.
package enum Kept: Hashable, Sendable {
    /// `name`: of the file that arrived.
    case labels(digest: String, name: String)
    case model(digest: String)
    case checkpoints(run: Int64)
}

/// A version as it stands under `land.models`.
package struct PublishedModel: Sendable {
    package var digest: String
    package var floatDigest: String?
    package var parentDigest: String?
    package var training: TrainingReport?

    package init(digest: String, floatDigest: String? = nil, parentDigest: String? = nil, training: TrainingReport? = nil) {
        self.digest = digest
        self.floatDigest = floatDigest
        self.parentDigest = parentDigest
        self.training = training
    }
}

package struct SpoolInput: Sendable, Hashable {
    package var spool: String
    /// Relative to `spool`.
    package var path: String
    package var digest: String?
    package var stamp: FileStamp
    package var companions: [Companion]
}

/// A directory that an attempt has filled with a model and that is to become a version.
package struct StagedModel: Sendable {
    package var pipeline: Pipeline
    package var version: Int
    package var run: Int64
    package var arrival: Int64
    package var input: String
    package var inputDigest: String
    package var revision: String
    package var files: [AttemptResult.WrittenFile]
    package var trial: AttemptResult.Trial?
    package var operatorSets: [String: Int] = [:]
    /// On what it was made and tried.
    package var machine: AttemptMachine?
    package var training: TrainingReport?
    /// What labels were trained from.
    package var parent: Card.Parent?

    package var root: String { pipeline.land.models?.path ?? "" }
    package var card: String { "\(root)/\(version)/card.json" }
}

package struct QuarantineReport: Sendable {
    package var explanation: Explanation
    package var arrival: Int64
    package var run: Int64?
    package var attempts: [Attempt]
}
