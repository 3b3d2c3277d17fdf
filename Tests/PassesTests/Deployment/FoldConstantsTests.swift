import ConformanceSupport
import Foundation
import ONNX
import Recipes
import Tensors
import TestSupport
import Testing

@testable import Passes

@Suite struct FoldConstantsTests {
    private let x = ("x", ramp([2, 3]))

    @Test func whatDependsOnNoInputIsComputedOnce() throws {
        let small = SmallModel(
            opset: 17,
            [
                Node("Constant", [], ["two"], [Attribute("value_float", .float(2))]), Node("Mul", ["w", "two"], ["double"]),
                Node("Sqrt", ["double"], ["root"]), Node("Add", ["x", "root"], ["y"]),
            ], inputs: [x], initializers: [("w", floats(2, 8, 18))])
        let form = try Deployed(small, .foldConstants)
        #expect(form.operators == ["Add"] && form.changes[.foldConstants] == 3)
        #expect(try form.after.graph.initializer("root")?.tensor().values(as: Float.self) == [2, 4, 6])
        #expect(try form.difference([x], exact: true) == nil)
    }

    @Test func aShapeThatIsKnownBeforeTheRunIsAConstant() throws {
        let small = SmallModel(
            opset: 17,
            [
                Node("Shape", ["x"], ["s"], [.int("start", -1)]), Node("Concat", ["one", "s"], ["t"], [.int("axis", 0)]),
                Node("Expand", ["b", "t"], ["wide"]), Node("Add", ["x", "wide"], ["y"]),
            ], inputs: [x], initializers: [("one", ints([1])), ("b", floats(5))])
        let form = try Deployed(small, .foldConstants)
        #expect(form.operators == ["Add"])
        #expect(try form.difference([x], exact: true) == nil)

        var open = small
        open.model.graph.inputs[0].type = .tensor(.float32, [.fixed(2), .symbolic("N")])
        #expect(try Deployed(open, .foldConstants).isUnchanged)
        // What the file says of a value in between is not enforced by anybody.
        open.model.graph.nodes.insert(Node("Neg", ["x"], ["n"]), at: 0)
        open.model.graph.nodes[1].inputs = ["n"]
        open.model.graph.values = [Value("n", .tensor(.float32, [.fixed(2), .fixed(3)]))]
        #expect(try Deployed(open, .foldConstants).isUnchanged)
    }

    @Test func whatACallerMayOverrideIsNoConstant() throws {
        let small = SmallModel(
            opset: 17, [Node("Sqrt", ["w"], ["root"]), Node("Add", ["x", "root"], ["y"])], inputs: [x],
            initializers: [("w", floats(4, 9, 16))]
        ).overriding("w")
        #expect(try Deployed(small, .foldConstants).isUnchanged)
        // Up to IR version 3 every initializer is an input, and none can be overridden.
        var old = small
        old.model.irVersion = 3
        let form = try Deployed(old, .foldConstants, .removeUnusedInitializers)
        #expect(form.operators == ["Add"] && form.after.graph.inputs.map(\.name) == ["x"] && form.after.irVersion == 4)
        #expect(try form.difference([x], exact: true) == nil)
    }

    @Test func whatIsRandomStays() throws {
        let shape = Attribute.ints("shape", 2, 3), seed = Attribute("seed", .float(1))
        for node in [
            Node("RandomNormal", [], ["r"], [shape, seed]), Node("RandomUniformLike", ["w"], ["r"], [seed]),
            Node("Bernoulli", ["w"], ["r"], [seed]), Node("Dropout", ["w", "half", "yes"], ["r"]),
        ] {
            let small = SmallModel(
                opset: 17, [node, Node("Add", ["x", "r"], ["y"])], inputs: [x],
                initializers: [("w", ramp([2, 3])), ("half", scalar(0.5)), ("yes", Tensor(.bool, [], [UInt8(1)]))])
            #expect(try Deployed(small, .foldConstants, .removeTrainingNodes).isUnchanged, "\(node.operatorType)")
        }
    }

