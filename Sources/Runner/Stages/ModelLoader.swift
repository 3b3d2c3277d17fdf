import Attempts
import Engine
import FileSystem
import Machine
import ONNX
import Reasons
import Synchronization
import SystemPackage

/// Holds a model that is ready to run, with what binding needs to know of it.
struct LoadedModel: Sendable {
    let session: Session
    let facts: ModelFacts
    /// The evidence that runs of the model have given so far, for every attempt that uses it.
    let evidence: GatheredEvidence
    /// The key under which its session is kept.
    let key: SessionCache.Key
}

/// Gathers the outputs of one model for which runs have shown which axis is the rows.
final class GatheredEvidence: Sendable {
    private struct Claim: Hashable {
        let output: Int
        let axis: Int
    }

    private let shown = Mutex<Set<Claim>>([])

    func hasShown(_ outputs: [Admission.Output]) -> Bool {
        shown.withLock { shown in outputs.allSatisfy { shown.contains(Claim(output: $0.index, axis: $0.axis)) } }
    }

    func add(_ outputs: [Admission.Output]) {
        shown.withLock { $0.formUnion(outputs.map { Claim(output: $0.index, axis: $0.axis) }) }
    }
}

/// Loads models by digest, and keeps sessions for the next attempt of the same model.
final class ModelLoader: Sendable {
    private struct Known {
        let facts: ModelFacts
        let evidence = GatheredEvidence()
    }

    private let sessions: SessionCache
    private let known = Mutex<[String: Known]>([:])

    init(sessionBytes: Int) { sessions = SessionCache(byteLimit: sessionBytes) }

    /// - Parameters:
    ///   - model: the model; its digest covers its adapter.
    ///   - source: opens the model's files, where the model is not loaded yet.
    ///   - interruption: is told where the model is not loaded yet.
    func load(
        _ model: AttemptSpec.InputFile, _ source: ModelSource, _ options: SessionOptions, _ interruption: Interruption
    ) throws(Failure) -> LoadedModel {
        do throws(Failure) {
            return try load(digest: model.digest, source, options, interruption)
        } catch  where error.kind == .machine || error.kind == .unreadable || !MachineFault.isThere(Self.folder(of: model.path)) {
            // All files of the pipeline need the version, not only this one.
            throw Failure(.machine, what: error.fullReason, place: error.place, remedy: error.remedy)
        } catch {
            // The version was sound when it was published, so its files have changed since.
            throw Failure(
                .modelUnavailable, what: error.fullReason, place: error.place,
                remedy: "Restore the version's folder, or activate another version.")
        }
    }

    /// Returns the folder of all versions. It is not there while its disk is not mounted.
    private static func folder(of model: String) -> FilePath { FilePath(model).removingLastComponent().removingLastComponent() }

    /// Loads a model that was just written and that will score the next data. Its session is kept under the digest that it is published
    /// with, so that it is loaded once.
    func load(written source: ModelSource, _ options: SessionOptions, _ interruption: Interruption) throws(Failure) -> LoadedModel {
        let digest: String
        do throws(FileSystemError) { digest = try source.digest() } catch {
            throw Failure(landing: error, place: source.path)
        }
        return try load(digest: digest, source, options, interruption)
    }

    /// Loads a model that is measured, and that may come from anywhere: it is checked before an engine sees it. Faults are the model's own.
    func load(
        measured source: ModelSource, _ digest: String, _ options: SessionOptions, _ interruption: Interruption
    ) throws(Failure) -> LoadedModel {
        try load(digest: digest, source, options, interruption, isChecked: false)
    }

    /// Drops a model that was not taken and will score no data.
    func forget(_ model: LoadedModel) { sessions.remove(model.key) }

    private func load(
        digest: String, _ source: ModelSource, _ options: SessionOptions, _ interruption: Interruption, isChecked: Bool = true
    ) throws(Failure) -> LoadedModel {
        var failure: Failure?
        do throws(EngineError) {
            let key = SessionCache.Key(digest: digest, options: options)
            // A model that is loaded needs none of its files.
            let session = try sessions.session(key, byteCount: source.byteCount) { () throws(EngineError) in
                do throws(Failure) {
                    interruption.control.phase(.loading)
                    defer { interruption.control.phase(.working) }
                    let file = try ModelFile(tuned: source, expected: digest)
                    if !isChecked { try file.check() }
                    let (session, facts) = try self.session(of: file, source, digest: digest, options, interruption)
                    known.withLock { if $0[digest] == nil { $0[digest] = Known(facts: facts) } }
                    return session
                } catch {
                    failure = error
                    throw EngineError.engine(error.what)
                }
            }
            guard let known = known.withLock({ $0[digest] }) else { throw EngineError.engine("nothing is known of the model") }
            return LoadedModel(session: session, facts: known.facts, evidence: known.evidence, key: key)
        } catch {
            throw failure ?? Failure(loading: error, place: source.path)
        }
    }

    private func session(
        of file: ModelFile, _ source: ModelSource, digest: String, _ options: SessionOptions, _ interruption: Interruption
    ) throws(Failure) -> (Session, ModelFacts) {
        if file.byteCount < PreparedModels.smallestModel { return try file.session(options: options) }
        // The engine lays weights out in memory that it frees again, of which the allocator may keep the size of several weights.
        defer { returnFreedMemory() }
        if options.engine == .onnxRuntime, let folder = source.prepared(),
            let mapped = try PreparedModels(folder).session(of: file, digest: digest, options: options, interruption)
        {
            return mapped
        }
        return try file.session(options: options)
    }
}

extension AttemptSpec {
    /// The options with which the attempt's model is loaded.
    var sessionOptions: SessionOptions { SessionOptions(threads: limits.threads, engine: engine) }
}
