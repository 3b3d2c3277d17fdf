package import Tensors

/// Gives weights to a session separately from its model. The model has them as inputs; the session does not. Each is in memory once: as it
/// was read, until the engine has laid it out for its kernels, or for as long as the session lives.
package struct SessionWeights {
    package let names: [String]
    /// Returns the value of a weight. It is called once for each name, in order, before the model is loaded. The tensor must belong to the
    /// session alone: it is freed when the engine does not need it any more.
    let read: (String) throws(EngineError) -> Tensor

    package init(_ names: [String], read: @escaping (String) throws(EngineError) -> Tensor) {
        self.names = names
        self.read = read
    }

    package static var none: SessionWeights { SessionWeights([]) { name throws(EngineError) in throw .unknownInput(name, known: []) } }
}
