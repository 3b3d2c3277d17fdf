package import ArgumentParser

package struct LintCommand: ComputingCommand {
    package static let configuration = CommandConfiguration(
        commandName: "lint",
        abstract: "Say what is wrong with pipeline files, each problem with file:line:column; with --model, also what keeps them from "
            + "scoring with it.",
        discussion: "Ends with 0 where nothing is, else with 2.")

    @Argument(help: "Pipeline files, folders of them, or globs. Default: ROOT/pipelines.", completion: .file()) package var pipelines:
        [String] = []
    @Option(name: .long, help: ArgumentHelp("A model to hold them against, as if it arrived.", valueName: "model"), completion: .file())
    package var model: String?
    @OptionGroup package var root: RootOption
    @OptionGroup package var output: JSONFlag

    package init() {}
}
