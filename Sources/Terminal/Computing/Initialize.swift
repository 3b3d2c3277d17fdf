package import ArgumentParser

package struct Initialize: ComputingCommand {
    package static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Write a first pipeline, fitted to a model and its data, and make its folders.")

    @Argument(help: "An ONNX model.", completion: .file()) package var model: String
    @Argument(help: "A data file like those that will be dropped.", completion: .file()) package var data: String?
    @Option(name: .long, help: "The pipeline's name. Default: the model's file name.") package var name: String?
    @OptionGroup package var root: RootOption
    @Flag(name: .long, help: "Replace a pipeline file that is there.") package var force = false

    package init() {}
}
