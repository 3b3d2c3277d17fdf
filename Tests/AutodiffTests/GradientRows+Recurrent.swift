import ONNX
import Tensors

extension GradientRows {
    /// X `[5, 3, 2]`, with weights, biases, lengths and states as asked. With `levels` the arguments of gates lie near these numbers, in
    /// turn: weights are small and biases large, so that none of them comes near a kink.
    private static func layer(
        _ operatorType: String, gates: Int, _ variant: String, direction: String = "forward", bias: Bool = true, lengths: [Int64]? = nil,
        states: Bool = false, peepholes: Bool = false, seeded: [Int]? = nil, levels: [Double] = [],
        _ attributes: [Attribute] = []
    ) -> GradientCase {
        let (steps, rows, inputs, hidden) = (5, 3, 2, 4)
        let directions = direction == "bidirectional" ? 2 : 1
        let narrow: ClosedRange<Double> = levels.isEmpty ? -0.9...0.9 : -0.2...0.2
        let state: Shape = [directions, rows, hidden]
        var operands: [Operand?] = [
            .float([steps, rows, inputs]), .float([directions, gates * hidden, inputs], narrow),
            .float([directions, gates * hidden, hidden], narrow), bias ? .float([directions, 2 * gates * hidden], narrow) : nil,
            lengths.map { .int32($0) },
        ]
        if !levels.isEmpty {
            let count = 2 * gates * hidden
            // The biases of the states stay away.
            let values = (0..<directions * count).map { $0 % count < count / 2 ? levels[$0 % levels.count] : 0 }
            operands[3] = .numbers([directions, count], values)
        }
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
            $0.openness = .ranks
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
        layer(
            "LSTM", gates: 4, "peepholes, lengths in both directions", direction: "bidirectional", lengths: [5, 2, 3], states: true,
            peepholes: true),
        layer("LSTM", gates: 4, "peepholes, last cell only", peepholes: true, seeded: [2]),
        layer("LSTM", gates: 4, "coupled gates", states: true, [int("input_forget", 1)]),
        layer("LSTM", gates: 4, "coupled gates with peepholes", states: true, peepholes: true, [int("input_forget", 1)]),
        layer("GRU", gates: 3, "forward"),
        layer("GRU", gates: 3, "linear before reset", states: true, [int("linear_before_reset", 1)]),
        layer(
            "GRU", gates: 3, "both directions, linear before reset", direction: "bidirectional", states: true,
            [int("linear_before_reset", 1)]),
        layer("GRU", gates: 3, "both directions", direction: "bidirectional", states: true),
        layer("GRU", gates: 3, "reverse with lengths", direction: "reverse", lengths: [1, 5, 3], states: true),
        layer("GRU", gates: 3, "last state only, no biases", bias: false, seeded: [1]),
        layer("RNN", gates: 1, "forward"),
        layer("RNN", gates: 1, "both directions with lengths", direction: "bidirectional", lengths: [4, 5, 2], states: true),
        layer("RNN", gates: 1, "sigmoid", [strings("activations", ["Sigmoid"])]),
        layer(
            "RNN", gates: 1, "an activation for each direction", direction: "bidirectional", [strings("activations", ["Sigmoid", "Tanh"])]),
    ]

    private static func named(_ names: [String], alpha: [Float] = [], beta: [Float] = [], _ more: [Attribute] = []) -> [Attribute] {
        [strings("activations", names)] + (alpha.isEmpty ? [] : [Attribute("activation_alpha", .floats(alpha))])
            + (beta.isEmpty ? [] : [Attribute("activation_beta", .floats(beta))]) + more
    }

