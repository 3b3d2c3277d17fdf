import Synchronization

/// Keeps a value that is made when it is first needed and can be made.
final class OnceMade<Value: Sendable>: Sendable {
    private let made = Mutex<Value?>(nil)

    func value(_ make: () -> Value?) -> Value? {
        made.withLock { made in
            if made == nil { made = make() }
            return made
        }
    }
}
