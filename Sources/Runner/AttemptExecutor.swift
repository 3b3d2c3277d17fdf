/// Where an attempt runs is one type: this process (`LocalExecutor`), a child (`ChildProcessExecutor`), later a worker pool or a
/// cluster's scheduler. Calls block the calling thread, come from several threads at once, and always answer.
package protocol AttemptExecutor: Sendable {
    func execute(_ spec: AttemptSpec, control: AttemptControl) -> AttemptResult
}

extension AttemptExecutor {
    /// For an attempt that has the thread to itself.
    package func execute(_ spec: AttemptSpec, cancellation: AttemptCancellation) -> AttemptResult {
        execute(spec, control: AttemptControl(cancellation))
    }
}
