import Synchronization

/// The runtime that executes graphs: ONNX Runtime, through its C API.
package enum Engine {
    /// As the library says it, for instance `1.32.0`; expected failures and cards are keyed by it.
    package static var version: String { Native.version }

    package struct LogMessage: Sendable {
        package enum Severity: UInt32, Sendable, Comparable {
            case verbose, info, warning, error, fatal
            package static func < (a: Severity, b: Severity) -> Bool { a.rawValue < b.rawValue }
        }
        package let severity: Severity
        package let category: String
        package let text: String
        /// The place in the runtime's own source.
        package let origin: String
    }

    /// Where the runtime's own messages (warnings and worse) go; without a handler they are dropped, since what matters to an
    /// operator is thrown. Called from whatever thread the runtime is on.
    package static func setLogHandler(_ handler: (@Sendable (LogMessage) -> Void)?) {
        EngineLog.handler.withLock { $0 = handler }
    }

    /// Loads what all sessions share, which the first of them does otherwise.
    package static func start() throws(EngineError) { _ = try table() }

    /// The function table, or the reason why there is none.
    static func table() throws(EngineError) -> Native.Table { try Native.table.get() }
}

enum EngineLog {
    static let handler = Mutex<(@Sendable (Engine.LogMessage) -> Void)?>(nil)

    static func deliver(
        severity: UInt32, category: UnsafePointer<CChar>?, location: UnsafePointer<CChar>?, message: UnsafePointer<CChar>?
    ) {
        guard let handler = handler.withLock({ $0 }) else { return }
        func text(_ pointer: UnsafePointer<CChar>?) -> String { pointer.map { String(cString: $0) } ?? "" }
        handler(
            Engine.LogMessage(
                severity: .init(rawValue: severity) ?? .error, category: text(category), text: printable(text(message)),
                origin: text(location)))
    }
}
