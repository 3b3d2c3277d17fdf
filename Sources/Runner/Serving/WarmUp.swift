package import Engine
package import Machine
import ONNX
import Tensors

/// Runs a small model on an engine and compares the outputs, which shows that the engine works in a process that is confined: an engine
/// that cannot read what it wants to know of the machine may compute with the wrong kernels, or not at all.
package enum WarmUp {
    /// The rows of the model's input, of which each output is the sum of the columns and 1, or 0 where that is negative.
    private static let rows: [Float] = [1, 2, 3, -4, -5, -6], sums: [Float] = [7, 0]

    /// What is wrong with the second engine, which is loaded for this; nil where nothing is. It is tried once.
    static let fault: EngineError? = {
        do throws(EngineError) { try run(on: .openVINO(.float32)) } catch { return error }
        return nil
    }()

    package static func run(on engine: EngineChoice = .onnxRuntime) throws(EngineError) {
        let column = ValueType.tensor(.float32, [.symbolic("N"), .fixed(1)]), row = ValueType.tensor(.float32, [.symbolic("N"), .fixed(3)])
        let graph = Graph(
            name: "warm-up",
            nodes: [Node("MatMul", ["x", "w"], ["p"]), Node("Add", ["p", "b"], ["s"]), Node("Relu", ["s"], ["y"])],
            inputs: [Value("x", row)], outputs: [Value("y", column)],
            initializers: [StoredTensor("w", .float32, [3, 1], [1, 1, 1] as [Float]), StoredTensor("b", .float32, [1], [1] as [Float])])
        let model = Model(irVersion: 8, operatorSets: [OperatorSet(domain: "", version: 17)], graph: graph)
        guard let bytes = try? model.serialized() else { throw .engine("the model that warms it up cannot be written") }
        var options = SessionOptions()
        options.engine = engine
        let session = try Session(model: bytes, options: options)
        let outputs = try session.run([("x", .tensor(Tensor(.float32, [2, 3], rows)))])
        guard case .tensor(let tensor)? = outputs.first, tensor.values(as: Float.self) == sums else {
            throw .engine("\(engine.name.versionedName) computes something else for a small model than it does elsewhere")
        }
    }
}
