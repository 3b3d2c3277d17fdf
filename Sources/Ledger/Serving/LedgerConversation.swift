import Arrivals
import Foundation
import Synchronization

/// A command's end of `LedgerSocket`, which receives the rows and the answers that a daemon gives.
package final class LedgerConversation: Sendable {
    private let path: String
    private let descriptor: Int32
    /// The daemon that answers.
    package let holder: DaemonLock.Holder

    /// The seconds that an answer may take: the daemon may have to wait until the ledger can be written.
    private static let patience = 15

    /// Connects to the daemon; returns nil where no daemon listens.
    /// - Parameter stateDirectory: `ROOT/.millrace`.
    package convenience init?(stateDirectory: String) throws(LedgerError) {
        let socket = LedgerSocket(stateDirectory: stateDirectory)
        guard let descriptor = try socket.connect() else { return nil }
        try self.init(descriptor, socket.path)
    }

    private init(_ descriptor: Int32, _ path: String) throws(LedgerError) {
        self.descriptor = descriptor
        self.path = path
        descriptor.limitWaiting(seconds: Self.patience)
        var said: LedgerGreeting?
        var refusal = "the daemon does not answer"
        switch descriptor.receiveMessage() {
        case .greeting(let json)?: said = try? JSONDecoder().decode(LedgerGreeting.self, from: Data(json.utf8))
        case .refused(_, let message)?: refusal = message
        default: break
        }
        guard let said, said.schema == Schema.newest else {
            // Once every property is set, the deinitializer closes the descriptor.
            holder = DaemonLock.Holder(pid: 0, host: "", since: .now)
            throw .socket(path: path, message: said == nil ? refusal : "the daemon is of another version of millrace; use the same")
        }
        holder = said.holder
    }

    deinit { close(descriptor) }

    // MARK: Asking

    func rows(_ sql: String, _ values: [StoredValue], atMost limit: Int64 = 0) throws(LedgerError) -> [[StoredValue]] {
        try send(.query(sql: sql, values: values, atMost: limit))
        var rows: [[StoredValue]] = []
        while true {
            switch try receive() {
            case .rows(let part): rows += part
            case .done: return rows
            default: throw broken
            }
        }
    }

    func submit(_ request: Request) throws(LedgerError) -> Int64 {
        let json: Data
        do { json = try JSONEncoder().encode(request) } catch { throw .socket(path: path, message: "\(error)") }
        try send(.submit(String(decoding: json, as: UTF8.self)))
        guard case .number(let number) = try receive() else { throw broken }
        return number
    }

    func begin() throws(LedgerError) { try turn(.begin) }
    func end() throws(LedgerError) { try turn(.end) }

    private func turn(_ message: LedgerMessage) throws(LedgerError) {
        try send(message)
        guard case .done = try receive() else { throw broken }
    }

    private func send(_ message: LedgerMessage) throws(LedgerError) {
        guard descriptor.sendMessage(message) else { throw broken }
    }

    private func receive() throws(LedgerError) -> LedgerMessage {
        guard let message = descriptor.receiveMessage() else { throw broken }
        if case .refused(_, let message) = message { throw .socket(path: path, message: message) }
        return message
    }

    private var broken: LedgerError { .socket(path: path, message: "the daemon has stopped, or does not answer") }
}

/// Reads the ledger through a daemon, one question at a time.
final class DaemonSource: LedgerSource {
    let conversation: LedgerConversation
    private let connection: Mutex<SendableConnection>

    /// Makes the connection sendable, which is safe because of the mutex around it.
    private struct SendableConnection: @unchecked Sendable { let value: Connection }

    init(_ conversation: LedgerConversation, path: String, hidesValues: Bool) {
        self.conversation = conversation
        connection = Mutex(SendableConnection(value: Connection(conversation, path: path, hidesValues: hidesValues)))
    }

    func snapshot<T>(_ body: (Connection) throws(LedgerError) -> T) throws(LedgerError) -> T {
        try connection.withLock { connection throws(LedgerError) in
            try conversation.begin()
            let result = try body(connection.value)
            try conversation.end()
            return result
        }
    }

    func statement<T>(_ body: (Connection) throws(LedgerError) -> T) throws(LedgerError) -> T {
        try connection.withLock { connection throws(LedgerError) in try body(connection.value) }
    }
}
