package import Machine

/// The runtime that executes graphs: ONNX Runtime, through its C API.
package enum ONNXRuntime {
    /// The version that the library reports, for instance `1.32.0`. Expected failures and cards are keyed by it.
    package static var version: String { Native.version }

    /// This machine with this engine.
    package static let machine = AttemptMachine(processor: Processor.name, engine: "ONNX Runtime", engineVersion: version)

    /// Loads what all sessions share, which the first of them does otherwise.
    package static func start() throws(EngineError) { _ = try table() }

    /// The function table, or the reason why there is none.
    static func table() throws(EngineError) -> Native.Table { try Native.table.get() }
}
