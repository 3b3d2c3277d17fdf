import Attempts
import Foundation
import Reasons
import Runner

/// Runs an attempt as other executors do: `millrace attempt SPEC RESULT`, both JSON files, in a process of its own.
struct ChildProcessExecutor: AttemptExecutor {
    /// The path of the `millrace` binary.
    let executable: String
    /// An existing folder for spec and result files; each attempt removes its own.
    let workDirectory: String

    func execute(_ spec: AttemptSpec, control: AttemptControl) -> AttemptResult {
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
            return lost("the process could not be started: \(error.localizedDescription)")
        }
        child.waitUntilExit()
        guard let data = try? Data(contentsOf: resultFile), let result = try? JSONDecoder().decode(AttemptResult.self, from: data) else {
            return lost("the process ended by \(child.terminationStatus) without an answer")
        }
        return result
    }

    private func lost(_ what: String) -> AttemptResult {
        AttemptResult(failure: Failure(.executorLost, what: Reason(what), place: workDirectory, remedy: "See what it printed last."))
    }
}
