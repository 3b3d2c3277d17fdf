import Autodiff
import ONNX
import Tensors
import Testing

/// Variants of operators with a gradient that have none, and say what to do.
@Suite struct RefusedVariantTests {
    private func refusal(
        _ operatorType: String, _ inputs: [(Shape, ElementType)], _ attributes: [Attribute], outputs: Int = 1, opset: Int64 = 22
    ) -> String {
        let names = inputs.indices.map { "x\($0)" }, results = (0..<outputs).map { "y\($0)" }
        let graph = Graph(
            name: "g", nodes: [Node(operatorType, names, results, attributes)],
            inputs: zip(names, inputs).map { Value($0, .tensor($1.1, $1.0)) } + results.map { Value("d" + $0, .tensor(.float32, nil)) },
            outputs: results.map { Value($0, .tensor(.float32, nil)) })
        var model = Model(operatorSets: [OperatorSet(domain: "", version: opset)], graph: graph)
        let seeds = Dictionary(uniqueKeysWithValues: results.map { ($0, "d" + $0) })
        let error = #expect(throws: AutodiffError.self) { try ReverseMode.append(to: &model, seeds: seeds, for: [names[0]]) }
        return error.map { "\($0)" } ?? ""
    }

    private func recurrent(_ operatorType: String, _ gates: Int, _ attributes: [Attribute], directions: Int = 1) -> String {
        let weights: Shape = [directions, gates * 3, 3]
        return refusal(
            operatorType, [([4, 2, 3], .float32), (weights, .float32), (weights, .float32)],
            [int("hidden_size", 3), string("direction", directions == 2 ? "bidirectional" : "forward")] + attributes)
    }

    @Test func activationsWhoseNumbersTheEngineAndTheStandardReadDifferently() {
        func names(_ values: String...) -> Attribute { strings("activations", values) }
        let alpha = "state activation_alpha"
        #expect(recurrent("LSTM", 4, [names("Sigmoid", "ScaledTanh", "Tanh")]).contains(alpha))
        #expect(recurrent("LSTM", 4, [names("Sigmoid", "ThresholdedRelu", "Tanh")]).contains(alpha))
        #expect(
            recurrent("GRU", 3, [names("Affine", "Tanh"), Attribute("activation_alpha", .floats([1]))]).contains("state activation_beta"))
        #expect(recurrent("RNN", 1, [names("LeakyRelu")]).contains(alpha))
        // A second direction reads the second number, where the standard gives it the first.
        let one = [names("Tanh", "LeakyRelu"), Attribute("activation_alpha", .floats([0.2]))]
        #expect(recurrent("RNN", 1, one, directions: 2).contains("by direction"))
        // Here RNN takes tanh for what it does not know.
        #expect(recurrent("RNN", 1, [names("sigmoid")]).contains("write Sigmoid"))
        #expect(recurrent("GRU", 3, [names("Gelu", "Tanh")]).contains("none of the standard's"))
        #expect(recurrent("LSTM", 4, [float("clip", 0)]).contains("clips at 0"))
    }
}
