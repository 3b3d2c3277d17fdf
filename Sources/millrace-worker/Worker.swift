import ArgumentParser
import Attempts
import Foundation
import Terminal

/// Runs the program that computes: it links the engine and Arrow, which `millrace` does not.
@main
struct Worker: ParsableCommand {
    // Its commands are those of millrace, which starts it, and are shown under that name.
    static let configuration = CommandConfiguration(
        commandName: "millrace", abstract: "Computes for millrace, which starts it.", version: toolVersion,
        subcommands: [
            Serve.self, Initialize.self, LintCommand.self, Inspect.self, Reserialize.self, Forward.self, Optimize.self, Merge.self,
            Backward.self, GradientsCommand.self, Bench.self, Diff.self,
        ])

    static func main() {
        StandardStreams.prepare()
        // This must come before Arrow is first used, whose own pool keeps what is freed: 11 MiB over a large file. A choice of the operator
        // stays.
        setenv("ARROW_DEFAULT_MEMORY_POOL", "system", 0)
        ComputingCommands.perform = { command in
            guard let command = command as? any Computes else { fatalError("nothing computes \(type(of: command))") }
            try command.compute()
        }
        runFromCommandLine()
    }
}

/// Describes a command that this program computes.
protocol Computes: ComputingCommand {
    func compute() throws
}
