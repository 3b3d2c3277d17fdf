import Landing
import Machine

extension Card {
    /// The processor and the engine with which the model was made and tried; nil where the card lacks one of them.
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
