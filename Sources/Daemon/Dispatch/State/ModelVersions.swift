import Arrivals
import Attempts
import FileSystem
import Landing
import Ledger
import Logging
import PipelineConfig
import Reasons

/// Keeps the versions of each pipeline's model: which there are, which one is in force, and what the disk says of that.
final class ModelVersions {
    private let ledger: RunLedger
    private let publisher: any Publisher
    private let scheduler: Scheduler
    private let pipelines: PipelinesInForce
    private let log: Logger
    /// The versions by pipeline and number.
    private var versions: [String: [Int: ModelVersion]] = [:]

    init(ledger: RunLedger, publisher: any Publisher, scheduler: Scheduler, pipelines: PipelinesInForce, log: Logger) {
        self.ledger = ledger
        self.publisher = publisher
        self.scheduler = scheduler
        self.pipelines = pipelines
        self.log = log
    }

    /// Reads from the ledger which versions a pipeline has and when each came into force, for a scheduler that does not know the pipeline.
    func readAll(of pipeline: String) throws(LedgerError) {
        for activation in try ledger.activations(pipeline: pipeline) { activated(activation, in: pipeline) }
        try read(pipeline)
    }

    private func read(_ pipeline: String) throws(LedgerError) {
        var found: [Int: ModelVersion] = [:]
        for version in try ledger.versions(pipeline: pipeline) {
            if let number = version.version { found[number] = version }
        }
        versions[pipeline] = found
    }

    // MARK: Which model

    func digest(of version: Int?, in pipeline: String) -> String? { version.flatMap { versions[pipeline]?[$0]?.modelDigest } }

    /// Returns the model file of a version.
    func file(of version: Int?, _ pipeline: Pipeline) throws(Failure) -> AttemptSpec.InputFile {
        guard let version, let digest = digest(of: version, in: pipeline.name), let landing = pipeline.land.models else {
            throw Failure(
                .modelUnavailable, what: "version \(version ?? 0) is not among the pipeline's versions", place: pipeline.name,
                remedy: "Look at `millrace models \(pipeline.name)` and activate another.")
        }
        return AttemptSpec.InputFile(path: "\(landing.path)/\(version)/model.onnx", digest: digest)
    }

    /// Returns the model that training starts from: never a quantized one (SEMANTICS 23). A version from before the pipeline trained is
    /// taken as it landed.
    func trainableFile(of version: Int?, _ pipeline: Pipeline) throws(Failure) -> AttemptSpec.InputFile {
        if let version, let digest = versions[pipeline.name]?[version]?.floatDigest {
            return AttemptSpec.InputFile(path: publisher.keptPath(.model(digest: digest), pipeline: pipeline), digest: digest)
        }
        return try file(of: version, pipeline)
    }

    // MARK: What is in force

    /// Returns where in the order of arrivals the version comes into force that an arrival becomes.
    /// - Parameter parent: the version that labels were trained from.
    func position(of arrival: Int64, role: ArrivalRole, parent: Int?, in pipeline: String) -> Int64 {
        role == .labelled ? scheduler.position(of: arrival, parent: parent, in: pipeline) : arrival
    }

    /// Returns whether a version comes into force at `position`. It does not where a version is pinned, where someone went back to another
    /// version after this model arrived, or where the version that labels were trained from is not in force any more.
    func isNext(at position: Int64, in pipeline: String) throws(LedgerError) -> Bool {
        if try ledger.pinnedVersion(pipeline: pipeline) != nil { return false }
        return scheduler.lastActivation(in: pipeline).map { $0.position <= position } ?? true
    }

    /// Tells the scheduler that the ledger has put a version in force.
    func activated(_ activation: VersionActivation, in pipeline: String) {
        scheduler.activated(.init(position: activation.position, version: activation.version), in: pipeline)
    }

    /// Takes up a version that the ledger has just got: from here on data may be scored by it, unless another is pinned. Old versions are
    /// pruned.
    /// - Parameters:
    ///   - activation: nil where the version is not in force.
    ///   - path: the file that became the version.
    func published(
        _ version: Int, _ activation: VersionActivation?, from path: String, in pipeline: Pipeline, at now: UTCTime
    ) throws(LedgerError) {
        if let activation { activated(activation, in: pipeline.name) }
        log.notice(
            activation == nil ? "version published, and not in force, since another is pinned" : "version published",
            metadata: ["pipeline.name": "\(pipeline.name)", "model.version": .number(version), "file.path": "\(path)"])
        if let landing = pipeline.land.models {
            _ = try ledger.write { (tx) throws(LedgerError) in try tx.prune(pipeline: pipeline.name, keep: landing.keep, at: now) }
        }
        try read(pipeline.name)
        removePruned(of: pipeline)
        try pruneFloatModels(of: pipeline)
        try prunePreparedModels()
    }

