import Arrivals
import Foundation
import Synchronization

/// Answers commands of users who may not read the ledger's file but belong to the daemon's group. It gives out rows of the ledger, and
/// takes requests as `retry` and `pause` leave them. It does nothing else for anybody and touches no other file, so that everything that is
/// not a row is read with the rights of the user who asks.
///
/// Each client has a thread and an SQLite connection of its own that can only read, so that nothing here holds up the dispatcher.
package final class LedgerServer: Sendable {
    private let socket: LedgerSocket
    private let ledger: RunLedger
    private let greeting: String
    private let descriptor: Int32
    private let clients = Mutex<Set<Int32>>([])
    private let isOver = Atomic(false)

    private static let mostClients = 16
    private static let longestRequest = 1 << 20
    /// The seconds after which a silent client is disconnected, because one within `begin` and `end` keeps SQLite's log from being
    /// shortened.
    private static let patience = 60
    private static let patienceInside = 10

    /// Starts to listen, and returns. Only the daemon that has the lock makes a server.
    package init(stateDirectory: String, ledger: RunLedger, holder: DaemonLock.Holder) throws(LedgerError) {
        socket = LedgerSocket(stateDirectory: stateDirectory)
        self.ledger = ledger
        do {
            greeting = String(decoding: try JSONEncoder().encode(LedgerGreeting(schema: Schema.newest, holder: holder)), as: UTF8.self)
        } catch {
            throw .socket(path: socket.path, message: "\(error)")
        }
        descriptor = try socket.listen()
        Thread.detachNewThread { [self] in accept() }
    }

    /// Takes no more clients and disconnects those that are there.
    package func stop() {
        guard !isOver.exchange(true, ordering: .relaxed) else { return }
        unlink(socket.path)
        shutdown(descriptor, Int32(SHUT_RDWR))
        clients.withLock { for client in $0 { shutdown(client, Int32(SHUT_RDWR)) } }
    }

    private func accept() {
        defer { close(descriptor) }
        while !isOver.load(ordering: .relaxed) {
            let client = Glibc.accept(descriptor, nil, nil)
            guard client >= 0 else {
                // Without free descriptors it can only wait.
                usleep(100_000)
                continue
            }
            _ = fcntl(client, F_SETFD, FD_CLOEXEC)
            client.limitWaiting(seconds: Self.patience)
            let refusal: String? =
                if LedgerPeer(client)?.isOperator != true {
                    "only the daemon's user and the members of its group may ask"
                } else if !clients.withLock({ $0.count < Self.mostClients && $0.insert(client).inserted }) {
                    "\(Self.mostClients) commands are asking already; try again"
                } else {
                    nil
                }
            if let refusal {
                _ = client.sendMessage(.refused(code: 0, message: refusal))
                close(client)
                continue
            }
            Thread.detachNewThread { [self] in
                converse(with: client)
                clients.withLock { _ = $0.remove(client) }
                close(client)
            }
        }
    }

    private func converse(with client: Int32) {
        guard client.sendMessage(.greeting(greeting)), let queries = ServedQueries(path: ledger.path) else { return }
        while let message = client.receiveMessage(longest: Self.longestRequest) {
            let isUnderstood: Bool
            switch message {
            case .begin:
                client.limitWaiting(seconds: Self.patienceInside)
                isUnderstood = client.sendMessage(queries.begin())
            case .end:
                client.limitWaiting(seconds: Self.patience)
                isUnderstood = client.sendMessage(queries.end())
            case .query(let sql, let values, let limit):
                isUnderstood = client.sendMessage(queries.answer(sql, values, atMost: limit) { client.sendMessage(.rows($0)) })
            case .submit(let json):
                isUnderstood = client.sendMessage(submit(json))
            default:
                isUnderstood = false
            }
            if !isUnderstood { return }
        }
    }

    private func submit(_ json: String) -> LedgerMessage {
        guard let request = try? JSONDecoder().decode(Request.self, from: Data(json.utf8)) else {
            return .refused(code: 0, message: "this daemon does not know that request; use the same version of millrace")
        }
        do throws(LedgerError) {
            return .number(try ledger.submit(request, at: .now))
        } catch {
            return .refused(code: 0, message: "\(error)")
        }
    }
}
