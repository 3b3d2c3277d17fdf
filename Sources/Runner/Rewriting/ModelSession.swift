import Engine
import Foundation
import ONNX
import Tensors

extension Session {
    /// Weights of fewer bytes are part of the graph that the engine is given.
    private static let smallestApart = 64 << 10

    /// Makes a session of a model in memory. Large weights that are in files are read one after another, and given to the engine apart from
    /// the graph, which could not have more than 2 GiB of them.
    convenience init(of model: Model, options: SessionOptions) throws(EngineError) {
        let takesWeights = model.graph.inputs.allSatisfy { if case .tensor = $0.type { true } else { false } }
        let apart = model.graph.initializers.filter {
            takesWeights && $0.isExternal && ($0.byteCount ?? 0) >= Self.smallestApart && $0.elementType != .string
        }
        let graph: Data
        do throws(ONNXError) {
            var lifted = model
            lifted.lift(apart.map(\.name))
            lifted.mergeImports()
            if lifted.hasReplaceableLocales { lifted.replaceLocales() }
            graph = try lifted.embeddingExternalData().serialized()
        } catch { throw .engine("\(error)") }
        let stored = Dictionary(apart.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        let weights = SessionWeights(apart.map(\.name)) { name throws(EngineError) in
            guard let weight = stored[name] else { throw .unknownInput(name, known: []) }
            do throws(ONNXError) { return try weight.tensor(externalData: model.externalData()) } catch {
                throw .externalData(file: name, detail: "\(error)")
            }
        }
        try self.init(model: graph, weights: weights, options: options)
    }
}
