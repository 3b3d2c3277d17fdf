import Arrivals
import Attempts
import Deployment
import Reasons

/// Orders that a model is measured on this machine, in worker processes of its own: what to run, and who waits for the answer.
struct MeasuringOrder: Sendable {
    /// Says who waits for the answer.
    enum Purpose: Sendable, Hashable {
        /// A run that has made the model, which becomes a version then.
        case publication(run: Int64)
        /// The data of a version, of which this arrival comes first.
        case scoring(ModelExecutions.Subject, arrival: Int64)
    }

    let purpose: Purpose
    /// The spec of an attempt that measures.
    let spec: AttemptSpec
    let plan: MeasuringPlan
    let store: ChoiceStore
    let cancellation = AttemptCancellation()

    /// The run that waits for it; nil where only data does.
    var run: Int64? { if case .publication(let run) = purpose { run } else { nil } }

    init(_ purpose: Purpose, _ spec: AttemptSpec, _ plan: MeasuringPlan, kept store: ChoiceStore) {
        self.purpose = purpose
        self.spec = spec
        self.plan = plan
        self.store = store
    }

    /// Measures, or looks up what was measured before.
    /// - Parameter makeExecutor: makes an executor with one worker process, which ends with it.
    func execute(_ makeExecutor: @escaping () -> any AttemptExecutor) throws(Failure) -> DeploymentTable {
        guard case .measure(let files) = spec.work else { preconditionFailure("the attempt does not measure") }
        if let cause = cancellation.cause { throw .cancelled(spec, by: cause) }
        let choosing = ModelChoosing(spec, files, plan, kept: store) { [cancellation] _ in
            ExecutorProcess(makeExecutor(), cancellation)
        }
        let table = try choosing.run()
        // What was measured while it was being cancelled says nothing.
        if let cause = cancellation.cause { throw .cancelled(spec, by: cause) }
        return table
    }
}
