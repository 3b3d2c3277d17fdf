import Engine
import ONNX
import Synchronization

/// A model ready to run, with what binding needs to know of it.
struct LoadedModel: Sendable {
    let session: Session
    /// Tree ensembles take NaN for what is missing.
    let hasTrees: Bool
}

/// Loads models by path and digest, keeping sessions for the next attempt of the same model.
final class ModelLoader: Sendable {
    private let sessions: SessionCache
    private let treeModels = Mutex<[String: Bool]>([:])

    init(sessionBytes: Int) { sessions = SessionCache(byteLimit: sessionBytes) }

    /// - Parameters:
    ///   - model: its digest covers its adapter.
    ///   - adapter: where that stands, if it is not beside the model.
    func load(_ model: AttemptSpec.InputFile, adapter: String? = nil, threads: Int) throws(Failure) -> LoadedModel {
        let options = SessionOptions(threads: threads)
        var failure: Failure?
        do throws(EngineError) {
            // A version's weights, where they are in a file of their own, are beside the model (`Model.write`).
            let byteCount = Rows.byteCount(model.path) + Rows.byteCount(model.path + ".data")
            let session = try sessions.session(.init(digest: model.digest, options: options), byteCount: byteCount) { () throws(EngineError) in
                do throws(Failure) {
                    let file = try ModelFile(tuned: model.path, adapter: adapter, expected: model.digest)
                    let parsed = try file.parsed()
                    treeModels.withLock { $0[model.digest] = parsed.hasTrees }
                    return try file.session(of: parsed, options: options)
                } catch {
                    failure = error
                    throw EngineError.engine(error.what)
                }
            }
            return LoadedModel(session: session, hasTrees: treeModels.withLock { $0[model.digest] ?? false })
        } catch {
            let cause = failure ?? Failure(.badModel, what: "\(error)", place: model.path, remedy: error.remedy)
            // The version was sound when it was published: its files are not what they were.
            throw Failure(.modelUnavailable, what: cause.what, place: cause.place, remedy: "Restore the version's folder, or activate another version.")
        }
    }
}

extension Model {
    var hasTrees: Bool { requiredOperators.contains { $0.type.hasPrefix("TreeEnsemble") } }
}
