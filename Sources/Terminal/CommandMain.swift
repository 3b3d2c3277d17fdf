package import ArgumentParser
import Foundation
import PipelineConfig

extension ParsableCommand {
    /// Reads the command line and does what it says, on the calling thread. It works like ArgumentParser's own, but a command line that is
    /// wrong ends with the status that `README.md` of `millrace` promises, `--help` names the exit statuses, and a command fails where its
    /// output cannot be printed.
    package static func runFromCommandLine() -> Never {
        do {
            var command = try parsedCommandLine()
            try command.run()
        } catch {
            end(error)
        }
        StandardStreams.finish(0)
    }

    /// Does the same for programs with commands that are asynchronous.
    package static func runAsynchronouslyFromCommandLine() async -> Never {
        do {
            var command = try parsedCommandLine()
            if var command = command as? any AsyncParsableCommand { try await command.run() } else { try command.run() }
        } catch {
            end(error)
        }
        StandardStreams.finish(0)
    }

    private static func parsedCommandLine() throws -> any ParsableCommand {
        if let problem = unknownCommand(CommandLine.arguments.dropFirst().first) {
            exit(withError: fail(problem, ExitStatus.badConfiguration))
        }
        return try parseAsRoot()
    }

    private static func end(_ error: any Error) -> Never {
        let status = exitCode(for: error), text = fullMessage(for: error)
        if status == .success {
            let isHelp = text.hasPrefix("OVERVIEW:") || text.hasPrefix("USAGE:")
            if !text.isEmpty { print(isHelp ? text + "\n\n" + ExitStatus.help : text) }
        } else if !text.isEmpty {
            printError(text)
        }
        StandardStreams.finish(status == .validationFailure ? ExitStatus.badConfiguration.rawValue : status.rawValue)
    }

    /// Returns the fault of a command line whose first word is not a command.
    private static func unknownCommand(_ word: String?) -> String? {
        let groups = configuration.groupedSubcommands.flatMap(\.subcommands) + configuration.ungroupedSubcommands
        let names = groups.map { $0._commandName } + ["help"]
        guard let word, !word.hasPrefix("-"), !names.contains(word) else { return nil }
        let nearest = Spelling.nearest(to: word, in: names) ?? names.first { $0.hasPrefix(word) }
        return "there is no command \(word)" + (nearest.map { "; did you mean `millrace \($0)`?" } ?? "; `millrace --help` lists them")
    }
}