    @Test func weightsThatAreStoredInFewerBitsStay() throws {
        let count = 40_000
        let half = Tensor(.float16, [count], [UInt16](repeating: 0x3C00, count: count))
        let cast = SmallModel(
            opset: 17, [Node("Cast", ["w"], ["wide"], [.int("to", 1)]), Node("Add", ["x", "wide"], ["y"])], inputs: [("x", ramp([count]))],
            initializers: [("w", half)])
        #expect(try Deployed(cast, .foldConstants).isUnchanged)
        var large = FoldingLimits()
        large.growthBytes = 1 << 20
        #expect(try Deployed(cast, .foldConstants, limits: large).operators == ["Add"])
        // What is turned or cast in place does not grow, unless others read the constant too.
        let turned = SmallModel(
            opset: 17, [Node("Transpose", ["w"], ["t"], [.ints("perm", 1, 0)]), Node("MatMul", ["x", "t"], ["y"])],
            inputs: [("x", ramp([2, 200]))], initializers: [("w", ramp([300, 200]))])
        #expect(try Deployed(turned, .foldConstants).operators == ["MatMul"])
        #expect(try Deployed(turned.alsoReadingInBranch("w"), .foldConstants).isUnchanged)
        var tight = FoldingLimits()
        tight.outputBytes = 1000
        #expect(try Deployed(turned, .foldConstants, limits: tight).isUnchanged)

        let quantized = SmallModel(
            opset: 17, [Node("DequantizeLinear", ["q", "s", "z"], ["w"]), Node("Add", ["x", "w"], ["y"])], inputs: [x],
            initializers: [("q", Tensor(.int8, [3], [1, 2, 3] as [Int8])), ("s", scalar(0.5)), ("z", Tensor(.int8, [], [0] as [Int8]))])
        #expect(try Deployed(quantized, .foldConstants).isUnchanged)
    }

    @Test func whatIsKnownToBeTooLargeIsNotComputed() throws {
        let small = SmallModel(
            opset: 17,
            [
                Node("ConstantOfShape", ["huge"], ["zeros"]), Node("ReduceSum", ["zeros"], ["sum"], [.int("keepdims", 0)]),
                Node("Add", ["x", "sum"], ["y"]),
            ], inputs: [x], initializers: [("huge", ints([1 << 20, 100]))])
        var model = small.model
        let form = DeploymentForm([.foldConstants]) { model in
            Issue.record("computed \(model.graph.nodes.map(\.operatorType))")
            return nil
        }
        #expect(try form.apply(to: &model).isEmpty)
    }

    /// Half of what a node makes is too large: then all of the node stays, and what it reads is stored.
    @Test func aNodeIsFoldedWholeOrNotAtAll() throws {
        let small = SmallModel(
            opset: 13,
            [
                Node("Neg", ["w"], ["n"]), Node("Split", ["n", "parts"], ["a", "b"], [.int("axis", 0)]),
                Node("Expand", ["b", "huge"], ["wide"]), Node("Add", ["x", "a"], ["y"]), Node("Add", ["x", "wide"], ["z"]),
            ], inputs: [("x", ramp([1]))],
            initializers: [("w", floats(1, 2)), ("parts", ints([1, 1])), ("huge", ints([100_000]))],
            outputs: [("y", .float32), ("z", .float32)])
        let form = try Deployed(small, .foldConstants)
        #expect(form.operators == ["Expand", "Add", "Add"])
        #expect(try form.difference([("x", ramp([1]))], exact: true) == nil)
        #expect(Set(form.after.graph.initializers.map(\.name)).isSuperset(of: ["a", "b"]))
    }

    @Test func anOutputBecomesAConstantNode() throws {
        let small = SmallModel(
            opset: 17, [Node("Sqrt", ["w"], ["y"]), Node("Neg", ["x"], ["z"])], inputs: [x], initializers: [("w", floats(4, 9))],
            outputs: [("y", .float32), ("z", .float32)])
        let form = try Deployed(small, .foldConstants)
        #expect(form.operators == ["Constant", "Neg"])
        #expect(try form.difference([x], exact: true) == nil)
    }

