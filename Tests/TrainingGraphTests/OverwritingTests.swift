import ONNX
import Recipes
import Tensors
import Testing

@testable import TrainingGraph

/// Where a step may write a value over the one that it read.
struct OverwritingTests {
    struct Case: Sendable, CustomStringConvertible {
        let description: String
        let nodes: [Node]
        let isAllowed: Bool
    }

    private static let branch = Graph(
        name: "branch", nodes: [Node("Neg", ["m"], ["negated"])], inputs: [], outputs: [Value("negated", .tensor(.float32, [2] as Shape))])

    static let cases = [
        Case(
            description: "read on the way", nodes: [Node("Mul", ["m", "b"], ["t"]), Node("Add", ["t", "g"], ["next"])], isAllowed: true),
        Case(
            description: "read twice on the way",
            nodes: [
                Node("Mul", ["m", "m"], ["t"]), Node("Exp", ["m"], ["u"]), Node("Mul", ["t", "g"], ["v"]),
                Node("Sub", ["u", "v"], ["next"]),
            ],
            isAllowed: true),
        Case(description: "element by element", nodes: [Node("Add", ["g", "m"], ["next"])], isAllowed: true),
        Case(description: "not element by element", nodes: [Node("CumSum", ["m", "b"], ["next"])], isAllowed: false),
        Case(
            description: "read beside the way",
            nodes: [Node("Mul", ["m", "b"], ["t"]), Node("Add", ["t", "g"], ["next"]), Node("Exp", ["m"], ["other"])],
            isAllowed: false),
        Case(
            description: "read beside the way, before",
            nodes: [Node("Mul", ["m", "b"], ["t"]), Node("Sub", ["t", "b"], ["other"]), Node("Add", ["g", "b"], ["next"])], isAllowed: false
        ),
        Case(
            description: "read in a branch beside the way",
            nodes: [
                Node("Mul", ["m", "b"], ["t"]), Node("Add", ["t", "g"], ["next"]),
                Node("If", ["c"], ["other"], [Attribute("then_branch", .graph(branch)), Attribute("else_branch", .graph(branch))]),
            ], isAllowed: false),
        Case(
            description: "made by a branch that reads it",
            nodes: [Node("If", ["c"], ["next"], [Attribute("then_branch", .graph(branch)), Attribute("else_branch", .graph(branch))])],
            isAllowed: false),
        Case(description: "of another domain", nodes: [Node("Add", ["m", "g"], ["next"], domain: "com.example")], isAllowed: false),
        Case(description: "not read", nodes: [Node("Add", ["g", "b"], ["next"])], isAllowed: true),
        Case(description: "not made", nodes: [Node("Add", ["m", "b"], ["other"])], isAllowed: false),
    ]

    @Test(arguments: cases) func allNodesThatReadLeadToTheOneThatWrites(_ test: Case) {
        let type = ValueType.tensor(.float32, [2] as Shape)
        let graph = Graph(
            name: "update", nodes: test.nodes, inputs: ["m", "g", "b", "c"].map { Value($0, type) },
            outputs: ["next", "other"].map { Value($0, type) })
        #expect(Overwriting(graph).allows("m", "next") == test.isAllowed)
    }

    /// Lion reads a moment for two ends, but for those of parameters that are joined, which are copied first; what is accumulated is made
    /// by a branch.
    @Test(arguments: OptimizerTests.cases) func stateOfAnOptimizerIsInMemoryOnce(_ test: OptimizerTests.Case) throws {
        let recipe = GradientDescent(loss: .crossEntropy(), optimizer: test.optimizer, learningRate: 1e-3, weightDecay: test.decay) {
            $0.clipNorm = test.clipNorm
            $0.average = test.average
        }
        let graph = try StepGraph(SmallNet.make(), recipe)
        #expect(graph.slots.allSatisfy { $0.isOverwritable == ($0.kind == .state && (test.name != "lion" || $0.shape.rank == 1)) })
        var accumulating = recipe
        accumulating.accumulate = 2
        #expect(try StepGraph(SmallNet.make(), accumulating).slots.allSatisfy { !$0.isOverwritable })
    }
}
