package import Machine

/// Represents the runtime that executes graphs: ONNX Runtime, through its C API.
package enum ONNXRuntime {
    /// The version that the library reports, for instance `1.32.0`. Expected failures and cards are keyed by it.
    package static var version: String { Native.version }

    /// The description of this machine with this engine.
    package static let machine = AttemptMachine(processor: Processor.name, engine: "ONNX Runtime", engineVersion: version)

    /// Loads what all sessions share, which the first session would load otherwise.
    package static func start() throws(EngineError) { _ = try table() }

    /// Returns the function table, or throws the reason why there is none.
    static func table() throws(EngineError) -> Native.Table { try Native.table.get() }
}
