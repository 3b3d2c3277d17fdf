import Autodiff
import ConformanceSupport
import Engine
import ONNX
import Tensors
import Testing

@Suite struct DropoutTests {
    /// What is dropped differs from run to run, so that differences say nothing; but `y = x m` and `dx = dy m` have the same `m`.
    @Test(arguments: [true, false]) func theGradientPassesWhatTheForwardKept(training: Bool) throws {
        let graph = Graph(
            name: "g", nodes: [Node("Dropout", ["x", "ratio", "training"], ["y"], [int("seed", 5)])],
            inputs: [Value("x", .tensor(.float32, [400])), Value("seed", .tensor(.float32, [400])), Value("training", .tensor(.bool, []))],
            outputs: [Value("y", .tensor(.float32, [400]))], initializers: [StoredTensor("ratio", .float32, [], [0.3] as [Float])])
        var model = Model(operatorSets: [OperatorSet(domain: "", version: 21)], graph: graph)
        let gradients = try ReverseMode.append(to: &model, seeds: ["y": "seed"], for: ["x"])
        model.graph.outputs.append(Value(try #require(gradients["x"]), .tensor(.float32, [400])))
        let session = try Session(model: model.serialized())
        let x = [Float](repeating: 2, count: 400), seed = (0..<400).map { Float($0) + 1 }
        let results = try session.run([
            Tensor(.float32, [400], x), Tensor(.float32, [400], seed), Tensor(.bool, [], [training ? 1 : 0] as [UInt8]),
        ])
        let y = try #require(results[0].tensor?.values(as: Float.self)), gradient = try #require(results[1].tensor?.values(as: Float.self))
        for position in 0..<400 { #expect(abs(gradient[position] - seed[position] * y[position] / 2) < 1e-2) }
        let dropped = y.count { $0 == 0 }
        #expect(training ? (60...180).contains(dropped) : dropped == 0)
    }
}
