import Arrivals
import Attempts
import Autodiff
import Engine
import FileSystem
import Foundation
import Machine
import ONNX
import Reasons
import SystemPackage
import Tensors
import Training
import TrainingGraph

/// Holds a model's file open, whose digest is the one that it was numbered or published with, and the adapter that belongs to it.
///
/// Its bytes are not kept: the graph is parsed from the file and the engine reads the file itself, so that memory holds no second copy of a
/// large model. After each reading the file must still have the stamp that it had when its digest was taken.
struct ModelFile {
    /// The path of the file, for messages.
    let path: String
    /// The digest of the file alone.
    let digest: String
    let adapter: AdapterFile?
    let source: ModelSource
    let file: OwnedFile
    private let stamp: FileStamp

    /// Opens a model without an adapter.
    init(_ source: ModelSource) throws(Failure) {
        let opened = try Self.opened(source)
        (file, digest, stamp) = (opened.file, opened.found.digest, opened.found.stamp)
        path = source.path
        self.source = source
        adapter = nil
    }

    /// Opens a model in a version directory, or one that a user names, with its adapter.
    /// - Parameter expected: the digest of both, as `TunedModel.digest` computes it.
    init(tuned source: ModelSource, expected: String?) throws(Failure) {
        let opened = try Self.opened(source)
        (file, digest, stamp) = (opened.file, opened.found.digest, opened.found.stamp)
        path = source.path
        self.source = source
        let added: OwnedFile?
        let both: String
        do throws(FileSystemError) {
            added = try source.openAdapter()
            var companions: [(name: String, digest: String)] = []
            if let added {
                let digested = try FileDigest.of(added.descriptor, named: FilePath(source.adapterPath))
                companions.append((VersionFile.adapter, digested.digest))
            }
            both = FileDigest.ofModel(digest: digest, companions: companions)
        } catch { throw Failure(openingModel: error, place: source.adapterPath) }
        if let expected, expected != both { throw Failure.modelChanged(added == nil ? path : source.adapterPath) }
        guard let added else {
            adapter = nil
            return
        }
        do throws(TrainingError) {
            adapter = try AdapterFile(reading: source.adapterPath, open: added.descriptor, beside: path, digest: digest)
        } catch {
            throw Failure(.badModel, what: "\(error)", place: path, remedy: "Give the adapter that was made for this model.")
        }
    }

    private static func opened(_ source: ModelSource) throws(Failure) -> (file: OwnedFile, found: FileDigest.Digested) {
        do throws(FileSystemError) {
            let file = OwnedFile(try source.open(.graph))
            return (file, try FileDigest.of(file.descriptor, named: FilePath(source.path)))
        } catch { throw Failure(openingModel: error, place: source.path) }
    }

    /// Throws where the file is not what it was when its digest was taken: what was read of it since is void.
    private func verifyUnchanged() throws(Failure) {
        guard let now = try? FileDigest.stamp(of: file.descriptor, named: FilePath(path)), now == stamp else {
            throw Failure.modelChanged(path)
        }
    }

    /// Throws where the model breaks ONNX's rules, could harm this machine, or would cost more than an engine is given.
    func check() throws(Failure) {
        let model = try parsed()
        do throws(ONNXError) {
            try model.safetyCheck()
            try model.costCheck()
        } catch { throw Failure(model: error, place: path) }
    }

    /// Returns the model as its file has it, without the adapter.
    func parsed() throws(Failure) -> Model {
        let model: Model
        do throws(ONNXError) { model = try loaded() } catch {
            if case .cannotRead(_, _, let code) = error, code != 0 { throw Failure(model: error, place: path) }
            try verifyUnchanged()
            throw Failure(model: error, place: path)
        }
        try verifyUnchanged()
        // Weights are checked before any of them are copied or read: in memory they have their full size, though a sparse file takes no
        // disk.
        do throws(OutOfMemory) { try OutOfMemory.check(model.externalByteCount) } catch {
            throw Failure(model: .outOfMemory(error), place: path)
        }
        return model
    }

    /// Returns the model with its adapter in it.
    func merged() throws(Failure) -> Model {
        let model = try parsed()
        guard let adapter else { return model }
        do throws(AutodiffError) { return try adapter.adapter.merged(into: model) } catch { throw unavailable(error) }
    }

    private func loaded() throws(ONNXError) -> Model {
        try Model.load(descriptor: file.descriptor.rawValue, path: path, externalData: source.externalData)
    }

