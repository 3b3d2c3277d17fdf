import ArgumentParser
import ONNX

struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print a model's inputs, outputs, opset, parameter count, bytes, operators and metadata.")

    @Argument(help: "An ONNX model.") var model: String
    @OptionGroup var output: JSONFlag

    func run() throws {
        do {
            let inspection = try Model.load(path: model).inspection()
            output.json ? try printJSON(inspection) : print(inspection)
        } catch let error as ONNXError {
            throw fail("\(model): \(error)")
        }
    }
}
