import ArgumentParser
import Attempts
import Foundation
import Terminal

/// The program that computes: it links the engine and Arrow, which `millrace` does not.
@main
struct Worker: ParsableCommand {
    // Its commands are those of millrace, which starts it, and are shown under that name.
    static let configuration = CommandConfiguration(
        commandName: "millrace", abstract: "Computes for millrace, which starts it.", version: toolVersion,
        subcommands: [
            Serve.self, Initialize.self, LintCommand.self, Inspect.self, Reserialize.self, Forward.self, Optimize.self, Merge.self,
            Backward.self, GradientsCommand.self,
        ])

    static func main() {
        StandardStreams.prepare()
        // Before Arrow is first used: its own pool keeps what is freed, 11 MiB of it over a large file. What an operator chose stands.
        setenv("ARROW_DEFAULT_MEMORY_POOL", "system", 0)
        ComputingCommands.perform = { command in
            guard let command = command as? any Computes else { fatalError("nothing computes \(type(of: command))") }
            try command.compute()
        }
        runFromCommandLine()
    }
}

/// A command that this program computes.
protocol Computes: ComputingCommand {
    func compute() throws
}
