import ArgumentParser
import Attempts
import Foundation
import Reports
import Runner

/// The command that executors start: reads a spec, touches only the files that it names, writes the answer.
struct AttemptCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "attempt", abstract: "Run one attempt from its spec and write its result; for executors.")

    @Argument(help: "The spec, a JSON file.", completion: .file()) var spec: String
    @Argument(help: "Where to write the result, a JSON file.", completion: .file()) var result: String

    func run() throws {
        let read: AttemptSpec
        do {
            read = try JSONDecoder().decode(AttemptSpec.self, from: Data(contentsOf: URL(fileURLWithPath: spec)))
        } catch {
            throw fail("\(spec): not an attempt's spec: \(error)", ExitStatus.badConfiguration)
        }
        let answer = LocalExecutor(sessionBytes: 0).execute(read, cancellation: AttemptCancellation())
        try JSONEncoder().encode(answer).write(to: URL(fileURLWithPath: result), options: .atomic)
    }
}
