import Landing
import Machine

extension Card {
    /// On what the model was made and tried: the engine and the processor.
    var machine: AttemptMachine? {
        get {
            guard let engine, let processor else { return nil }
            return AttemptMachine(processor: processor, engine: engine.name, engineVersion: engine.version)
        }
        set {
            engine = newValue.map { .init(name: $0.engine, version: $0.engineVersion) }
            processor = newValue?.processor
        }
    }
}