    /// Activations beside the usual ones, and arguments that are cut off.
    static let otherActivations: [GradientCase] = [
        layer("LSTM", gates: 4, "clipped", states: true, levels: [-1.5, 0, 1.5], [float("clip", 0.75)]),
        layer(
            "LSTM", gates: 4, "clipped, with peepholes and lengths", direction: "bidirectional", lengths: [5, 2, 3], states: true,
            peepholes: true, levels: [-1.8, 0, 1.8], [float("clip", 0.9)]),
        layer(
            "LSTM", gates: 4, "clipped, coupled gates", peepholes: true, levels: [-1.8, 0, 1.8],
            [float("clip", 0.9), int("input_forget", 1)]),
        layer(
            "LSTM", gates: 4, "HardSigmoid, Softsign, ScaledTanh", levels: [-3.5, 0, 3.5],
            named(["HardSigmoid", "Softsign", "ScaledTanh"], alpha: [0.25, 0.8], beta: [0.5, 1.5])),
        layer("LSTM", gates: 4, "HardSigmoid's own numbers", levels: [-3.5, 0, 3.5], named(["HardSigmoid", "Tanh", "Tanh"])),
        layer(
            "LSTM", gates: 4, "Relu, LeakyRelu, Softplus", states: true, levels: [-1.4, 1.4, -1.4],
            named(["Relu", "LeakyRelu", "Softplus"])),
        layer(
            "LSTM", gates: 4, "Sigmoid, Elu, Affine with peepholes", peepholes: true, levels: [-1.4, 1.4, 1.4],
            named(["Sigmoid", "Elu", "Affine"], alpha: [0.7, 1.2], beta: [0.3])),
        layer(
            "LSTM", gates: 4, "ThresholdedRelu in one direction only", direction: "bidirectional", levels: [-1.2, 2],
            named(["sigmoid", "tanh", "tanh", "Sigmoid", "ThresholdedRelu", "Softsign"], alpha: [0.4])),
        layer("GRU", gates: 3, "clipped", states: true, levels: [-1.5, 0, 1.5], [float("clip", 0.75)]),
        layer(
            "GRU", gates: 3, "clipped, linear before reset, reverse with lengths", direction: "reverse", lengths: [5, 2, 3], states: true,
            levels: [-1.5, 0, 1.5, 0], [float("clip", 0.75), int("linear_before_reset", 1)]),
        layer("GRU", gates: 3, "HardSigmoid, Softsign", states: true, levels: [-3.5, 0, 3.5], named(["HardSigmoid", "Softsign"])),
        layer(
            "GRU", gates: 3, "Softplus, ScaledTanh, linear before reset", levels: [-1, 0.5],
            named(["Softplus", "ScaledTanh"], alpha: [0.7], beta: [1.3], [int("linear_before_reset", 1)])),
        layer(
            "GRU", gates: 3, "others in each direction", direction: "bidirectional", states: true, levels: [-1.4, 1.4, 1.4],
            named(["Sigmoid", "Relu", "Affine", "Elu"], alpha: [0.3, 0.8], beta: [0.4])),
        layer(
            "GRU", gates: 3, "Sigmoid, ThresholdedRelu, clipped", levels: [-1.2, 1.2, -3.2, 3.2],
            named(["Sigmoid", "ThresholdedRelu"], alpha: [0.3], [float("clip", 2.2)])),
        layer("RNN", gates: 1, "clipped", states: true, levels: [-1.5, 0, 1.5], [float("clip", 0.75)]),
        layer("RNN", gates: 1, "Relu, both stated", states: true, levels: [-1.4, 1.4], named(["Relu", "Relu"])),
        layer(
            "RNN", gates: 1, "Relu in both directions, clipped", direction: "bidirectional", lengths: [5, 2, 3], levels: [-1.2, 1.2, 3.4],
            named(["Relu", "Relu"], [float("clip", 2.4)])),
        layer(
            "RNN", gates: 1, "a LeakyRelu for each direction", direction: "bidirectional", levels: [-1.4, 1.4],
            named(["LeakyRelu", "LeakyRelu"], alpha: [0.1, 0.4])),
        layer("RNN", gates: 1, "HardSigmoid", levels: [-3.5, 0, 3.5], named(["HardSigmoid"], alpha: [0.2], beta: [0.5])),
        layer("RNN", gates: 1, "ScaledTanh", named(["ScaledTanh"], alpha: [0.8], beta: [1.4])),
        layer("RNN", gates: 1, "Affine", named(["Affine"], alpha: [0.8], beta: [0.4])),
        layer("RNN", gates: 1, "Elu", levels: [-1.4, 1.4], named(["Elu"], alpha: [1.3])),
        layer("RNN", gates: 1, "ThresholdedRelu", levels: [-1.4, 2], named(["ThresholdedRelu"], alpha: [0.3])),
        layer("RNN", gates: 1, "Softsign", named(["Softsign"])),
        layer("RNN", gates: 1, "Softplus", named(["Softplus"])),
    ]
}
