import Arrivals
import FileSystem
import Foundation
import Glibc
package import PipelineConfig
import Synchronization

/// Starts each worker by a command, such as one of `ssh`, and watches whether it ends.
package final class CommandSupply: WorkerSupply {
    package let label = "command"
    package let workers: ClosedRange<Int>
    package let attempts: Int
    private let settings: CommandSettings
    private let worker: WorkerCommand
    private let begin = ContinuousClock.now
    private struct State {
        var slots: CommandSlots
        var commands: [Int: SpawnedCommand] = [:]

        /// Takes in which commands have ended.
        mutating func collect(at now: Duration) {
            for (number, command) in commands {
                guard let status = command.status() else {
                    command.trimOutput(above: largestOutput)
                    continue
                }
                commands[number] = nil
                slots.ended(number, status: status, ProgramCalls.end(of: command.said()), at: now)
            }
        }
    }
    private let state: Mutex<State>

    /// The bytes that a command may print before they are thrown away.
    private static let largestOutput = 1 << 20

    package init(_ settings: CommandSettings, worker: WorkerCommand) {
        self.settings = settings
        self.worker = worker
        (workers, attempts) = (settings.workers, worker.attempts ?? 1)
        state = Mutex(State(slots: CommandSlots(count: settings.workers.upperBound)))
    }

    private var now: Duration { ContinuousClock.now - begin }

    private func number(_ name: String) -> Int? {
        guard let number = Int(name), number > 0, number <= workers.upperBound, "\(number)" == name else { return nil }
        return number
    }

    package func owns(_ name: String) -> Bool { number(name) != nil }

    package func note(joined: Set<String>) {
        let numbers = Set(joined.compactMap(number)), now = now
        state.withLock { state in
            state.collect(at: now)
            state.slots.note(joined: numbers)
        }
    }

    package func start(_ count: Int, stays: Bool) throws(SupplyError) -> [SuppliedWorker] {
        let now = now
        let (free, reason) = state.withLock { ($0.slots.free(at: now), $0.slots.reasonOfRest(at: now)) }
        if free.isEmpty { throw .noneLeft(reason ?? "") }
        var started: [SuppliedWorker] = []
        for number in free.prefix(count) {
            do throws(SpawnedCommand.SpawnError) {
                let line = line(of: number, stays: stays)
                try state.withLock { state throws(SpawnedCommand.SpawnError) in
                    state.commands[number] = try SpawnedCommand(["/bin/sh", "-c", line])
                    state.slots.started(number, at: now)
                }
            } catch { throw .cannotStart("/bin/sh", String(cString: strerror(error.code))) }
            started.append(SuppliedWorker(name: "\(number)", state: .running))
        }
        return started
    }

    /// Returns the command that starts a worker, with its number and its command line in it.
    func line(of number: Int, stays: Bool) -> String {
        settings.command.replacing("{n}", with: "\(number)")
            .replacing("{worker}", with: worker.line(name: "\(number)", stays: stays))
    }

    package func look() throws(SupplyError) -> [SuppliedWorker] {
        let now = now
        return state.withLock { state in
            state.collect(at: now)
            return state.slots.found
        }
    }

    package func end(_ names: [String], isUnneeded: Bool) throws(SupplyError) {
        // None of them waits in a queue.
        if isUnneeded { return }
        for number in names.compactMap(number) {
            state.withLock { state in
                state.commands.removeValue(forKey: number)?.kill()
                state.slots.release(number)
            }
        }
    }

    package func lastWords(of name: String) -> String {
        number(name).map { number in
            state.withLock { state in
                state.commands[number].map { ProgramCalls.end(of: $0.said()) } ?? state.slots.lastWords(of: number)
            }
        } ?? ""
    }

    package func stop() {}

    /// Asks the commands to end, and kills those that do not.
    package func close() {
        state.withLock { state in
            for command in state.commands.values { command.terminate() }
            let deadline = ContinuousClock.now + .seconds(2)
            while state.commands.values.contains(where: { $0.status() == nil }), ContinuousClock.now < deadline { usleep(10_000) }
            state.commands = [:]
        }
    }
}
