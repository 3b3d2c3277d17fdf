import Arrivals
import Dispatch
import Foundation
package import Ledger
import Synchronization

/// Holds what the daemon's process says of itself in `status`, and what nothing else tells. It is kept in the ledger's table `conditions`;
/// a thread of its own writes it at most twice a second, so that no thread waits for the ledger to say something.
package final class ConditionBoard: Sendable {
    private struct State {
        var said: [Condition.Key: Condition] = [:]
        var unwritten: Set<Condition.Key> = []
        var isClosed = false
    }

    private let ledger: RunLedger
    private let state = Mutex(State())
    private let news = DispatchSemaphore(value: 0)

    /// The pause after each write, so that what changes often is written seldom.
    private static let pause: Duration = .milliseconds(500)

    package init(ledger: RunLedger) { self.ledger = ledger }

    /// Says something, in place of what was said under this key.
    /// - Parameters:
    ///   - text: what is said, in words for people.
    ///   - facts: the same as a value for programs, which is written as JSON.
    package func set(_ key: Condition.Key, _ text: String, facts: (any Encodable)? = nil) {
        let facts = facts.flatMap(\.compactJSON)
        change { state in
            let old = state.said[key]
            guard old?.text != text || old?.facts != facts else { return false }
            state.said[key] = Condition(key, text: text, facts: facts, since: old?.since ?? .now)
            state.unwritten.insert(key)
            return true
        }
    }

    /// Takes back what was said under this key.
    package func clear(_ key: Condition.Key) {
        change { state in
            guard state.said.removeValue(forKey: key) != nil else { return false }
            state.unwritten.insert(key)
            return true
        }
    }

    /// Removes what an earlier daemon said, and then writes what is said until `close`. A thread of its own calls it.
    package func run() {
        try? ledger.write(durably: false) { (tx) throws(LedgerError) in try tx.clearConditions() }
        while true {
            news.wait()
            write()
            if state.withLock(\.isClosed) { break }
            usleep(UInt32(Self.pause / .microseconds(1)))
        }
        // Once this process has ended, nobody could take these back.
        let over = state.withLock { state in state.said.keys.filter { !$0.kind.outlivesDaemon } }
        try? ledger.write(durably: false) { (tx) throws(LedgerError) in try tx.clear(over) }
    }

    package func close() {
        state.withLock { $0.isClosed = true }
        news.signal()
    }

    private func change(_ body: (inout State) -> Bool) {
        let isNews = state.withLock { state in
            let wasWritten = state.unwritten.isEmpty
            return body(&state) && wasWritten
        }
        if isNews { news.signal() }
    }

    private func write() {
        let (said, over): ([Condition], [Condition.Key]) = state.withLock { state in
            defer { state.unwritten = [] }
            return (state.unwritten.compactMap { state.said[$0] }, state.unwritten.filter { state.said[$0] == nil })
        }
        guard !said.isEmpty || !over.isEmpty else { return }
        // A condition that cannot be written now is written with its next change.
        try? ledger.write(durably: false) { (tx) throws(LedgerError) in
            try tx.set(said)
            try tx.clear(over)
        }
    }
}

extension Encodable {
    /// The value as JSON on one line, with its keys in order; nil where it cannot be encoded.
    var compactJSON: String? {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) }
    }
}
