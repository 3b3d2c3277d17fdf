import ONNX
import Recipes
import Tensors
import Testing

@testable import Passes

@Suite struct SharingTests {
    private let x = ("x", ramp([2, 80]))

    private func sums(_ weights: [(String, Tensor)], type: ElementType = .float32) -> SmallModel {
        var nodes: [Node] = []
        var last = "x"
        for (index, weight) in weights.enumerated() {
            nodes.append(Node("Add", [last, weight.0], [index == weights.count - 1 ? "y" : "s\(index)"]))
            last = "s\(index)"
        }
        let input = type == .float32 ? x.1 : Tensor(zeros: type, shape: [2, 80])!
        return SmallModel(opset: 17, nodes, inputs: [("x", input)], initializers: weights, outputs: [("y", type)])
    }

    // MARK: Constants

    @Test func equalConstantsAreStoredOnce() throws {
        let form = try Deployed(sums([("a", ramp([80])), ("b", ramp([80])), ("c", scalar(2)), ("d", scalar(2))]), .shareInitializers)
        #expect(form.after.graph.initializers.map(\.name) == ["a", "c"] && form.changes[.shareInitializers] == 2)
        #expect(try form.difference([x], exact: true) == nil)
        let integers = sums(
            [("a", Tensor(.int32, [2, 1], [1, 2] as [Int32])), ("b", Tensor(.int32, [2, 1], [1, 2] as [Int32]))], type: .int32)
        #expect(try Deployed(integers, .shareInitializers).after.graph.initializers.map(\.name) == ["a"])
        let branched = try Deployed(
            sums([("a", ramp([80])), ("b", ramp([80]))]).alsoReadingInBranch("b"), .shareInitializers)
        #expect(branched.after.graph.initializers.map(\.name) == ["a", "always"])
        #expect(try branched.difference([x], exact: true) == nil)
    }

    @Test func constantsThatDifferOrMayDifferStayApart() throws {
        var other = [Float](ramp([80]).values(as: Float.self)!)
        other[79].negate()
        let zeros = Tensor(.float32, [80], [Float](repeating: 0, count: 80))
        let negative = Tensor(.float32, [80], [Float](repeating: -0.0, count: 80))
        let pairs: [[(String, Tensor)]] = [
            [("a", ramp([80])), ("b", Tensor(.float32, [80], other))], [("a", ramp([80])), ("b", ramp([1, 80]))],
            [("a", scalar(0)), ("b", scalar(-0.0))],
            // Equal by chance, and trained apart: biases of zeros, few numbers.
            [("a", zeros), ("b", zeros)], [("a", zeros), ("b", negative)], [("a", ramp([2, 1])), ("b", ramp([2, 1]))],
        ]
        for pair in pairs { #expect(try Deployed(sums(pair), .shareInitializers).isUnchanged) }
        let twins = sums([("a", ramp([80])), ("b", ramp([80]))])
        for name in ["a", "b"] {
            #expect(try Deployed(twins.overriding(name), .shareInitializers).isUnchanged)
            #expect(try Deployed(twins.alsoGiving(name), .shareInitializers).isUnchanged)
        }
        var old = twins.overriding("b")
        old.model.irVersion = 3
        let form = try Deployed(old, .shareInitializers)
        #expect(form.after.graph.initializers.count == 1 && form.after.graph.inputs.map(\.name) == ["x"])
    }

    // MARK: Nodes

    private func twice(_ first: Node, _ second: Node, _ initializers: [(String, Tensor)] = []) -> SmallModel {
        SmallModel(opset: 17, [first, second, Node("Sub", ["a", "b"], ["y"])], inputs: [x], initializers: initializers)
    }

    @Test func whatIsComputedTwiceIsComputedOnce() throws {
        let softmax = Node("Softmax", ["x"], ["a"], [.int("axis", 1)])
        var same = softmax
        same.outputs = ["b"]
        let form = try Deployed(twice(softmax, same), .shareSubexpressions)
        #expect(form.operators == ["Softmax", "Sub"] && form.changes[.shareSubexpressions] == 1)
        #expect(try form.difference([x], exact: true) == nil)
        // What follows from the same is the same too, also in a branch and as an output.
        let chain = SmallModel(
            opset: 17,
            [
                Node("Neg", ["x"], ["m"]), Node("Abs", ["m"], ["a"]), Node("Neg", ["x"], ["n"]), Node("Abs", ["n"], ["b"]),
                Node("Sub", ["a", "b"], ["y"]),
            ], inputs: [x])
        #expect(try Deployed(chain, .shareSubexpressions).operators == ["Neg", "Abs", "Sub"])
        let used = try Deployed(chain.alsoGiving("b").alsoReadingInBranch("n"), .shareSubexpressions)
        #expect(used.operators == ["Neg", "Abs", "Identity", "Sub", "If"])
        #expect(try used.difference([x], exact: true) == nil)
        #expect(try Deployed(used.after, [.shareSubexpressions]).isUnchanged)
    }

    @Test func attributesCountInAnyOrder() throws {
        let one = Node("Softmax", ["x"], ["a"], [.int("axis", 1)])
        #expect(try Deployed(twice(one, Node("Softmax", ["x"], ["b"], [.int("axis", 0)])), .shareSubexpressions).isUnchanged)
        let first = Node("LRN", ["i"], ["c"], [.int("size", 3), Attribute("alpha", .float(0.1))])
        let second = Node("LRN", ["i"], ["d"], [Attribute("alpha", .float(0.1)), .int("size", 3)])
        let image = ("i", ramp([1, 3, 2, 2]))
        let small = SmallModel(opset: 17, [first, second, Node("Sub", ["c", "d"], ["y"])], inputs: [image])
        #expect(try Deployed(small, .shareSubexpressions).operators == ["LRN", "Sub"])
    }

    @Test func whatIsRandomOrUnknownStays() throws {
        let seed = Attribute("seed", .float(1))
        for (first, second) in [
            (Node("RandomNormalLike", ["x"], ["a"], [seed]), Node("RandomNormalLike", ["x"], ["b"], [seed])),
            (Node("Dropout", ["x", "half", "yes"], ["a"]), Node("Dropout", ["x", "half", "yes"], ["b"])),
            (Node("Gelu", ["x"], ["a"], domain: "com.microsoft", []), Node("Gelu", ["x"], ["b"], domain: "com.microsoft", [])),
        ] {
            let small = twice(first, second, [("half", scalar(0.5)), ("yes", Tensor(.bool, [], [UInt8(1)]))])
            #expect(try Deployed(small, .shareSubexpressions).isUnchanged, "\(first.operatorType)")
        }
        var own = twice(Node("Noise", ["x"], ["a"], domain: "own", []), Node("Noise", ["x"], ["b"], domain: "own", []))
        own.model.operatorSets.append(OperatorSet(domain: "own", version: 1))
        own.model.functions = [
            Function(
                domain: "own", name: "Noise", inputs: ["v"], outputs: ["r"], nodes: [Node("RandomNormalLike", ["v"], ["r"])],
                operatorSets: [OperatorSet(domain: "", version: 17)])
        ]
        #expect(try Deployed(own, .shareSubexpressions).isUnchanged)
        // Inlined, it is still random.
        #expect(try Deployed(own, .inlineFunctions, .shareSubexpressions).operators == ["RandomNormalLike", "RandomNormalLike", "Sub"])
    }
}
