import ArgumentParser

@main
struct Millrace: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "millrace",
        abstract: "A drop-folder pipeline for models: drop ONNX models and data files, get outputs and versioned models.",
        version: "0.1.0",
        groupedSubcommands: [
            CommandGroup(name: "Pipelines", subcommands: [Run.self, Initialize.self, LintCommand.self, Plan.self]),
            CommandGroup(
                name: "What happens",
                subcommands: [Status.self, Runs.self, Explain.self, Events.self, Models.self, Check.self]),
            CommandGroup(
                name: "What to change", subcommands: [Retry.self, Replay.self, Activate.self, Pause.self, Resume.self]),
            CommandGroup(name: "One file, without a daemon", subcommands: [Inspect.self, Reserialize.self, Forward.self]),
            CommandGroup(name: "For executors", subcommands: [AttemptCommand.self]),
        ])
}
