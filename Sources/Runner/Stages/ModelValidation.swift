import Arrivals
import Attempts
import Columnar
import Engine
import FileSystem
import Foundation
import Machine
import Names
import ONNX
import PipelineConfig
import Reasons
import SystemPackage

/// Executes the deserialize stage for a model that arrived: it parses and checks the model, compares it with the schema, writes a copy,
/// loads that into the engine, and tries it on the newest known rows. A failure here rejects the model before it has scored any data.
struct ModelValidation {
    private let tools: AttemptTools
    private let files: AttemptSpec.ModelFiles

    init(_ tools: AttemptTools, _ files: AttemptSpec.ModelFiles) {
        self.tools = tools
        self.files = files
    }

    func validate(_ result: inout AttemptResult) throws(Failure) {
        var phases = Phases()
        defer { result.timings.merge(phases.seconds) { $0 + $1 } }
        tools.interruption.control.phase(.loading)
        defer { tools.interruption.control.phase(.working) }
        let opened = try phases.time("check") { () throws(Failure) in
            try OpenedInput(files.model, as: .model(.graph), from: tools.opener)
        }
        do throws(Failure) {
            try write(try phases.time("check") { () throws(Failure) in try checked(opened) }, of: opened, &phases)
        } catch {
            // A file that is being rewritten looks like a bad one.
            if error.kind == .badModel { try opened.verifyUnchanged() }
            throw error
        }
        FaultPoint.reach(.workerCopied)
        try opened.verifyUnchanged()
        try accept(&phases, &result)
    }

    private func write(_ model: Model, of input: OpenedInput, _ phases: inout Phases) throws(Failure) {
        try phases.time("write") { () throws(Failure) in
            do {
                let folder = try tools.opener.folder(.version)
                try folder.checkRoom(for: Int64(input.byteCount + model.externalByteCount), at: VersionFile.model)
                var embedded = try model.embeddingExternalData(atMost: Model.largestEmbedded)
                embedded.mergeImports()
                for (key, value) in tools.spec.provenance.sorted(by: { $0.key < $1.key }) { embedded.metadata[key] = value }
                try embedded.write(as: VersionFile.model, to: Model.Target(folder))
            } catch let error as ONNXError {
                throw Failure(model: error, place: files.model.path)
            } catch {
                throw Failure(writing: error, place: files.directory)
            }
        }
    }

    /// Runs the written copy once, as it will run: its signature must fit the schema, and it must score the newest rows that are known.
    func accept(_ phases: inout Phases, _ result: inout AttemptResult) throws(Failure) {
        let loaded = try phases.time("load") { () throws(Failure) in
            let source = tools.opener.written(by: files)
            do throws(Failure) { return try tools.models.load(written: source, tools.spec.sessionOptions, tools.interruption) } catch {
                guard error.kind == .badModel else { throw error }
                // The copy does not exist any more when somebody reads this.
                var failure = error
                failure.what = error.what.replacing(files.writtenModel, with: files.model.path)
                failure.place = files.model.path
                throw failure
            }
        }
        do throws(Failure) {
            try admit(loaded, &phases, &result)
        } catch {
            if error.kind == .badModel { tools.models.forget(loaded) }
            throw error
        }
        FaultPoint.reach(.workerAccepted)
        result.operatorSets = loaded.facts.operatorSets
        do throws(FileSystemError) {
            let folder = try tools.opener.folder(.version)
            result.files = []
            for name in try folder.names().sorted() where name != VersionFile.originalFolder {
                result.files.append(try Self.written(name, as: .model, in: folder))
            }
        } catch { throw Failure(landing: error, place: files.directory) }
    }

    /// Returns what the answer says of a file of the model.
    static func written(
        _ name: String, as slot: AttemptResult.Slot, in folder: any GivenFolder
    ) throws(FileSystemError) -> AttemptResult.WrittenFile {
        let path = folder.path(of: name)
        let digested = try folder.reading(name) { file throws(FileSystemError) in try FileDigest.ofWritten(file, named: path) }
        return .init(slot: slot.rawValue, path: path.string, digest: digested.digest, byteCount: digested.stamp.size)
    }

    /// Throws where the model's signature does not fit the schema and the outputs that are wanted, or where runs of it show that it does
    /// not.
    private func admit(_ loaded: LoadedModel, _ phases: inout Phases, _ result: inout AttemptResult) throws(Failure) {
        let stage = tools.spec.forward
        let admission: Admission
        do throws(AdmissionRefusal) {
            // Where nothing is scored, no rows need to fit; but the names that the pipeline gives must exist.
            guard let stage else { return try Admission.checkNames(loaded.session.inputs, loaded.session.outputs, tools.spec.schema) }
            admission = try Admission(
                inputs: loaded.session.inputs, outputs: loaded.session.outputs, unranked: loaded.facts.unranked, schema: tools.spec.schema,
                mappings: stage.outputs)
        } catch { throw error.failure(at: files.model.path) }
        let trial = try trial(loaded, stage ?? ForwardStage(), &phases)
        result.trial = trial
        if trial.hasRun { return }
        let found: (problems: [AdmissionProblem], isShown: Bool)?
        do throws(EngineError) {
            found = try phases.time("run") { () throws(EngineError) in
                try MadeUpRows(admission: admission).find(admission.run(on: loaded.session))
            }
        } catch { throw Failure(outgrowing: error, place: files.model.path) }
        try tools.interruption.check()
        guard let found else { return }
        if !found.problems.isEmpty { throw AdmissionRefusal(problems: found.problems).failure(at: files.model.path) }
        if found.isShown { loaded.evidence.add(admission.outputs) }
    }

    private func checked(_ input: OpenedInput) throws(Failure) -> Model {
        do throws(ONNXError) {
            let model = try Model.load(descriptor: input.file.rawValue, path: input.path, externalData: input.externalData)
            try model.safetyCheck()
            _ = try model.inferTypes()
            // External data counts with its full size, though a sparse file takes no disk, and ranges may overlap: nothing of it is copied
            // yet.
            do throws(OutOfMemory) { try OutOfMemory.check(model.externalByteCount) } catch { throw .outOfMemory(error) }
            return model
        } catch {
            throw Failure(model: error, place: input.path)
        }
    }

    /// Runs the model on the first batch of rows that an earlier version has scored; those are known to be good.
    private func trial(
        _ model: LoadedModel, _ stage: ForwardStage, _ phases: inout Phases
    ) throws(Failure) -> AttemptResult.Trial {
        guard let rows = files.rows else { return .noRowsKnown }
        do throws(Failure) {
            let opened = try Rows(
                try OpenedInput(rows, as: .rows, from: tools.opener), model, tools.spec.schema, stage, demandsEvidence: true)
            guard let (batch, _) = try opened.next(tools.interruption, &phases) else { return .noRowsKnown }
            return .ran(rows: batch.rowCount, of: rows.digest)
        } catch {
            if error.kind.endsAttempt { throw error }
            switch error.kind {
            case .inputGone, .inputChanged, .unreadable: return .noRowsKnown
            default:
                throw Failure(
                    .badModel, rule: .modelRows, what: "it cannot score rows that the version before it scored: \(error.fullReason)",
                    place: files.model.path,
                    remedy: "Export the model for the same columns, or change the pipeline's schema with it.")
            }
        }
    }
}
