package import Arrivals
package import Attempts
package import FileSystem
import Foundation
package import Landing
package import Ledger
package import PipelineConfig
import Reasons
import Recipes
import Signatures
import Synchronization
import SystemPackage

/// Publishes by writing files. Every pipeline has a staging area on the mount of each of its targets.
package final class DiskPublisher: Publisher, Sendable {
    private struct Places: Sendable {
        let outputs: StagingArea?
        let models: ModelVersionDirectory?
        let modelArea: StagingArea?
        let quarantine: Quarantine
        /// The areas on the mounts of the spools, by spool path.
        let spools: [String: StagingArea]
        let archive: StagingArea?

        var areas: [StagingArea] { [outputs, modelArea, archive].compactMap { $0 } + spools.values }
    }

    private struct State: Sendable {
        var pipelines: [String: Pipeline] = [:]
        var places: [String: Places] = [:]
        /// The areas by the path of their staging directory: one for each, since each holds a descriptor.
        var areas: [String: StagingArea] = [:]
    }

    let root: FilePath
    let work: FilePath
    /// The number of the epoch in which this publishes; nil where there are none.
    private let epoch: Int64?
    /// Throws where another host has taken over.
    private let verifyEpoch: @Sendable () throws -> Void
    /// The claims on the folders that no other daemon may work on; nil where no other daemon can run.
    private let claims: FolderClaims?
    /// The key by which is signed what lands; nil where nothing is.
    let signer: SigningKey?
    private let state = Mutex(State())

    /// Makes a publisher. It throws where a pipeline has no place to stage.
    /// - Parameter work: the folder that keeps what training needs, and in which staging is preferred; nil for `ROOT/.millrace`.
    init(
        root: String, work: String? = nil, epoch: Int64? = nil, pipelines: [Pipeline], claims: FolderClaims?, signer: SigningKey? = nil,
        verifyEpoch: @escaping @Sendable () throws -> Void = {}
    ) throws(FileSystemError) {
        self.signer = signer
        self.epoch = epoch
        self.verifyEpoch = verifyEpoch
        self.root = FilePath(root)
        self.work = work.map { FilePath($0) } ?? FilePath(root).appending(".millrace")
        self.claims = claims
        try use(pipelines)
    }

    /// Chooses the places of `pipelines`, which are in force from now on. Work under way keeps the places that it has.
    package func use(_ pipelines: [Pipeline]) throws(FileSystemError) {
        let avoiding = try StagingArea.Avoided(pipelines.flatMap(\.userPaths).map { FilePath($0) })
        var next = state.withLock { $0 }
        func area(_ target: String) throws(FileSystemError) -> StagingArea {
            let made = try StagingArea(for: FilePath(target), root: root, work: work, epoch: epoch, avoiding: avoiding)
            if let known = next.areas[made.path.string], known.isOnSameMount(as: made) { return known }
            next.areas[made.path.string] = made
            return made
        }
        for pipeline in pipelines {
            next.pipelines[pipeline.name] = pipeline
            var spools: [String: StagingArea] = [:]
            for entry in pipeline.spool.entries where pipeline.after != .keep {
                spools[entry.path] = try area(entry.path)
            }
            var archive: StagingArea?
            if case .archive(let path) = pipeline.after { archive = try area(path) }
            let modelArea = try pipeline.land.models.map { landing throws(FileSystemError) in try area(landing.path) }
            next.places[pipeline.name] = Places(
                outputs: try pipeline.land.outputs.map { landing throws(FileSystemError) in try area(landing.path) },
                models: pipeline.land.models.flatMap { landing in
                    modelArea.map {
                        ModelVersionDirectory(
                            path: FilePath(landing.path), area: $0, access: pipeline.land.access.landing, signer: signer)
                    }
                },
                modelArea: modelArea,
                quarantine: Quarantine(
                    path: FilePath(pipeline.onError.quarantine), area: try area(pipeline.onError.quarantine),
                    access: pipeline.land.access.landing, mode: pipeline.privacy.inputMode),
                spools: spools, archive: archive)
        }
        let made = next
        state.withLock { $0 = made }
    }

    /// Removes what attempts of an earlier daemon left in staging, but keeps the scored parts of large files. It is called at the start,
    /// once what the ledger intended is finished.
    /// - Parameter open: the runs that go on, whose parts are kept.
    package func sweep(open: Set<Int64>) throws(FileSystemError) {
        for area in state.withLock({ Array($0.areas.values) }) { try area.sweep(open: open) }
    }

    /// Finishes or takes back, at the start, the moves of inputs that were on their way to archive or quarantine. Pipelines share the areas
    /// of a mount, so what is in one area may be on its way to any other.
    package func recoverInputs() throws(FileSystemError) {
        let areas = state.withLock { Array($0.areas.values) }
        for area in areas { try Disposal.recover(area: area, areas: areas) }
    }

    /// Chooses the staging areas again, because something was mounted since they were chosen: from now on files are staged on the mounts as
    /// they are.
    private func chooseAgain() { try? use(Array(state.withLock { $0 }.pipelines.values)) }

    private func places(_ pipeline: Pipeline) throws(FileSystemError) -> Places {
        guard let places = state.withLock({ $0.places[pipeline.name] }) else {
            throw .noStagingPlace(target: FilePath(pipeline.name), why: "the pipeline is not in force any more")
        }
        return places
    }

    /// Returns the access rights of what lands for the pipeline of that name.
    func access(of pipeline: String) -> FileAccess { state.withLock { $0.pipelines[pipeline]?.land.access.landing } ?? .standard }

    private func models(_ pipeline: Pipeline) throws(FileSystemError) -> (directory: ModelVersionDirectory, area: StagingArea) {
        let places = try places(pipeline)
        guard let directory = places.models, let area = places.modelArea else {
            throw .noStagingPlace(target: FilePath(pipeline.name), why: "the pipeline has no land.models")
        }
        return (directory, area)
    }

    // MARK: Staging

    package func stagingPath(run: Int64, attempt: Int, pipeline: Pipeline, goal: AttemptSpec.Goal) throws(FileSystemError) -> String {
        switch goal {
        case .validateModel, .fineTune:
            let area = try models(pipeline).area
            try area.makeAgain()
            return area.file(run: run, attempt: attempt, name: "model").string
        case .score:
            guard let area = try places(pipeline).outputs, let landing = pipeline.land.outputs else {
                throw .noStagingPlace(target: FilePath(pipeline.name), why: "the pipeline has no land.outputs")
            }
            try area.makeAgain()
            return area.file(run: run, attempt: attempt, name: "output." + landing.format.fileExtension).string
        }
    }

    package func discard(run: Int64, attempt: Int, pipeline: Pipeline, goal: AttemptSpec.Goal) {
        guard let places = try? places(pipeline) else { return }
        try? (goal == .score ? places.outputs : places.modelArea)?.discard(run: run, attempt: attempt)
    }

    package func partsPath(run: Int64, pipeline: Pipeline) -> String? { try? places(pipeline).outputs?.parts(run: run).string }

    package func discardParts(run: Int64, pipeline: Pipeline) { try? places(pipeline).outputs?.discardParts(run: run) }

    package func makeAheadParts(_ number: Int, pipeline: Pipeline) -> String? {
        try? places(pipeline).outputs?.makeAheadParts(number).string
    }

    package func takeAheadParts(_ folder: String, for run: Int64, pipeline: Pipeline) -> Bool {
        guard let area = try? places(pipeline).outputs else { return false }
        do throws(FileSystemError) { try area.takeAheadParts(FilePath(folder), for: run) } catch { return false }
        return true
    }

    package func fillsDisk(run: Int64, attempt: Int, pipeline: Pipeline, goal: AttemptSpec.Goal) -> Bool {
        guard let places = try? places(pipeline) else { return false }
        return (goal == .score ? places.outputs : places.modelArea)?.takesHalfOfDisk(run: run, attempt: attempt) ?? false
    }

    // MARK: Outputs

    package func begin(_ outputs: [StagedOutput]) throws(FileSystemError) -> PublishingRound {
        var refusals: [String: FileSystemError] = [:]
        for name in Set(outputs.map(\.provenance.pipeline)) {
            do throws(FileSystemError) { if let pipeline = state.withLock({ $0.pipelines[name] }) { try claims?.verify(pipeline) } } catch {
                refusals[name] = error
            }
        }
        let round = try round().begin(outputs.filter { refusals[$0.provenance.pipeline] == nil })
        return PublishingRound(ready: round.ready) { [refusals] (permissions) throws(FileSystemError) in
            var published = try round.land(permissions).map { $0.map { _ in () } }[...]
            for case .failure(.crossMount) in published {
                self.chooseAgain()
                break
            }
            return outputs.map { output in refusals[output.provenance.pipeline].map { .failure($0) } ?? published.removeFirst() }
        }
    }

    package func recover(_ outputs: [StagedOutput]) throws(FileSystemError) -> [Bool] {
        var results: [Bool] = []
        for recovery in try round().recover(outputs) {
            switch recovery {
            case .landed: results.append(true)
            case .rerun: results.append(false)
            case .failed(let error): throw error
            }
        }
        return results
    }

    private func round() -> LandingRound {
        var round = LandingRound(areas: state.withLock { Array($0.areas.values) }, now: .now, signer: signer)
        // Whoever has taken over finds what has its name already, and writes its lines.
        round.onStep = { [verifyEpoch] step in if step == .directoriesSynced { try verifyEpoch() } }
        return round
    }

    // MARK: Models

    package func publish(_ model: StagedModel, activate: Bool) throws(FileSystemError) -> String? {
        let directory = try models(model.pipeline).directory
        try claims?.verify(model.pipeline)
        let gated = model.training?.gate?.after != nil || model.trial?.hasRun == true
        var card = Card(
            pipeline: model.pipeline.name, version: model.version, revision: model.revision, verdict: gated ? .passed : .ungated,
            arrival: model.arrival,
            arrivalPath: model.file.path, arrivalDigest: model.file.digest, tool: .init(name: "millrace", version: toolVersion))
        card.run = model.run
        card.machine = model.machine
        card.opset = model.operatorSets
        card.decisions = model.trial.map { ["trial": .text("\($0)")] }
        if let graph = model.graph { card.add(graph) }
        if model.pipeline.deployment?.precision != nil { card.add(model.execution) }
        if let training = model.training { card.add(training) }
        card.parent = model.parent
        card.publishedAt = UTCTime.now.description
        let float = try keepFloatModel(model)
        card.floatParent = float.map { Card.Parent(version: nil, digest: $0) }
        let staged = try directory.stage(
            run: model.run, attempt: 0,
            files: model.files.files(of: .model).map { .init(name: $0.name, staged: FilePath($0.path)) } + stagedForm(of: model), card: card
        )
        do throws(FileSystemError) { try directory.land(staged) } catch {
            if case .crossMount = error { chooseAgain() }
            throw error
        }
        if activate { try directory.activate(model.version) }
        FaultPoint.reach(.versionActive)
        return float
    }

    package func publishedModel(version: Int, arrival: Int64, in pipeline: Pipeline) throws(FileSystemError) -> PublishedModel? {
        let directory = try models(pipeline).directory
        guard try directory.isPublished(version: version, arrival: arrival) else { return nil }
        let card = try directory.card(version)
        return card.modelDigest.map {
            PublishedModel(
                digest: $0, floatDigest: card.floatParent?.digest, parentDigest: card.parent?.digest, training: card.training,
                machine: card.machine)
        }
    }

    package func activate(version: Int, in pipeline: Pipeline) throws(FileSystemError) {
        try models(pipeline).directory.activate(version)
    }

    package func pin(version: Int?, in pipeline: Pipeline) throws(FileSystemError) { try models(pipeline).directory.pin(version) }

    package func prune(versions: [Int], in pipeline: Pipeline) throws(FileSystemError) {
        _ = try models(pipeline).directory.remove(versions)
    }

    // MARK: Inputs

    package func lookup(among pipelines: [Pipeline]) -> InputLookup { DecidedInputs.lookup(among: pipelines, work: work.string) }

    package func hasQuarantine(_ pipeline: Pipeline) -> Bool { !Quarantine.isEmpty(FilePath(pipeline.onError.quarantine)) }

    package func clearReason(role: ArrivalRole, path: String, pipeline: Pipeline) throws(FileSystemError) {
        try DecidedInputs.clearReason(role: role, path: path, pipeline: pipeline)
    }

    /// Returns whether quarantine says why an input failed that stays in its spool; also true where that cannot be told now.
    package func hideValues(of pipeline: Pipeline) throws(FileSystemError) {
        try places(pipeline).quarantine.hideValues(of: pipeline.name)
    }

    func hasReason(_ path: String, _ pipeline: Pipeline) -> Bool {
        (try? places(pipeline).quarantine.hasReason(relative: FilePath(path))) ?? true
    }

    package func inputPath(_ file: ArrivedFile, pipeline: Pipeline) -> String? {
        DecidedInputs.find(file, pipeline, work: work.string)
    }

    package func dispose(of file: ArrivedFile, pipeline: Pipeline) throws(FileSystemError) {
        let places = try places(pipeline)
        let rule: Disposal.Rule
        switch pipeline.after {
        case .keep: return
        case .archive(let path): rule = .archive(FilePath(path))
        case .delete: rule = .delete
        }
        let spool = pipeline.spoolPath(of: file.role)
        guard let area = places.spools[spool], let files = try file.files(in: spool) else { return }
        let disposal = Disposal(
            rule, area: area, areas: places.areas, access: pipeline.land.access.landing, mode: pipeline.privacy.inputMode)
        _ = try disposal.dispose(files)
        try takeSignature(of: file, pipeline, disposal)
    }

    /// Lets the signature of a file follow it, where signatures count.
    private func takeSignature(of file: ArrivedFile, _ pipeline: Pipeline, _ disposal: Disposal) throws(FileSystemError) {
        guard pipeline.trust.signers(of: file.role) != nil else { return }
        let spool = FilePath(pipeline.spoolPath(of: file.role))
        let relative = FilePath(DetachedSignature.name(of: file.path))
        let access = SpoolAccess(root: spool)
        // One that belongs to a file which is still there, or came since, stays.
        guard try access.status(FilePath(file.path)) == nil, let status = try? access.status(relative),
            let digest = try? access.digest(relative)
        else { return }
        _ = try disposal.dispose([SpoolFile(path: spool.pushing(relative), relative: relative, digest: digest, stamp: status.stamp)])
    }

    package func quarantine(_ input: RefusedInput, _ report: QuarantineReport, pipeline: Pipeline) throws(FileSystemError) {
        let places = try places(pipeline)
        let (spool, path) = (pipeline.spoolPath(of: input.place.role), input.place.path)
        // Values that were stored while they were shown are not written any more.
        func told(_ reason: Reason) -> Reason { pipeline.privacy.showsValues ? reason : Reason(reason.text) }
        var reason = QuarantineReason(
            pipeline: pipeline.name, path: path, digest: input.digest, what: told(report.explanation.fullReason),
            place: spool + "/" + path, rule: report.explanation.rule, remedy: report.explanation.remedy,
            attempts: report.attempts.map {
                .init(
                    number: $0.number, startedAt: $0.startedAt?.description, endedAt: $0.endedAt?.description,
                    error: told($0.fullReason ?? report.explanation.fullReason))
            },
            quarantinedAt: (report.attempts.last?.endedAt ?? .now).description)
        reason.arrival = report.arrival
        reason.run = report.run
        if case .read(let file) = input, let area = places.spools[spool] {
            guard let files = try file.files(in: spool) else { return }
            _ = try places.quarantine.take(files, reason: reason, spoolArea: area)
            let quarantine = FilePath(pipeline.onError.quarantine)
            try takeSignature(
                of: file, pipeline,
                Disposal(.archive(quarantine), area: area, areas: places.areas, access: pipeline.land.access.landing))
        } else {
            try places.quarantine.explain(reason, relative: FilePath(path))
        }
    }
}

extension Pipeline {
    /// Every directory that users or their sync tools look into.
    var userPaths: [String] {
        var paths = spool.entries.map(\.path) + [land.models?.path, land.outputs?.path].compactMap { $0 }
        if case .archive(let path) = after { paths.append(path) }
        return paths
    }
}
