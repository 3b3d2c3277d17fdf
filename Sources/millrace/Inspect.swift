import ArgumentParser
import ONNX

struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print a model's inputs, outputs, opset, parameter count, bytes, operators and metadata.")

    @Argument(help: "An ONNX model.", completion: .file()) var model: String
    @OptionGroup var output: JSONFlag

    func run() throws {
        let inspection = try loadedModel(model).inspection()
        output.json ? try printJSON(inspection) : print(inspection)
    }
}
