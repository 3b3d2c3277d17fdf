import Foundation
import Reasons

/// Runs an attempt in a child: `millrace attempt SPEC RESULT`, both JSON files in a private directory. The child touches only the files
/// that the spec names, and a child that crashes takes nothing with it.
package struct ChildProcessExecutor: AttemptExecutor {
    private let executable: String
    private let workDirectory: String

    /// - Parameters:
    ///   - executable: the path of the `millrace` binary.
    ///   - workDirectory: an existing directory for spec and result files; each attempt removes its own.
    package init(executable: String, workDirectory: String) {
        self.executable = executable
        self.workDirectory = workDirectory
    }

    package func execute(_ spec: AttemptSpec, control: AttemptControl) -> AttemptResult {
        let cancellation = control.cancellation
        let stem = "\(workDirectory)/\(spec.run)-\(spec.attempt)"
        let specFile = URL(fileURLWithPath: stem + ".spec.json")
        let resultFile = URL(fileURLWithPath: stem + ".result.json")
        defer {
            try? FileManager.default.removeItem(at: specFile)
            try? FileManager.default.removeItem(at: resultFile)
        }
        let child = Process()
        child.executableURL = URL(fileURLWithPath: executable)
        child.arguments = ["attempt", specFile.path, resultFile.path]
        child.standardInput = FileHandle.nullDevice
        do {
            try JSONEncoder().encode(spec).write(to: specFile)
            try child.run()
        } catch {
            return lost("the worker process could not be started: \(error.localizedDescription)", spec)
        }
        let watchdog = Watchdog(seconds: spec.limits.seconds) { child.terminate() }
        cancellation.withHandler({ child.terminate() }) { child.waitUntilExit() }
        watchdog.stop()
        if let cause = cancellation.cause { return AttemptResult(failure: .cancelled(spec, by: cause)) }
        if watchdog.hasFired { return AttemptResult(failure: .timeLimit(spec)) }
        guard let data = try? Data(contentsOf: resultFile), let result = try? JSONDecoder().decode(AttemptResult.self, from: data) else {
            let how = child.terminationReason == .uncaughtSignal ? "signal" : "exit status"
            return lost("the worker process ended by \(how) \(child.terminationStatus) without an answer", spec)
        }
        return result
    }

    private func lost(_ what: String, _ spec: AttemptSpec) -> AttemptResult {
        AttemptResult(
            failure: Failure(
                .executorLost, what: Reason(what), place: spec.place, remedy: "See the log for what the worker printed last."))
    }
}

extension Failure {
    static func cancelled(_ spec: AttemptSpec, by cause: AttemptCancellation.Cause) -> Failure {
        switch cause {
        case .takenBack: Failure(.cancelled, what: "the attempt was taken back", place: spec.place, remedy: "It runs again.")
        case .stopped:
            Failure(
                .stopped, what: "an operator stopped it", place: spec.place,
                remedy: "`millrace retry` does it again.")
        }
    }

    static func timeLimit(_ spec: AttemptSpec) -> Failure {
        Failure(
            .timeLimit, what: "the attempt took longer than limits.time (\(spec.limits.seconds ?? 0) s)", place: spec.place,
            remedy: "Raise limits.time, or split the file.")
    }
}
