import ONNX
import Tensors

extension GradientRows {
    /// X `[5, 3, 2]`, with weights, biases, lengths and states as asked.
    private static func layer(
        _ operatorType: String, gates: Int, _ variant: String, direction: String = "forward", bias: Bool = true, lengths: [Int64]? = nil,
        states: Bool = false, peepholes: Bool = false, seeded: [Int]? = nil, _ attributes: [Attribute] = []
    ) -> GradientCase {
        let (steps, rows, inputs, hidden) = (5, 3, 2, 4)
        let directions = direction == "bidirectional" ? 2 : 1
        let narrow: ClosedRange<Double> = -0.9...0.9
        let state: Shape = [directions, rows, hidden]
        var operands: [Operand?] = [
            .float([steps, rows, inputs]), .float([directions, gates * hidden, inputs], narrow),
            .float([directions, gates * hidden, hidden], narrow), bias ? .float([directions, 2 * gates * hidden], narrow) : nil,
            lengths.map { .int32($0) },
        ]
        if states { operands += [.float(state)] + (gates == 4 ? [.float(state)] : []) }
        if peepholes {
            operands += [Operand?](repeating: nil, count: 7 - operands.count)
            operands.append(.float([directions, 3 * hidden], narrow))
        }
        while operands.last.map({ $0 == nil }) ?? false { operands.removeLast() }
        return row(operatorType, operands, [int("hidden_size", Int64(hidden)), string("direction", direction)] + attributes, variant) {
            $0.outputCount = gates == 4 ? 3 : 2
            $0.seeded = seeded
            $0.opset = 22
            $0.isSingleOnly = true
            $0.openness = .everything
        }
    }

    static let recurrentLayers: [GradientCase] = [
        layer("LSTM", gates: 4, "forward"),
        layer("LSTM", gates: 4, "reverse, no biases", direction: "reverse", bias: false),
        layer("LSTM", gates: 4, "both directions, first states", direction: "bidirectional", states: true),
        layer("LSTM", gates: 4, "all steps only", states: true, seeded: [0]),
        layer("LSTM", gates: 4, "last state only", seeded: [1]),
        layer("LSTM", gates: 4, "last cell only", seeded: [2]),
        layer("LSTM", gates: 4, "lengths", lengths: [5, 2, 3], states: true),
        layer("LSTM", gates: 4, "lengths in both directions", direction: "bidirectional", lengths: [5, 2, 3], states: true),
        layer("LSTM", gates: 4, "peepholes", peepholes: true),
        layer("LSTM", gates: 4, "peepholes, lengths in both directions", direction: "bidirectional", lengths: [5, 2, 3], states: true, peepholes: true),
        layer("LSTM", gates: 4, "peepholes, last cell only", peepholes: true, seeded: [2]),
        layer("LSTM", gates: 4, "coupled gates", states: true, [int("input_forget", 1)]),
        layer("LSTM", gates: 4, "coupled gates with peepholes", states: true, peepholes: true, [int("input_forget", 1)]),
        layer("GRU", gates: 3, "forward"),
        layer("GRU", gates: 3, "linear before reset", states: true, [int("linear_before_reset", 1)]),
        layer("GRU", gates: 3, "both directions, linear before reset", direction: "bidirectional", states: true, [int("linear_before_reset", 1)]),
        layer("GRU", gates: 3, "both directions", direction: "bidirectional", states: true),
        layer("GRU", gates: 3, "reverse with lengths", direction: "reverse", lengths: [1, 5, 3], states: true),
        layer("GRU", gates: 3, "last state only, no biases", bias: false, seeded: [1]),
        layer("RNN", gates: 1, "forward"),
        layer("RNN", gates: 1, "both directions with lengths", direction: "bidirectional", lengths: [4, 5, 2], states: true),
        layer("RNN", gates: 1, "sigmoid", [strings("activations", ["Sigmoid"])]),
        layer("RNN", gates: 1, "an activation for each direction", direction: "bidirectional", [strings("activations", ["Sigmoid", "Tanh"])]),
    ]
}
