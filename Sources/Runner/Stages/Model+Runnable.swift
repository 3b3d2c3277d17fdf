import Attempts
import Engine
import ONNX
import Tensors

extension Model {
    /// Weights of fewer bytes are part of the graph that the engine is given.
    static let smallestApart = 64 << 10

    /// Returns the initializers that the engine gets separately from the graph, each in memory once: large ones that are in other files, or
    /// to which an adapter adds something. If an input is not a tensor, there are none, since ONNX Runtime cannot take them then: all of
    /// them go into the graph.
    func weightsApart(adapted: [String] = []) -> [String] {
        guard graph.inputs.allSatisfy({ if case .tensor = $0.type { true } else { false } }) else { return [] }
        let adapted = Set(adapted)
        return graph.initializers.filter {
            ($0.isExternal || adapted.contains($0.name)) && ($0.byteCount ?? 0) >= Self.smallestApart && $0.elementType != .string
        }.map(\.name)
    }

    /// Returns the model as the engine takes it, with all other external data read into it.
    /// - Parameter apart: the initializers that are given separately.
    func runnable(without apart: [String]) throws(ONNXError) -> Model {
        var model = self
        model.lift(apart)
        model.mergeImports()
        if model.hasReplaceableLocales { model.replaceLocales() }
        return try model.embeddingExternalData()
    }

    /// Returns a session of a model that is in memory and was checked.
    /// - Parameter path: the file from which it is, for messages.
    func session(_ options: SessionOptions, path: String) throws(Failure) -> Session {
        let apart = weightsApart()
        var failure: ONNXError?
        do {
            let directory = try externalData()
            let weights = SessionWeights(apart) { name throws(EngineError) in
                do throws(ONNXError) {
                    guard let stored = graph.initializer(name) else { throw .invalid(place: name, reason: "it is no initializer") }
                    return try stored.tensor(externalData: directory)
                } catch {
                    failure = error
                    throw .externalData(file: name, detail: "\(error)")
                }
            }
            return try Session(model: try runnable(without: apart).serialized(), weights: weights, options: options)
        } catch let error as EngineError {
            throw failure.map { Failure(model: $0, place: path) } ?? Failure(loading: error, place: path)
        } catch let error as ONNXError {
            throw Failure(model: error, place: path)
        } catch {
            preconditionFailure("\(error)")
        }
    }
}
