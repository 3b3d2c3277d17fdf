/// The processor and the engine with which an attempt was executed, as far as its results depend on them.
package struct AttemptMachine: Codable, Sendable, Hashable {
    /// The model of the processor and the instruction sets by which the engine chooses its code.
    package var processor: String
    /// The name of the engine that runs the models.
    package var engine: String
    package var engineVersion: String

    package init(processor: String, engine: String, engineVersion: String) {
        self.processor = processor
        self.engine = engine
        self.engineVersion = engineVersion
    }
}

extension AttemptMachine: CustomStringConvertible {
    /// Such as "AMD EPYC: avx avx2 fma, ONNX Runtime 1.32.0".
    package var description: String { "\(processor), \(engine) \(engineVersion)" }
}
