import ArgumentParser
import ONNX
import Terminal

extension Reserialize: Computes {
    func compute() throws {
        let model = try loadedModel(input)
        do {
            try model.write(to: output)
        } catch {
            throw fail(error)
        }
    }
}
