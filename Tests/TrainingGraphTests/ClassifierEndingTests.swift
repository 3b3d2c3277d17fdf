import ONNX
import Tensors
import Testing

@testable import TrainingGraph

/// What the operators at the end of a model of `ai.onnx.ml` show of its scores.
@Suite struct ClassifierEndingTests {
    private func ending(_ nodes: [Node], domain: String = "ai.onnx.ml") -> ClassifierEnding {
        let rows = ValueType.tensor(.float32, [.symbolic("N")])
        let graph = Graph(name: "g", nodes: nodes, inputs: [Value("x", rows)], outputs: [Value("y", rows)])
        return ClassifierEnding(
            Model(operatorSets: [OperatorSet(domain: "", version: 17), OperatorSet(domain: domain, version: 3)], graph: graph))
    }

    @Test func theOperatorsShowWhetherAValueIsNeverNegative() {
        #expect(ending([Node("Exp", ["x"], ["e"]), Node("Add", ["e", "e"], ["y"])]).isNeverNegative("y"))
        #expect(!ending([Node("Exp", ["x"], ["e"]), Node("Add", ["e", "x"], ["y"])]).isNeverNegative("y"))
        #expect(!ending([Node("Exp", ["x"], ["y"])], domain: "other").isNeverNegative("y"))
    }

    /// Each value is looked at once, also where one is used twice in each of 60 nodes, which are 2^60 ways to the first.
    @Test func aValueThatManyUseIsLookedAtOnce() {
        let sums = (0..<60).map { Node("Add", ["v\($0)", "v\($0)"], [$0 == 59 ? "y" : "v\($0 + 1)"]) }
        #expect(ending([Node("Abs", ["x"], ["v0"])] + sums).isNeverNegative("y"))
        #expect(!ending([Node("Neg", ["x"], ["v0"])] + sums).isNeverNegative("y"))
    }
}
