import ArgumentParser
import ONNX
import Terminal

extension Inspect: Computes {
    func compute() throws {
        let inspection = try loadedModel(model).inspection()
        output.json ? try printJSON(inspection) : print(inspection)
    }
}
