/// Runs attempts somewhere: in this process (`LocalExecutor`), in processes of their own, or on other machines. Calls block the calling
/// thread, come from several threads at once, and always answer.
package protocol AttemptExecutor: Sendable {
    func execute(_ spec: AttemptSpec, control: AttemptControl) -> AttemptResult
    /// Executes short attempts of one pipeline, and calls `ended` once for each, with its place in the list, from the calling thread.
    func execute(_ attempts: [(spec: AttemptSpec, control: AttemptControl)], ended: (Int, AttemptResult) -> Void)
    /// Calls `tell` with the number of attempts that can be executed at once, now and whenever that changes, as workers come and go. An
    /// executor that takes as many as it is given never calls it.
    func follow(_ tell: @escaping @Sendable (Int) -> Void)
    /// Is told once a second how much waits, so that more workers can be had where somebody starts them. Returns what there is to tell of
    /// workers elsewhere.
    func note(_ demand: WorkDemand) -> [WorkerNews]
}

extension AttemptExecutor {
    /// Executes each attempt by itself.
    package func execute(_ attempts: [(spec: AttemptSpec, control: AttemptControl)], ended: (Int, AttemptResult) -> Void) {
        for (place, attempt) in attempts.enumerated() { ended(place, execute(attempt.spec, control: attempt.control)) }
    }

    package func follow(_ tell: @escaping @Sendable (Int) -> Void) {}

    package func note(_ demand: WorkDemand) -> [WorkerNews] { [] }

    /// Executes an attempt that has the thread to itself.
    package func execute(_ spec: AttemptSpec, cancellation: AttemptCancellation) -> AttemptResult {
        execute(spec, control: AttemptControl(cancellation))
    }
}
