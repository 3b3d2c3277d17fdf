package import Arrivals
package import Attempts
package import Deployment
package import FileSystem
package import Landing
package import Ledger
package import Machine
package import PipelineConfig
package import Reasons

/// Does what the dispatcher asks of the disk: it gives attempts a private place to write, and makes what they wrote visible, whole or not
/// at all. `DiskPublisher` does it for real; scenarios that run on a manual clock use one without a disk.
package protocol Publisher: AnyObject {
    /// Returns a path (not there yet) that an attempt may write its output to, on the mount that it will be published on.
    func stagingPath(run: Int64, attempt: Int, pipeline: Pipeline, goal: AttemptSpec.Goal) throws(FileSystemError) -> String
    func discard(run: Int64, attempt: Int, pipeline: Pipeline, goal: AttemptSpec.Goal)
    /// Returns a folder for the scored parts of a large file, which all attempts of a run use; it may be there already. Nil where there is
    /// no place for it.
    func partsPath(run: Int64, pipeline: Pipeline) -> String?
    func discardParts(run: Int64, pipeline: Pipeline)
    /// Returns a new folder for parts of a file that has no run yet; nil where there is no place for it. Whoever asked for it removes it.
    /// - Parameter number: tells it from others of this daemon.
    func makeAheadParts(_ number: Int, pipeline: Pipeline) -> String?
    /// Makes such a folder that of the parts of a run. Returns false where that cannot be; then it is as it was.
    func takeAheadParts(_ folder: String, for run: Int64, pipeline: Pipeline) -> Bool
    /// Returns whether what the attempt has written so far takes half of its file system or more.
    func fillsDisk(run: Int64, attempt: Int, pipeline: Pipeline, goal: AttemptSpec.Goal) -> Bool

    /// Starts to make outputs durable. They become visible, and get their lines in the manifests, when the round lands. One that fails does
    /// not hold up the others.
    func begin(_ outputs: [StagedOutput]) throws(FileSystemError) -> PublishingRound
    /// Finishes after a crash what an earlier daemon intended. Returns for each output whether it is there, by then or by now.
    func recover(_ outputs: [StagedOutput]) throws(FileSystemError) -> [Bool]

    /// Removes outputs that were replaced by others with another path, or whose input was deleted. The outcome is nil for one that stays
    /// for now; it is tried again.
    func withdraw(_ outputs: [LeavingOutput]) -> [OutputWithdrawal.Outcome?]

    /// Returns which of the data files were removed from that folder, where that is still the pipeline's data spool.
    func lacking(_ inputs: [StandingInput], from folder: WatchedFolder?, of pipeline: Pipeline) -> [StandingInput]

    /// Makes `<root>/<version>` visible with its card, then points `ACTIVE` at it where `activate` says so. It is safe to repeat. Where the
    /// pipeline trains, the model is first kept for the next training to start from, and its digest is returned.
    func publish(_ model: StagedModel, activate: Bool) throws(FileSystemError) -> String?
    /// Returns, after a crash, what is known of that version; nil where it is not there or was made for another arrival.
    func publishedModel(version: Int, arrival: Int64, in pipeline: Pipeline) throws(FileSystemError) -> PublishedModel?
    func activate(version: Int, in pipeline: Pipeline) throws(FileSystemError)
    /// Notes beside the versions which one is pinned.
    func pin(version: Int?, in pipeline: Pipeline) throws(FileSystemError)
    func prune(versions: [Int], in pipeline: Pipeline) throws(FileSystemError)

    /// Returns the functions that tell a request about the files of inputs.
    func lookup(among pipelines: [Pipeline]) -> InputLookup
    /// Returns the path of an input that was decided before: in its spool, unless it was put away. Nil where it is in neither place.
    func inputPath(_ file: ArrivedFile, pipeline: Pipeline) -> String?

    /// Returns the path at which something is, or is to be, kept for training.
    func keptPath(_ kept: Kept, pipeline: Pipeline) -> String
    func discard(_ kept: Kept, pipeline: Pipeline) throws(FileSystemError)
    func pruneFloatModels(keeping digests: Set<String>, in pipeline: Pipeline) throws(FileSystemError)
    /// Removes what workers have prepared, and what was measured, of models that are not among `digests`.
    /// - Parameter isStart: whether no worker runs yet, so that what they did not finish goes too.
    func prunePreparedModels(keeping digests: Set<String>, isStart: Bool) throws(FileSystemError)

    /// Returns whether the file was removed from its spool, as far as that can be told now.
    func isRemoved(_ file: ArrivedFile, _ pipeline: Pipeline) -> Bool
    /// Archives or deletes an input after its output is durable, as `after:` says.
    func dispose(of file: ArrivedFile, pipeline: Pipeline) throws(FileSystemError)
    /// Returns whether anything is in the pipeline's quarantine.
    func hasQuarantine(_ pipeline: Pipeline) -> Bool
    /// Removes the reason of an input whose cause is gone.
    func clearReason(role: ArrivalRole, path: String, pipeline: Pipeline) throws(FileSystemError)
    /// Takes the values of cells out of the pipeline's reasons in quarantine.
    func hideValues(of pipeline: Pipeline) throws(FileSystemError)
    /// Writes `NAME.reason.json`, and moves the input beside it where `after:` is not keep and it was read.
    func quarantine(_ input: RefusedInput, _ report: QuarantineReport, pipeline: Pipeline) throws(FileSystemError)
}

