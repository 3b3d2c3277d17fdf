import ArgumentParser
import Daemon
import Foundation
import PipelineConfig

@main
struct Millrace: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "millrace",
        abstract: "A drop-folder pipeline for models: drop ONNX models and data files, get outputs and versioned models.",
        version: toolVersion,
        groupedSubcommands: [
            CommandGroup(name: "Pipelines", subcommands: [Run.self, Initialize.self, LintCommand.self, Plan.self]),
            CommandGroup(
                name: "What happens",
                subcommands: [Status.self, Runs.self, Explain.self, Events.self, Models.self, Check.self]),
            CommandGroup(
                name: "What to change",
                subcommands: [
                    Retry.self, Replay.self, Forget.self, Activate.self, Pause.self, Resume.self, Stop.self, Rebuild.self, Prune.self,
                ]),
            CommandGroup(name: "One file, without a daemon", subcommands: [Inspect.self, Reserialize.self, Forward.self]),
            CommandGroup(
                name: "Making a model better, without a daemon", subcommands: [Optimize.self, Merge.self, Backward.self, Gradients.self]),
            CommandGroup(name: "For executors", subcommands: [AttemptCommand.self]),
        ])

    /// Runs like ArgumentParser's own `main`, but a wrong command line ends with the status that `README.md` in this folder promises,
    /// `--help` names the exit statuses, and a command fails if its text cannot be printed.
    static func main() async {
        StandardStreams.prepare()
        // Before Arrow is first used: its own pool keeps what is freed, 11 MiB of it over a large file. What an operator chose stands.
        setenv("ARROW_DEFAULT_MEMORY_POOL", "system", 0)
        if let problem = unknownCommand(CommandLine.arguments.dropFirst().first) {
            exit(withError: fail(problem, ExitStatus.badConfiguration))
        }
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand { try await command.run() } else { try command.run() }
        } catch {
            let status = exitCode(for: error), text = fullMessage(for: error)
            if status == .success {
                let isHelp = text.hasPrefix("OVERVIEW:") || text.hasPrefix("USAGE:")
                if !text.isEmpty { print(isHelp ? text + "\n\n" + ExitStatus.help : text) }
            } else if !text.isEmpty {
                printError(text)
            }
            StandardStreams.finish(status == .validationFailure ? ExitStatus.badConfiguration.rawValue : status.rawValue)
        }
        StandardStreams.finish(0)
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
