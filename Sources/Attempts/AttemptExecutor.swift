/// Runs attempts somewhere: in this process (`LocalExecutor`), in processes of their own, or on other machines. Calls block the calling
/// thread, come from several threads at once, and always answer.
package protocol AttemptExecutor: Sendable {
    func execute(_ spec: AttemptSpec, control: AttemptControl) -> AttemptResult
}

extension AttemptExecutor {
    /// Executes an attempt that has the thread to itself.
    package func execute(_ spec: AttemptSpec, cancellation: AttemptCancellation) -> AttemptResult {
        execute(spec, control: AttemptControl(cancellation))
    }
}
