package import ArgumentParser

package struct Inspect: ComputingCommand {
    package static let configuration = CommandConfiguration(
        abstract: "Print a model's inputs, outputs, opset, parameter count, bytes, operators and metadata.")

    @Argument(help: "An ONNX model.", completion: .file()) package var model: String
    @OptionGroup package var output: JSONFlag

    package init() {}
}
