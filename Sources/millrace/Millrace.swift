import ArgumentParser
import Attempts
import Terminal

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
                subcommands: [Status.self, Runs.self, Explain.self, Events.self, Models.self, Check.self, Doctor.self]),
            CommandGroup(
                name: "What to change",
                subcommands: [
                    Retry.self, Replay.self, Forget.self, Activate.self, Pause.self, Resume.self, Stop.self, Rebuild.self, Prune.self,
                ]),
            CommandGroup(name: "More machines", subcommands: [Worker.self]),
            CommandGroup(name: "Signatures", subcommands: [Keys.self, Sign.self, Verify.self]),
            CommandGroup(
                name: "One file, without a daemon",
                subcommands: [Inspect.self, Diff.self, Reserialize.self, Forward.self, Bench.self]),
            CommandGroup(
                name: "Making a model better, without a daemon",
                subcommands: [Optimize.self, Merge.self, Backward.self, GradientsCommand.self]),
        ])

    static func main() async {
        StandardStreams.prepare()
        ComputingCommands.perform = { _ in try WorkerHandover.now() }
        await runAsynchronouslyFromCommandLine()
    }
}
