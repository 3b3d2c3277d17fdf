import ArgumentParser
import ONNX

struct Reserialize: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Read a model and write it again: the same bytes where its fields stood in canonical order.")

    @Argument(help: "An ONNX model.", completion: .file()) var input: String
    @Argument(help: "Where to write it; must not exist. Above 2 GiB the weights go beside it as OUT.data.", completion: .file())
    var output: String

    func run() throws {
        let model = try loadedModel(input)
        do {
            try model.write(to: output)
        } catch {
            throw fail(error)
        }
    }
}
