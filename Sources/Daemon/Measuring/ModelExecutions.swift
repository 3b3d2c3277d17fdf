import Attempts
import Deployment
import Ledger
import PipelineConfig
import Reasons

/// Keeps in which way the versions of models are executed on this machine, where an optimize stage lets measurements decide.
///
/// A version is measured before it scores its first rows, so that all its outputs are made in one way: when it is published, on rows that
/// the version before it has scored, or else on the first rows that arrive for it. The answer is kept on the disk for later daemons.
final class ModelExecutions {
    /// Names a version as a pipeline uses it.
    struct Subject: Hashable, Sendable {
        let pipeline: String
        let revision: String
        let version: Int
    }

    private enum State {
        case measuring
        /// The way that was chosen; nil where the model is executed as it is, since measuring failed.
        case decided(ChosenExecution?)
    }

    /// What measuring a version that is about to be published has given.
    typealias Outcome = Result<DeploymentTable, Failure>
    private typealias Waiting = (assignment: Dispatcher.Assignment, result: AttemptResult)

    private var states: [Subject: State] = [:]
    private var failures: [Subject: Int] = [:]
    /// The arrivals whose rows could not be measured on: they are scored as ever, which says what is wrong with them.
    private var exempt: Set<Int64> = []
    private var orders: [MeasuringOrder] = []
    /// The models that are measured before they become versions, and what came out, by run.
    private var waiting: [Int64: Waiting] = [:]
    private var outcomes: [Int64: Outcome] = [:]

    /// The number of files on whose rows measuring may fail before the model is executed as it is.
    private static let mostFailures = 3

    /// Tells whether data waits for a model to be measured.
    var isMeasuring: Bool { states.values.contains { if case .measuring = $0 { true } else { false } } }

    /// Returns the orders that nobody has taken yet.
    func takeOrders() -> [MeasuringOrder] {
        defer { orders = [] }
        return orders
    }

    // MARK: Data

    /// Returns whether an arrival may be scored. Where the version was not measured yet, that is ordered.
    func mayScore(_ arrival: Int64, by subject: Subject, order: () -> MeasuringOrder?) -> Bool {
        if exempt.contains(arrival) { return true }
        switch states[subject] {
        case .measuring: return false
        case .decided: return true
        case nil:
            guard let order = order() else { return true }
            orders.append(order)
            states[subject] = .measuring
            return false
        }
    }

    /// Tells whether the version has no way of being executed yet.
    func isOpen(_ subject: Subject) -> Bool { if case .decided = states[subject] { false } else { true } }

    /// The way in which a version is executed; nil where that is as it is.
    func execution(for subject: Subject, arrival: Int64?) -> ChosenExecution? {
        if let arrival, exempt.contains(arrival) { return nil }
        if case .decided(let execution) = states[subject] { return execution }
        return nil
    }

    /// Takes the answer for the data of a version. Returns whether the version is executed as it is from now on, since measuring failed.
    func answer(_ outcome: Outcome, for subject: Subject, arrival: Int64) -> Bool {
        switch outcome {
        case .success(let table):
            states[subject] = .decided(table.execution)
            failures[subject] = nil
        case .failure(let failure):
            states[subject] = nil
            if failure.kind == .cancelled { return false }
            exempt.insert(arrival)
            failures[subject, default: 0] += 1
            guard failures[subject, default: 0] >= Self.mostFailures else { return false }
            states[subject] = .decided(nil)
            return true
        }
        return false
    }

    // MARK: Publications

    /// Returns whether the model that a run has made is measured first. The run goes on with `answer`.
    func measures(_ assignment: Dispatcher.Assignment, _ result: AttemptResult, order: () -> MeasuringOrder?) -> Bool {
        let run = assignment.run.number
        guard outcomes[run] == nil, let order = order() else { return false }
        waiting[run] = (assignment, result)
        orders.append(order)
        return true
    }

    /// Takes the answer for a run that waits, and returns what goes on.
    func answer(_ outcome: Outcome, run: Int64) -> Dispatcher.Finished? {
        guard let found = waiting.removeValue(forKey: run) else { return nil }
        outcomes[run] = outcome
        return found
    }

    /// Takes out what measuring gave for a run.
    func takeOutcome(run: Int64) -> Outcome? { outcomes.removeValue(forKey: run) }
}
