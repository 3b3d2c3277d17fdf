import ONNX
import Tensors
import Testing

@testable import Passes

@Suite struct DepthFirstOrderTests {
    /// Two layers, a mask from each, and what is done to each layer's parameter, in the order in which a backward pass makes them.
    private static let nodes = [
        Node("Mul", ["x", "w1"], ["y1"]), Node("Mul", ["y1", "w2"], ["y2"]),
        Node("Neg", ["y2"], ["d2"]), Node("Sign", ["y1"], ["mask"]), Node("Mul", ["d2", "w2"], ["d1"]),
        Node("Mul", ["d1", "mask"], ["d0"]),
        Node("Add", ["w1", "d0"], ["n1"]), Node("Add", ["w2", "d2"], ["n2"]),
    ]

    private static func model() -> Model {
        SmallModel(
            opset: 21, nodes, inputs: [("x", ramp([3])), ("w1", ramp([3])), ("w2", ramp([3]))],
            outputs: [("n1", .float32), ("n2", .float32)]
        ).model
    }

    @Test func endsStandLastTheDeepestFirstAndOthersByDepth() throws {
        var model = Self.model()
        #expect(DepthFirstOrder().run(&model))
        #expect(model.graph.nodes.map { $0.outputs[0] } == ["y1", "y2", "mask", "d2", "d1", "d0", "n1", "n2"])
        #expect(!DepthFirstOrder().run(&model))
        // Told the other way about, it comes out the same but for what is equally deep.
        model.graph.nodes.swapAt(6, 7)
        #expect(DepthFirstOrder().run(&model))
        #expect(model.graph.nodes.suffix(2).map { $0.outputs[0] } == ["n1", "n2"])
    }

    @Test func whatASubgraphReadsIsMadeBefore() throws {
        let branch = Graph(name: "b", nodes: [Node("Neg", ["deep"], ["o"])], outputs: [Value("o", .tensor(.float32, [3]))])
        var model = SmallModel(
            opset: 21,
            [
                Node("Neg", ["x"], ["a"]), Node("Neg", ["a"], ["deep"]),
                Node("If", ["c"], ["y"], [Attribute("then_branch", .graph(branch)), Attribute("else_branch", .graph(branch))]),
                Node("Neg", ["x"], ["z"]),
            ], inputs: [("x", ramp([3])), ("c", Tensor(.bool, [], [1] as [UInt8]))], outputs: [("y", .float32), ("z", .float32)]
        ).model
        try ([DepthFirstOrder()] as PassList).run(&model)
        #expect(model.graph.nodes.map { $0.outputs[0] } == ["a", "deep", "y", "z"])
    }
}
