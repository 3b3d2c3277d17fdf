package import ArgumentParser

package struct Reserialize: ComputingCommand {
    package static let configuration = CommandConfiguration(
        abstract: "Read a model and write it again: the same bytes where its fields stood in canonical order.")

    @Argument(help: "An ONNX model.", completion: .file()) package var input: String
    @Argument(help: "Where to write it; must not exist. Above 2 GiB the weights go beside it as OUT.data.", completion: .file())
    package var output: String

    package init() {}
}