    @Test func aBranchReadsWhatWasComputed() throws {
        let small = SmallModel(
            opset: 17, [Node("Sqrt", ["w"], ["root"]), Node("Neg", ["x"], ["y"])], inputs: [x], initializers: [("w", floats(4, 9))]
        ).alsoReadingInBranch("root")
        let form = try Deployed(small, .foldConstants, .removeDeadNodes, .removeUnusedInitializers)
        #expect(form.operators == ["Neg", "If"] && form.after.graph.initializer("root") != nil && form.after.graph.initializer("w") == nil)
        #expect(try form.difference([x], exact: true) == nil)
    }

    @Test func emptyTensorsTextsAndNumbersOfNoValue() throws {
        let small = SmallModel(
            opset: 17,
            [
                Node("Concat", ["none", "none"], ["n"], [.int("axis", 0)]), Node("Reshape", ["text", "shape"], ["t"]),
                Node("Div", ["zero", "zero"], ["nan"]), Node("Concat", ["x", "n", "nan"], ["y"], [.int("axis", 0)]),
                Node("Concat", ["words", "t"], ["z"], [.int("axis", 0)]),
            ], inputs: [("x", ramp([2])), ("words", Tensor(strings: ["a"], shape: [1]))],
            initializers: [
                ("none", Tensor(.float32, [0], [Float]())), ("zero", floats(0)), ("text", Tensor(strings: ["b", "c"], shape: [1, 2])),
                ("shape", ints([-1])),
            ], outputs: [("y", .float32), ("z", .string)])
        let form = try Deployed(small, .foldConstants)
        #expect(form.operators == ["Concat", "Concat"])
        #expect(try form.difference([("x", ramp([2])), ("words", Tensor(strings: ["a"], shape: [1]))], exact: true) == nil)
    }

    @Test func whatTheEngineDoesNotComputeStays() throws {
        let small = SmallModel(
            opset: 17, [Node("Neg", ["w"], ["n"]), Node("Sqrt", ["n"], ["r"]), Node("Add", ["x", "r"], ["y"])], inputs: [x],
            initializers: [("w", floats(-4, -9, -1))])
        var model = small.model
        let form = DeploymentForm([.foldConstants]) { model in
            #expect(model.graph.nodes.count <= 2)
            return model.graph.nodes.contains { $0.operatorType == "Sqrt" } ? nil : evaluateInEngine(model)
        }
        #expect(try form.apply(to: &model)[.foldConstants] == 1)
        #expect(model.graph.nodes.map(\.operatorType) == ["Sqrt", "Add"])
        var same = small.model
        #expect(try DeploymentForm([.foldConstants]) { _ in nil }.apply(to: &same).isEmpty)
        #expect(same == small.model)
    }

    @Test func weightsInAnotherFileAreReadThere() throws {
        let folder = try TemporaryDirectory("folding")
        let small = SmallModel(
            opset: 17, [Node("Transpose", ["w"], ["t"], [.ints("perm", 1, 0)]), Node("MatMul", ["x", "t"], ["y"])],
            inputs: [("x", ramp([2, 20]))], initializers: [("w", ramp([30, 20])), ("w2", ramp([30, 20]))])
        var options = Model.WritingOptions()
        options.embeddedBytesAtMost = 0
        options.externalTensorBytesAtLeast = 0
        try small.model.write(to: folder.path + "/m.onnx", options: options)
        var read = try Model(serialized: Data(contentsOf: URL(fileURLWithPath: folder.path + "/m.onnx")))
        read.directory = folder.path
        #expect(read.hasExternalData)
        let form = try Deployed(read, [.shareInitializers, .foldConstants, .removeUnusedInitializers])
        #expect(form.operators == ["MatMul"] && !form.after.hasExternalData && form.changes[.shareInitializers] == 1)
        let expected = try run(small.model, [("x", ramp([2, 20]))])
        let got = try run(form.after, [("x", ramp([2, 20]))])
        #expect(ValueComparison.identical(got[0], expected[0]))
        // Without the file nothing is guessed.
        try FileManager.default.removeItem(atPath: folder.path + "/m.onnx.data")
        #expect(throws: PassError.self) { try Deployed(read, [.foldConstants]) }
    }
}
