/// Runs attempts somewhere: in this process (`LocalExecutor`), in processes of their own, or on other machines. Calls block the calling
/// thread, come from several threads at once, and always answer.
package protocol AttemptExecutor: Sendable {
    func execute(_ spec: AttemptSpec, control: AttemptControl) -> AttemptResult
    /// Executes short attempts of one pipeline, and calls `ended` once for each, with its place in the list, from the calling thread.
    func execute(_ attempts: [(spec: AttemptSpec, control: AttemptControl)], ended: (Int, AttemptResult) -> Void)
}

extension AttemptExecutor {
    /// Executes each attempt by itself.
    package func execute(_ attempts: [(spec: AttemptSpec, control: AttemptControl)], ended: (Int, AttemptResult) -> Void) {
        for (place, attempt) in attempts.enumerated() { ended(place, execute(attempt.spec, control: attempt.control)) }
    }

    /// Executes an attempt that has the thread to itself.
    package func execute(_ spec: AttemptSpec, cancellation: AttemptCancellation) -> AttemptResult {
        execute(spec, control: AttemptControl(cancellation))
    }
}
