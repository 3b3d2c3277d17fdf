package import Attempts
import Dispatch
import Foundation
import Synchronization

/// Executes the attempts that measure one candidate, in a process of their own: engines keep threads spinning, and a candidate that crashes
/// must not cost others anything.
package protocol CandidateProcess: AnyObject, Sendable {
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

    /// Executes an attempt; once measuring is cancelled, no process is started for one.
    package func execute(_ spec: AttemptSpec) -> AttemptResult {
        if let cause = cancellation.cause { return AttemptResult(failure: .cancelled(spec, by: cause)) }
        return executor.execute(spec, cancellation: cancellation)
    }
}

/// Executes the attempts of a candidate of several sessions: what asks for its speed is executed by all of them at the same time, and all
/// else by one.
final class CandidateSessions: CandidateProcess {
    private let sessions: [any CandidateProcess]

    init(_ sessions: [any CandidateProcess]) { self.sessions = sessions }

    func execute(_ spec: AttemptSpec) -> AttemptResult {
        guard case .measure(let files) = spec.work, case .speed = files.question else { return sessions[0].execute(spec) }
        let answers = Mutex<[AttemptResult]>([])
        let ended = DispatchSemaphore(value: 0)
        for session in sessions {
            let thread = Thread {
                let answer = session.execute(spec)
                answers.withLock { $0.append(answer) }
                ended.signal()
            }
            thread.name = "session"
            thread.start()
        }
        for _ in sessions { ended.wait() }
        return Self.together(answers.withLock { $0 })
    }

    /// Returns what sessions did together; the failure of one is that of all.
    private static func together(_ answers: [AttemptResult]) -> AttemptResult {
        if let failed = answers.first(where: { $0.failure != nil }) { return failed }
        var result = answers[0]
        result.measurement = answers.compactMap(\.measurement).together
        return result
    }
}
