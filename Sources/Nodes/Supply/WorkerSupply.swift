import Arrivals

/// Starts workers on other machines: it supplies processes, and knows nothing of their work.
///
/// Each worker has a name, which it says when it joins. All calls come from one thread, may block for half a minute, and may be ended early
/// by `stop`.
package protocol WorkerSupply: AnyObject, Sendable {
    /// What supplies, for messages: Slurm, or the command.
    var label: String { get }
    /// The least and the most workers at one time.
    var workers: ClosedRange<Int> { get }
    /// The number of attempts that one worker executes at once, as far as that is known.
    var attempts: Int { get }

    /// Returns whether a worker of that name is one of this supply's.
    func owns(_ name: String) -> Bool

    /// Is told which of its workers are connected now.
    func note(joined: Set<String>)

    /// Asks for workers, and returns them. There may be fewer than `count`.
    /// - Parameter stays: whether they go on without work, since there must be as many at all times.
    func start(_ count: Int, stays: Bool) throws(SupplyError) -> [SuppliedWorker]

    /// Returns the workers that were asked for, also by an earlier daemon, and have not ended.
    func look() throws(SupplyError) -> [SuppliedWorker]

    /// Ends workers.
    /// - Parameter isUnneeded: whether those that have begun meanwhile are to go on.
    func end(_ names: [String], isUnneeded: Bool) throws(SupplyError)

    /// Returns the end of what a worker printed, or what is known of its end otherwise, on one line; empty where nothing is.
    func lastWords(of name: String) -> String

    /// Shortens calls, since the daemon is to stop.
    func stop()

    /// Lets go of workers when the daemon stops.
    func close()
}

/// Describes a worker that was asked for.
package struct SuppliedWorker: Sendable, Equatable {
    package enum State: Sendable, Equatable {
        /// It waits in the scheduler's queue, and can be taken back.
        case queued
        /// Its process runs.
        case running
        /// Somebody else was told to start it, and nobody tells whether it runs.
        case handedOver
    }

    package let name: String
    package let state: State
    /// Why it waits, in the scheduler's words.
    package let note: String

    package init(name: String, state: State, note: String = "") {
        self.name = name
        self.state = state
        self.note = note
    }
}

/// Says why workers could not be asked for, looked for or ended.
package enum SupplyError: Error, Sendable, Hashable {
    /// The program, the first value, cannot be started; the second says why.
    case cannotStart(String, String)
    /// The program ended with that status, and said the last value.
    case failed(String, Int32, String)
    /// The program was ended after that time; the last value is what it had said.
    case tookTooLong(String, Duration, String)
    /// The program's answer, the second value, is not what it should be.
    case unreadable(String, String)
    /// The command failed for every number of a worker that is free; the value says how it failed last.
    case noneLeft(String)
}

extension SupplyError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .cannotStart(let program, let why): "\(program) cannot be started: \(why)"
        case .failed(let program, let status, let said): "\(program) ended with status \(status)" + Self.shown(said)
        case .tookTooLong(let program, let limit, let said):
            "\(program) was ended after \(Int(limit.seconds.rounded())) s without an answer" + Self.shown(said)
        case .unreadable(let program, let said): "\(program) gave no answer that Millrace understands" + Self.shown(said)
        case .noneLeft(let why): "no worker is left to try" + Self.shown(why)
        }
    }

    private static func shown(_ text: String) -> String { text.isEmpty ? "" : ": \(text)" }
}