    /// Takes up a version that an earlier daemon had made visible, and that the ledger now has too.
    func recovered(_ version: Int, _ activation: VersionActivation?, in pipeline: Pipeline) throws(FileSystemError) {
        if let activation { activated(activation, in: pipeline.name) }
        do throws(LedgerError) { try read(pipeline.name) } catch { throw .ledger(step: "the recovery", cause: "\(error)") }
        try publisher.activate(version: scheduler.activeVersion(in: pipeline.name) ?? version, in: pipeline)
    }

    // MARK: What the disk says

    /// Takes up that a command has put a version in force, and writes that to the disk.
    func activate(_ version: Int, _ activation: VersionActivation?, in name: String) throws(LedgerError) {
        if let activation { activated(activation, in: name) }
        try read(name)
        guard let pipeline = pipelines[name] else { return }
        do throws(FileSystemError) {
            try publisher.activate(version: version, in: pipeline)
        } catch {
            log.error("ACTIVE could not be written", metadata: ["pipeline.name": "\(name)", "reason": "\(error)"])
        }
    }

    /// Takes up that a command has pinned a version, or (nil) that none is pinned any more, and writes that to the disk.
    func pin(_ version: Int?, in name: String) throws(LedgerError) {
        try read(name)
        guard let pipeline = pipelines[name] else { return }
        do throws(FileSystemError) {
            try publisher.pin(version: version, in: pipeline)
        } catch {
            log.error("the pin could not be noted beside the versions", metadata: ["pipeline.name": "\(name)", "reason": "\(error)"])
        }
    }

    /// Removes versions that the ledger has let go and that are still there: those that just went, and those that stayed because an earlier
    /// daemon was killed or because the machine did not allow it.
    func removePruned(of pipeline: Pipeline) {
        let pruned = (versions[pipeline.name] ?? [:]).filter(\.value.isPruned).keys.sorted()
        guard !pruned.isEmpty, pipeline.land.models != nil else { return }
        do throws(FileSystemError) {
            try publisher.prune(versions: pruned, in: pipeline)
        } catch {
            log.warning("old versions stay", metadata: ["pipeline.name": "\(pipeline.name)", "reason": "\(error)"])
        }
    }

    /// Removes float models that no version needs any more.
    func pruneFloatModels(of pipeline: Pipeline) throws(LedgerError) {
        guard pipeline.optimize != nil else { return }
        let used = try ledger.floatModelsInUse(pipeline: pipeline.name)
        FaultPoint.reach(.floatPruned)
        do throws(FileSystemError) {
            try publisher.pruneFloatModels(keeping: used, in: pipeline)
        } catch {
            log.warning("old float models stay", metadata: ["pipeline.name": "\(pipeline.name)", "reason": "\(error)"])
        }
    }

    /// Removes what workers have prepared of models that are no version any more.
    func prunePreparedModels(isStart: Bool = false) throws(LedgerError) {
        let used = try ledger.modelsInUse()
        do throws(FileSystemError) {
            try publisher.prunePreparedModels(keeping: used, isStart: isStart)
        } catch {
            log.warning("prepared models stay that no version needs", metadata: ["reason": "\(error)"])
        }
    }

    // MARK: What comes again

    /// Logs which command puts a known model in force, where its file came again and its version is not in force.
    func logKnown(_ file: ArrivedFile) {
        guard file.role == .model else { return }
        let own = (versions[file.pipeline] ?? [:]).values.filter { $0.verdict == .published && $0.sourceDigest == file.digest }
        guard let version = own.filter({ !$0.isPruned }).compactMap(\.version).max() ?? own.compactMap(\.version).max() else { return }
        let isPruned = versions[file.pipeline]?[version]?.isPruned ?? false
        if scheduler.activeVersion(in: file.pipeline) == version { return }
        log.warning(
            "a known model does not come into force by being dropped again",
            metadata: [
                "pipeline.name": "\(file.pipeline)", "file.path": "\(file.path)", "model.version": "\(version)",
                "remedy": isPruned
                    ? "millrace replay \(file.path) makes a version of it again" : "millrace activate \(file.pipeline) \(version)",
            ])
    }
}