    /// Returns a session over this file and the external data that it names, with the adapter merged in, and the facts that binding
    /// needs to know about the model. It is only for models in the daemon's own folders: a model that arrives is checked and copied into
    /// one of them first.
    ///
    /// The parsed graph takes several times the memory of the file, and the engine parses the file again: the graph is freed before a
    /// session is made, except for a model whose weights are read through it.
    func session(options: SessionOptions) throws(Failure) -> (Session, ModelFacts) {
        let prepared = try prepared()
        returnFreedMemory()
        guard let runnable = prepared.runnable else { return (try session(ofFileWith: options), prepared.facts) }
        return (try session(of: runnable, prepared, options), prepared.facts)
    }

    /// Returns a session of the file as it is.
    private func session(ofFileWith options: SessionOptions) throws(Failure) -> Session {
        let session: Session
        do throws(EngineError) { session = try Session(file: file.descriptor.rawValue, options: options) } catch {
            try verifyUnchanged()
            throw Failure(loading: error, place: path)
        }
        try verifyUnchanged()
        return session
    }

    private func session(of runnable: Data, _ prepared: Prepared, _ options: SessionOptions) throws(Failure) -> Session {
        var failure: Failure?
        let weights = SessionWeights(prepared.apart) { name throws(EngineError) in
            do throws(Failure) {
                guard let model = prepared.model else { throw unavailable(AutodiffError.unknownValue(name)) }
                return try weight(name, of: model)
            } catch {
                failure = error
                throw .externalData(file: name, detail: error.what)
            }
        }
        do throws(EngineError) { return try Session(model: runnable, weights: weights, options: options) } catch {
            throw failure ?? Failure(loading: error, place: path)
        }
    }

    private struct Prepared {
        /// The bytes that the engine is given; nil stands for the file as it is.
        var runnable: Data?
        let facts: ModelFacts
        var apart: [String] = []
        /// The model, which is held only where weights are read through it.
        var model: Model?
    }

    private func prepared() throws(Failure) -> Prepared {
        let model = try parsed()
        let facts = ModelFacts(model)
        let apart = model.weightsApart(adapted: adapter?.adapter.factors.map(\.weight) ?? [])
        guard adapter != nil || model.hasExternalData || model.importsTwice || model.hasReplaceableLocales
        else { return Prepared(facts: facts) }
        let runnable = try runnable(model, without: apart)
        if apart.isEmpty { return Prepared(runnable: runnable, facts: facts) }
        return Prepared(runnable: runnable, facts: facts, apart: apart, model: model)
    }

    /// The size of the model's files in bytes, as `ModelSource` counts it.
    var byteCount: Int { source.byteCount }

    /// Writes the model for an engine that maps its weights: the graph to `name`, and initializers of 64 KiB or more to `name.data`, with
    /// the adapter merged in. Neither file may exist yet.
    /// - Parameter least: a model whose initializers take fewer bytes is not written.
    /// - Returns: the facts about the model; nil if it was not written.
    func writeRunnable(
        as name: String, in folder: any GivenFolder, ifWeightsTake least: Int
    ) throws(Failure) -> ModelFacts? {
        var model = try parsed()
        var weights = 0
        model.forEachTensor { _, tensor in weights += min(tensor.byteCount ?? 0, .max / 2 - weights) }
        if weights < least { return nil }
        let facts = ModelFacts(model)
        model.mergeImports()
        if model.hasReplaceableLocales { model.replaceLocales() }
        var options = Model.WritingOptions()
        options.embeddedBytesAtMost = 0
        options.externalTensorBytesAtLeast = Model.smallestApart
        do {
            if let adapter { model = try adapter.adapter.merged(into: model) }
            try model.write(as: name, to: Model.Target(folder), options: options)
        } catch { throw unavailable(error) }
        try verifyUnchanged()
        return facts
    }

    private func weight(_ name: String, of model: Model) throws(Failure) -> Tensor {
        do {
            if let factors = adapter?.adapter.factors.first(where: { $0.weight == name }) { return try factors.merged(into: model) }
            guard let stored = model.graph.initializer(name) else { throw AutodiffError.unknownValue(name) }
            return try stored.tensor(externalData: source.externalData)
        } catch { throw unavailable(error) }
    }

    /// Returns the model as bytes for the engine.
    private func runnable(_ model: Model, without apart: [String]) throws(Failure) -> Data {
        do {
            var model = try model.runnable(without: apart)
            if let adapter {
                model = try LowRankAdapter(adapter.adapter.factors.filter { !apart.contains($0.weight) }).merged(into: model)
            }
            return try model.serialized()
        } catch { throw unavailable(error) }
    }

    private func unavailable(_ error: any Error) -> Failure {
        switch error {
        case let error as ONNXError where error.isOutOfMemory: Failure(model: error, place: path)
        case is ONNXError:
            Failure(
                .modelUnavailable, what: "its external data cannot be read: \(error)", place: path,
                remedy: "Restore the version's folder, or activate another version.")
        default: Failure(.badModel, what: "\(error)", place: path, remedy: "Merge the adapter with `millrace merge`, or train it again.")
        }
    }
}
