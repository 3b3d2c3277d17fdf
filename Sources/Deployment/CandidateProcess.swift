package import Attempts

/// Executes the attempts that measure one candidate, in a process of their own: engines keep threads spinning, and a candidate that crashes
/// must not cost others anything.
package protocol CandidateProcess: AnyObject {
    func execute(_ spec: AttemptSpec) -> AttemptResult
}

/// Executes the attempts of one candidate on an executor that nobody else uses, and whose process ends with it.
package final class ExecutorProcess: CandidateProcess {
    private let executor: any AttemptExecutor
    private let cancellation: AttemptCancellation

    package init(_ executor: any AttemptExecutor, _ cancellation: AttemptCancellation) {
        self.executor = executor
        self.cancellation = cancellation
    }

    package func execute(_ spec: AttemptSpec) -> AttemptResult { executor.execute(spec, cancellation: cancellation) }
}
