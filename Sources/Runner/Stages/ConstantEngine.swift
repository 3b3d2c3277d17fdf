import Engine
import ONNX
import Passes
import Tensors

/// Computes constants of a graph in ONNX Runtime, which is where the model runs too.
enum ConstantEngine {
    static let evaluate: ConstantEvaluator = { model in
        guard let bytes = try? model.serialized(), let session = try? Session(model: bytes, options: SessionOptions(optimization: .none)),
            let values = try? session.run([] as [(name: String, value: EngineValue)])
        else { return nil }
        var tensors: [Tensor] = []
        for value in values {
            guard case .tensor(let tensor) = value else { return nil }
            tensors.append(tensor)
        }
        return tensors
    }
}
