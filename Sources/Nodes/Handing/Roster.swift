import Attempts
import Foundation
import Synchronization
import WorkerProtocol

/// Knows the workers that have joined, and which attempts they have; it decides which of them gets an attempt.
package final class Roster: Sendable {
    private struct State {
        var workers: [JoinedWorker] = []
        /// The number of attempts, or of lots, that each worker has.
        var busy: [Int: Int] = [:]
        var done: [Int: Int] = [:]
        var failures = HostFailures()
        /// Why workers could not join or were lost, by host; the latest reason alone is kept.
        var complaints: [String: String] = [:]
        var joined = 0
        var tell: @Sendable (Int) -> Void = { _ in }

        /// The number of attempts that the workers execute at once.
        var places: Int {
            mutating get { workers.filter { mayGetWork($0) }.reduce(0) { $0 + $1.hello.places } }
        }

        mutating func mayGetWork(_ worker: JoinedWorker) -> Bool {
            worker.isThere && failures.reason(for: worker.hello.host) == nil
        }
    }

    /// Describes a worker that has joined, for people.
    package struct Entry: Codable, Sendable, Hashable {
        package var number: Int
        package var host: String
        package var process: Int32
        package var places: Int
        /// The name by which somebody who starts workers knows it; nil where it has none.
        package var name: String?
        /// The runs that it executes.
        package var runs: [Int64]
        /// The number of attempts that it has answered.
        package var done: Int
        /// Why it gets no work; nil where it does.
        package var rests: String?
    }

    private let state = Mutex(State())

    package init() {}

    /// Calls `tell` with the number of attempts that all workers together execute at once, now and whenever that changes.
    func follow(_ tell: @escaping @Sendable (Int) -> Void) {
        state.withLock { $0.tell = tell }
        tell(places)
    }

    /// The number of attempts that all workers together execute at once.
    package var places: Int { state.withLock { $0.places } }

    package var entries: [Entry] {
        state.withLock { state in
            state.workers.map { worker in
                Entry(
                    number: worker.number, host: worker.hello.host, process: worker.hello.process, places: worker.hello.places,
                    name: worker.hello.name, runs: worker.runs, done: state.done[worker.number] ?? 0,
                    rests: state.failures.reason(for: worker.hello.host))
            }
        }
    }

    /// Why workers could not join or were lost, the latest reason of each host.
    package var complaints: [String: String] { state.withLock { $0.complaints } }

    // MARK: Coming and going

    func nextNumber() -> Int {
        state.withLock { state in
            state.joined += 1
            return state.joined
        }
    }

    /// - Parameter peer: the address from which the worker has connected, by which it was known as long as it could not join.
    func add(_ worker: JoinedWorker, from peer: String) {
        change { state in
            state.workers.append(worker)
            for name in [worker.hello.host, peer] { state.complaints[name] = nil }
        }
    }

    /// - Parameter why: why it is gone; nil where it has left of its own accord.
    func remove(_ worker: JoinedWorker, _ why: String?) {
        change { state in
            state.workers.removeAll { $0 === worker }
            state.busy[worker.number] = nil
            state.done[worker.number] = nil
            state.complaints[worker.hello.host] = why
        }
    }

    func refused(_ host: String, _ why: String) { state.withLock { $0.complaints[host] = why } }

    /// Ends the connections of all workers.
    func dismissAll() { for worker in state.withLock({ $0.workers }) { worker.lose("the daemon ends") } }

    private func change(_ body: (inout State) -> Void) {
        let (tell, places) = state.withLock { state in
            body(&state)
            return (state.tell, state.places)
        }
        tell(places)
    }

    // MARK: Attempts

    /// Returns the worker that is best for an attempt: one that has a place free and has executed the model, or one with the most places
    /// free. Where none has a place free, it is the one with the least to do: an attempt that trains has none of the counted places. A range
    /// goes to a place that is free, or nowhere: the attempt that it belongs to would wait for it, maybe in the place that it waits for.
    func take(for spec: AttemptSpec) -> JoinedWorker? {
        state.withLock { state in
            let able = state.workers.filter { state.mayGetWork($0) }
            func free(_ worker: JoinedWorker) -> Int { worker.hello.places - (state.busy[worker.number] ?? 0) }
            let warm = able.filter { free($0) > 0 && $0.hasExecuted(spec.model.digest) }
            guard let best = (warm.isEmpty ? able : warm).max(by: { free($0) < free($1) }), free(best) > 0 || !spec.isOneRange else {
                return nil
            }
            state.busy[best.number, default: 0] += 1
            return best
        }
    }

    /// Takes a worker that had an attempt before it joined that is the same as this one; nil where none has.
    func adopt(_ spec: AttemptSpec, _ inbox: HandOutInbox) -> (worker: JoinedWorker, held: HeldAttempt)? {
        let workers = state.withLock { $0.workers }
        guard !workers.isEmpty else { return nil }
        let essence = spec.essence
        for worker in workers {
            guard let held = worker.adopt(essence, inbox) else { continue }
            state.withLock { $0.busy[worker.number, default: 0] += 1 }
            return (worker, held)
        }
        return nil
    }

    /// Gives back a worker that was taken.
    /// - Parameter count: the number of attempts that it has answered.
    func giveBack(_ worker: JoinedWorker, answered count: Int) {
        state.withLock { state in
            guard state.workers.contains(where: { $0 === worker }) else { return }
            state.busy[worker.number, default: 1] -= 1
            state.done[worker.number, default: 0] += count
        }
    }

    /// Takes note that something has failed on a worker's host that is not an attempt's own fault.
    func failed(_ worker: JoinedWorker, _ why: String) { change { _ = $0.failures.note(worker.hello.host, why) } }
}

extension Roster.Entry: CustomStringConvertible {
    package var description: String {
        let what =
            rests.map { "gets no work: \($0)" }
            ?? (runs.isEmpty ? "waits for work" : "runs \(runs.map { "\($0)" }.joined(separator: ", "))")
        return
            "\(host), process \(process)\(name.map { ", \($0)" } ?? ""), \(places == 1 ? "1 place" : "\(places) places"), \(done) done; \(what)"
    }
}