/// Holds outputs that are being made durable. What is `ready` is recorded in the ledger meanwhile; then the round lands.
package struct PublishingRound {
    package typealias Results = [Result<Void, FileSystemError>]

    /// The outputs that can be published.
    package let ready: [StagedOutput]
    private let landing: ([LandingPermission]) throws(FileSystemError) -> Results

    /// - Parameter landing: makes the outputs visible, once the ledger has answered for each that is ready. Results are in the order in
    ///   which the round began with them.
    package init(ready: [StagedOutput], landing: @escaping ([LandingPermission]) throws(FileSystemError) -> Results) {
        self.ready = ready
        self.landing = landing
    }

    /// Makes the outputs visible; it is called once.
    package func land(_ permissions: [LandingPermission]) throws(FileSystemError) -> Results { try landing(permissions) }
}

/// Names something that the work folder keeps for training.
package enum Kept: Hashable, Sendable {
    /// The rows of labels; `name` is that of the file that arrived.
    case labels(digest: String, name: String)
    case model(digest: String)
    case checkpoints(run: Int64)
}

/// Describes a version as it is under `land.models`.
package struct PublishedModel: Sendable {
    package var digest: String
    package var floatDigest: String?
    package var parentDigest: String?
    package var training: TrainingReport?
    /// The machine on which it was made and tried, where its card says that.
    package var machine: AttemptMachine?

    package init(
        digest: String, floatDigest: String? = nil, parentDigest: String? = nil, training: TrainingReport? = nil,
        machine: AttemptMachine? = nil
    ) {
        self.digest = digest
        self.floatDigest = floatDigest
        self.parentDigest = parentDigest
        self.training = training
        self.machine = machine
    }
}

/// Describes an input that is refused.
package enum RefusedInput: Sendable, Hashable {
    /// The file was read, so that it can be moved without losing other content.
    case read(ArrivedFile)
    /// The file stays where it is.
    case unread(SpoolPlace, digest: String?)

    package var place: SpoolPlace {
        switch self {
        case .read(let file): file.place
        case .unread(let place, _): place
        }
    }

    package var digest: String? {
        switch self {
        case .read(let file): file.digest
        case .unread(_, let digest): digest
        }
    }
}

/// Describes a directory that an attempt has filled with a model and that is to become a version.
package struct StagedModel: Sendable {
    package var pipeline: Pipeline
    package var version: Int
    package var run: Int64
    package var arrival: Int64
    package var file: ArrivedFile
    package var revision: String
    package var files: [AttemptResult.WrittenFile]
    package var trial: AttemptResult.Trial?
    package var operatorSets: [String: Int] = [:]
    /// What graph passes did; nil where there are none.
    package var graph: GraphReport?
    /// What was measured of it on this machine, or why it was not; nil where nothing was to be measured, or where no rows are known.
    package var execution: Result<DeploymentTable, Failure>?
    /// The machine on which it was made and tried.
    package var machine: AttemptMachine?
    package var training: TrainingReport?
    /// The model that labels were trained from; nil for a model that arrived.
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
