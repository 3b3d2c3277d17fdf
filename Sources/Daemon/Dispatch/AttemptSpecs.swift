import Arrivals
import Attempts
import FileSystem
import Landing
import Ledger
import PipelineConfig
import Reasons
import Recipes
import Watcher

/// Makes the specs of attempts: it turns an open run, and what is known of its pipeline, into paths, digests and limits.
struct AttemptSpecs {
    let ledger: RunLedger
    let publisher: any Publisher
    let configuration: Dispatcher.Configuration
    let versions: ModelVersions
    let history: ScoringHistory
    let executions: ModelExecutions

    /// Returns the spec of one attempt.
    /// - Parameter pins: what the first file fixed for those after it.
    func spec(
        for run: OpenedRun, _ arrival: WaitingArrival, _ pipeline: Pipeline, pins: ColumnPins?
    ) throws(Failure) -> AttemptSpec {
        let goal = AttemptSpec.Goal(arrival.role)
        let input = input(arrival, pipeline)
        var limits = limits(pipeline)
        let staged: String
        do throws(FileSystemError) {
            staged = try publisher.stagingPath(run: run.number, attempt: run.attempt, pipeline: pipeline, goal: goal)
        } catch {
            throw Failure(publishing: error, place: input.path)
        }
        let training = goal == .score ? nil : try training(for: run, arrival, pipeline)
        if training != nil, let threads = pipeline.optimize?.gradient.threads { limits.threads = threads }
        let rows = history.newestRows(of: pipeline.name)
        let work: AttemptSpec.Work
        var provenance: [String: String] = [
            "millrace.pipeline": pipeline.name, "millrace.revision": run.revision, "millrace.arrival": "\(arrival.number)",
            "millrace.input": arrival.path, "millrace.input.digest": arrival.file.digest,
        ]
        switch goal {
        case .validateModel:
            work = .validateModel(.init(model: input, rows: rows, directory: staged), training: training)
        case .fineTune:
            let parent = try versions.trainableFile(of: run.version, pipeline)
            guard let training else {
                throw Failure(.executorLost, what: "no labels are bound to its run", place: arrival.path, remedy: "It runs again.")
            }
            work = .fineTune(.init(model: parent, rows: rows, directory: staged), training: training)
            provenance["millrace.parent.version"] = run.version.map(String.init)
            provenance["millrace.parent.digest"] = parent.digest
        case .score:
            let model = try versions.file(of: run.version, pipeline)
            let format = pipeline.land.outputs!.format
            let isLarge = input.stamp?.size ?? 0 >= AttemptSpec.ScoringFiles.leastRanged
            let parts = isLarge && format.isTable ? publisher.partsPath(run: run.number, pipeline: pipeline) : nil
            work = .score(.init(model: model, data: input, output: staged, format: format, parts: parts))
            provenance["millrace.model.version"] = run.version.map(String.init)
            provenance["millrace.model.digest"] = model.digest
        }
        var spec = AttemptSpec(
            run: run.number, attempt: run.attempt, pipeline: pipeline.name, work: work, schema: pipeline.schema, stages: pipeline.stages,
            provenance: provenance, limits: limits)
        complete(&spec, pipeline, pins)
        if goal == .score { execute(&spec, run.version, arrival: arrival.number, pipeline) }
        return spec
    }

    /// Returns the spec of an attempt that scores one range of a file which is still being read for its digest.
    func ahead(
        _ file: CompleteFile, _ pipeline: Pipeline, version: Int, pins: ColumnPins, parts: String
    ) throws(Failure) -> AttemptSpec {
        let spool = pipeline.spoolPath(of: .data)
        let files = AttemptSpec.ScoringFiles(
            model: try versions.file(of: version, pipeline),
            data: .init(path: spool + "/" + file.place.path, digest: "", spool: spool, stamp: file.stamp), output: parts + "/output",
            format: pipeline.land.outputs!.format, parts: parts)
        var spec = AttemptSpec(
            run: 0, attempt: 1, pipeline: pipeline.name, work: .scoreAhead(files), schema: pipeline.schema, stages: pipeline.stages,
            limits: limits(pipeline))
        complete(&spec, pipeline, pins)
        execute(&spec, version, arrival: nil, pipeline)
        return spec
    }

    func limits(_ pipeline: Pipeline) -> AttemptSpec.Limits {
        var limits = AttemptSpec.Limits(pipeline.limits, threads: configuration.threads)
        if let threads = pipeline.forward?.threads { limits.threads = threads }
        return limits
    }

    func complete(_ spec: inout AttemptSpec, _ pipeline: Pipeline, _ pins: ColumnPins?) {
        spec.hidesValues = configuration.hidesValues || !pipeline.privacy.showsValues
        spec.columns = pins?.orders ?? [:]
        spec.types = pins?.types ?? [:]
    }

    func input(_ arrival: WaitingArrival, _ pipeline: Pipeline) -> AttemptSpec.InputFile {
        let file = arrival.file
        let putAway = putAwayPath(arrival, pipeline)
        let spool = pipeline.spoolPath(of: file.role)
        return AttemptSpec.InputFile(
            path: putAway ?? spool + "/" + file.path, digest: file.digest, companions: file.companions.map(\.path),
            spool: putAway == nil ? spool : nil, stamp: putAway == nil ? file.stamp : nil,
            isSigned: pipeline.trust.signers(of: file.role) != nil)
    }

    /// Returns the path of an input that is worked on again and may have been archived or moved to quarantine; nil for any other, which is
    /// in its spool.
    private func putAwayPath(_ arrival: WaitingArrival, _ pipeline: Pipeline) -> String? {
        guard pipeline.after != .keep, arrival.isReplay || arrival.run != nil else { return nil }
        return publisher.inputPath(arrival.file, pipeline: pipeline)
    }

    /// Returns the labels of a run and the place of its checkpoints; nil where nothing trains, as for a model that arrives while no labels
    /// are known.
    private func training(for run: OpenedRun, _ arrival: WaitingArrival, _ pipeline: Pipeline) throws(Failure) -> AttemptSpec.Training? {
        guard pipeline.optimize != nil else { return nil }
        let labels: [LabelledArrival]
        do throws(LedgerError) {
            labels = try ledger.labels(ofRun: run.number)
        } catch {
            throw Failure(.resource, what: "\(error)", place: arrival.path, remedy: "It is tried again.")
        }
        guard !labels.isEmpty else { return nil }
        return AttemptSpec.Training(
            labelled: labels.map { file in
                AttemptSpec.LabelledFile(
                    arrival: file.number, name: file.path,
                    file: .init(
                        path: pipeline.spoolPath(of: .labelled) + "/" + file.path, digest: file.digest,
                        spool: pipeline.spoolPath(of: .labelled), isSigned: pipeline.trust.labelled != nil),
                    kept: publisher.keptPath(.labels(digest: file.digest, name: file.path), pipeline: pipeline))
            },
            subject: arrival.role == .labelled ? arrival.number : nil,
            checkpoints: publisher.keptPath(.checkpoints(run: run.number), pipeline: pipeline))
    }
}
