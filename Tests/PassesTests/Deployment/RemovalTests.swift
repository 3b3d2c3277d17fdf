import ONNX
import Recipes
import Tensors
import Testing

@testable import Passes

/// Passes that remove what does nothing: identities, leftovers of training, pairs that undo one another.
@Suite struct RemovalTests {
    private let x = ("x", ramp([2, 3, 4]))

    private func model(_ nodes: [Node], opset: Int64 = 17, _ initializers: [(String, Tensor)] = []) -> SmallModel {
        SmallModel(opset: opset, nodes, inputs: [x], initializers: initializers)
    }

    // MARK: Identities

    private static let nothing: [Node] = [
        Node("Identity", ["n"], ["i"]), Node("Cast", ["n"], ["i"], [.int("to", 1)]),
        Node("Transpose", ["n"], ["i"], [.ints("perm", 0, 1, 2)]), Node("Concat", ["n"], ["i"], [.int("axis", 1)]),
        Node("Sum", ["n"], ["i"]),
        Node("Reshape", ["n", "same"], ["i"]), Node("Expand", ["n", "ones"], ["i"]), Node("Pad", ["n", "nopads"], ["i"]),
        Node("Mul", ["one", "n"], ["i"]), Node("Div", ["n", "one"], ["i"]), Node("Sub", ["n", "zero"], ["i"]),
    ]
    private static let constants: [(String, Tensor)] = [
        ("same", ints([2, 0, -1])), ("ones", ints([1, 1])), ("nopads", ints([0, 0, 0, 0, 0, 0])), ("one", scalar(1)),
        ("zero", Tensor(.float32, [1, 1], [0] as [Float])), ("negative", scalar(-0.0)),
        ("wide", Tensor(.float32, [1, 1, 1, 1], [1] as [Float])),
        ("three", ints([3, 1, 1, 1])), ("turn", ints([4, 3, 2])), ("shift", ints([0, 0, 1, 0, 0, -1])),
    ]

    @Test(arguments: nothing.indices) func aNodeThatReturnsWhatItIsGivenGoes(_ index: Int) throws {
        let node = Self.nothing[index]
        let small = model([Node("Neg", ["x"], ["n"]), node, Node("Abs", ["i"], ["y"])], Self.constants)
        let form = try Deployed(small, .removeIdentities)
        #expect(form.operators == ["Neg", "Abs"] && form.changes[.removeIdentities] == 1, "\(node)")
        #expect(try form.difference([x], exact: true) == nil)
        // An output keeps its name.
        let ending = try Deployed(small.alsoGiving("i").alsoReadingInBranch("i"), .removeIdentities)
        #expect(ending.after.graph.outputs.map(\.name) == ["y", "i", "branched"])
        #expect(try ending.difference([x], exact: true) == nil)
    }

    private static let something: [Node] = [
        Node("Cast", ["n"], ["i"], [.int("to", 11)]), Node("Transpose", ["n"], ["i"]),
        Node("Concat", ["n", "n"], ["i"], [.int("axis", 1)]),
        Node("Reshape", ["n", "turn"], ["i"]), Node("Expand", ["n", "three"], ["i"]), Node("Pad", ["n", "shift"], ["i"]),
        Node("Mul", ["n", "wide"], ["i"]), Node("Div", ["one", "n"], ["i"]), Node("Sub", ["zero", "n"], ["i"]),
        Node("Add", ["n", "zero"], ["i"]), Node("Sub", ["n", "negative"], ["i"]), Node("Mul", ["n", "n"], ["i"]),
    ]

    @Test(arguments: something.indices) func aNodeThatOnlyLooksLikeItStays(_ index: Int) throws {
        let node = Self.something[index]
        let type: ElementType = node.operatorType == "Cast" ? .float64 : .float32
        var small = model([Node("Neg", ["x"], ["n"]), node], Self.constants)
        small.model.graph.outputs = [Value("i", .tensor(type, nil))]
        #expect(try Deployed(small, .removeIdentities).isUnchanged, "\(node)")
    }

    @Test func aNumberThatACallerMayOverrideIsNotOne() throws {
        let small = model([Node("Mul", ["x", "one"], ["y"])], Self.constants).overriding("one")
        #expect(try Deployed(small, .removeIdentities).isUnchanged)
    }

    /// Two rows may broadcast to more if the caller gives one.
    @Test func anExpandOfAnOpenAxisStays() throws {
        var small = model([Node("Expand", ["x", "s"], ["y"])], [("s", ints([2, 3, 4]))])
        small.model.graph.inputs[0].type = .tensor(.float32, [.symbolic("N"), .fixed(3), .fixed(4)])
        #expect(try Deployed(small, .removeIdentities).isUnchanged)
    }

    /// A branch that has a value of the same name does not see the outer one.
    @Test func aNameThatABranchHidesStays() throws {
        func branch(_ name: String) -> AttributeValue {
            .graph(
                Graph(
                    name: name, nodes: [Node("Abs", ["x"], ["n"]), Node("Add", ["i", "n"], [name])],
                    outputs: [Value(name, .tensor(.float32, nil))]))
        }
        let small = model(
            [
                Node("Neg", ["x"], ["n"]), Node("Mul", ["n", "one"], ["i"]),
                Node("If", ["yes"], ["y"], [Attribute("then_branch", branch("t")), Attribute("else_branch", branch("e"))]),
            ], [("one", scalar(1)), ("yes", Tensor(.bool, [], [UInt8(1)]))])
        let form = try Deployed(small, .removeIdentities)
        // ONNX Runtime refuses such models.
        #expect(form.operators == ["Neg", "Identity", "If"] && form.after.graph.nodes[2] == form.before.graph.nodes[2])
    }

    // MARK: Training

    @Test(arguments: [7, 10, 12, 13, 17, 21] as [Int64]) func aDropoutOutsideTrainingGoes(_ opset: Int64) throws {
        let inputs = opset >= 12 ? ["x", "half", "no"] : ["x"]
        let small = model(
            [Node("Dropout", inputs, ["d", "mask"]), Node("Abs", ["d"], ["y"])], opset: opset,
            [("half", scalar(0.5)), ("no", Tensor(.bool, [], [UInt8(0)]))])
        let form = try Deployed(small, .removeTrainingNodes)
        #expect(form.operators == ["Abs"])
        #expect(try form.difference([x], exact: true) == nil)
    }

    @Test func aDropoutThatTrainsOrGivesItsMaskStays() throws {
        let given: [(String, Tensor)] = [("half", scalar(0.5)), ("mode", Tensor(.bool, [], [UInt8(1)]))]
        let trains = model([Node("Dropout", ["x", "half", "mode"], ["y"], [.int("seed", 3)])], given)
        #expect(try Deployed(trains, .removeTrainingNodes, .shareSubexpressions, .foldConstants).isUnchanged)
        var mayTrain = model([Node("Dropout", ["x", "half", "mode"], ["y"])], given)
        mayTrain.model.graph.initializers[1] = StoredTensor("mode", .bool, [], [UInt8(0)])
        #expect(try Deployed(mayTrain.overriding("mode"), .removeTrainingNodes).isUnchanged)
        #expect(try Deployed(mayTrain, .removeTrainingNodes).operators == ["Identity"])
        let mask = model([Node("Dropout", ["x"], ["y", "m"])]).alsoGiving("m", .bool)
        #expect(try Deployed(mask, .removeTrainingNodes).isUnchanged)
        // Before version 7 a node trains unless it says otherwise.
        let old = model([Node("Dropout", ["x"], ["y"])], opset: 6)
        #expect(try Deployed(old, .removeTrainingNodes).isUnchanged)
    }

    @Test func graphsOfTheTrainingExtensionGo() throws {
        var small = model([Node("Neg", ["x"], ["y"])])
        small.model.trainingInfo = [TrainingInfo(algorithm: small.model.graph)]
        let form = try Deployed(small, .removeTrainingNodes)
        #expect(form.after.trainingInfo.isEmpty && form.changes[.removeTrainingNodes] == 1)
    }

    // MARK: Dead nodes, unused constants

    @Test func whatNobodyReadsGoes() throws {
        let small = model([Node("Neg", ["x"], ["y"]), Node("Add", ["x", "w"], ["dead"])], [("w", scalar(1)), ("v", scalar(2))])
        let form = try Deployed(small, .removeDeadNodes, .removeUnusedInitializers)
        #expect(form.operators == ["Neg"] && form.after.graph.initializers.isEmpty)
        #expect(form.changes[.removeDeadNodes] == 1 && form.changes[.removeUnusedInitializers] == 2)
        // Part of what a caller may give, and what a branch reads.
        #expect(try Deployed(small.overriding("v"), .removeUnusedInitializers).after.graph.initializers.map(\.name) == ["w", "v"])
        let read = try Deployed(small.alsoReadingInBranch("v"), .removeDeadNodes, .removeUnusedInitializers)
        #expect(Set(read.after.graph.initializers.map(\.name)) == ["v", "always"])
        let output = model([Node("Neg", ["x"], ["y"])], [("w", scalar(1))]).alsoGiving("w")
        #expect(try Deployed(output, .removeUnusedInitializers).isUnchanged)
    }

    @Test func belowVersionFourAnInputGoesWithItsConstant() throws {
        var small = model([Node("Neg", ["x"], ["y"])], [("w", scalar(1))]).overriding("w")
        small.model.irVersion = 3
        let form = try Deployed(small, .removeUnusedInitializers)
        #expect(form.after.graph.initializers.isEmpty && form.after.graph.inputs.map(\.name) == ["x"])
        #expect(try form.difference([x], exact: true) == nil)
    }

    // MARK: Transposes

    private func transposes(_ first: [Int64]?, _ second: [Int64]?) -> SmallModel {
        func perm(_ order: [Int64]?) -> [Attribute] { order.map { [Attribute("perm", .ints($0))] } ?? [] }
        return model([
            Node("Transpose", ["x"], ["t"], perm(first)), Node("Transpose", ["t"], ["u"], perm(second)), Node("Neg", ["u"], ["y"]),
        ])
    }

    @Test func twoTransposesBecomeOneOrNone() throws {
        for (first, second) in [([1, 2, 0], [2, 0, 1]), (nil, nil), ([2, 1, 0], nil), ([0, 2, 1], [0, 2, 1])] as [([Int64]?, [Int64]?)] {
            let form = try Deployed(transposes(first, second), .mergeTransposes, .removeDeadNodes)
            #expect(form.operators == ["Neg"])
            #expect(try form.difference([x], exact: true) == nil)
        }
        for (first, second) in [([1, 2, 0], [1, 2, 0]), (nil, [0, 2, 1]), ([1, 0, 2], nil)] as [([Int64]?, [Int64]?)] {
            let form = try Deployed(transposes(first, second), .mergeTransposes, .removeDeadNodes)
            #expect(form.operators == ["Transpose", "Neg"])
            #expect(try form.difference([x], exact: true) == nil)
        }
    }

    @Test func aTransposeThatOthersReadStays() throws {
        for small in [transposes([1, 2, 0], [1, 2, 0]).alsoGiving("t"), transposes([1, 2, 0], [1, 2, 0]).alsoReadingInBranch("t")] {
            #expect(try Deployed(small, .mergeTransposes).isUnchanged)
        }
        let undone = try Deployed(transposes([1, 2, 0], [2, 0, 1]).alsoGiving("t").alsoGiving("u"), .mergeTransposes, .removeDeadNodes)
        #expect(undone.operators == ["Transpose", "Identity", "Neg"])
        #expect(try undone.difference([x], exact: true) == nil)
    }

    // MARK: Reshapes

    private func reshapes(_ first: Node, _ second: Node, opset: Int64 = 17) -> SmallModel {
        model(
            [first, second, Node("Neg", ["u"], ["y"])], opset: opset,
            [
                ("flat", ints([-1])), ("back", ints([2, 3, 4])), ("pairs", ints([-1, 2])), ("copied", ints([0, -1])), ("axis", ints([1])),
                ("six", ints([6, 4])), ("empty", ints([])),
            ])
    }

    @Test func twoReshapesBecomeOneOrNone() throws {
        let flat = Node("Reshape", ["x", "flat"], ["t"])
        for small in [
            reshapes(flat, Node("Reshape", ["t", "back"], ["u"])),
            reshapes(Node("Unsqueeze", ["x", "axis"], ["t"]), Node("Squeeze", ["t", "axis"], ["u"])),
            reshapes(Node("Flatten", ["x"], ["t"]), Node("Reshape", ["t", "back"], ["u"])),
            reshapes(Node("Unsqueeze", ["x"], ["t"], [.ints("axes", 1)]), Node("Squeeze", ["t"], ["u"]), opset: 11),
        ] {
            let form = try Deployed(small, .mergeReshapes, .removeDeadNodes)
            #expect(form.operators == ["Neg"])
            #expect(try form.difference([x], exact: true) == nil)
        }
        for small in [
            reshapes(flat, Node("Reshape", ["t", "pairs"], ["u"])),
            reshapes(Node("Unsqueeze", ["x", "axis"], ["t"]), Node("Reshape", ["t", "pairs"], ["u"])),
        ] {
            let form = try Deployed(small, .mergeReshapes, .removeDeadNodes)
            #expect(form.operators == ["Reshape", "Neg"])
            #expect(try form.difference([x], exact: true) == nil)
        }
    }

    @Test func aReshapeThatTakesAnExtentFromTheFirstStays() throws {
        let six = Node("Reshape", ["x", "six"], ["t"])
        #expect(try Deployed(reshapes(six, Node("Reshape", ["t", "copied"], ["u"])), .mergeReshapes).isUnchanged)
        let pairs = reshapes(six, Node("Reshape", ["t", "pairs"], ["u"]))
        #expect(try Deployed(pairs.alsoGiving("t"), .mergeReshapes).isUnchanged)
        #expect(try Deployed(pairs.overriding("pairs"), .mergeReshapes).isUnchanged)
        // With two open axes the number of elements does not say which is which.
        var open = reshapes(Node("Reshape", ["x", "flat"], ["t"]), Node("Reshape", ["t", "s"], ["u"]))
        open.model.graph.inputs[0].type = .tensor(.float32, [.symbolic("N"), .symbolic("M"), .fixed(4)])
        open.model.graph.inputs.append(Value("s", .tensor(.int64, [.fixed(3)])))
        #expect(try Deployed(open, .mergeReshapes).isUnchanged)
    }

    @Test func oneOpenAxisFollowsFromTheNumberOfElements() throws {
        var small = reshapes(Node("Reshape", ["x", "flat"], ["t"]), Node("Reshape", ["t", "rows"], ["u"]))
        small.model.graph.inputs[0].type = .tensor(.float32, [.symbolic("N"), .fixed(3), .fixed(4)])
        small.model.graph.initializers.append(StoredTensor("rows", ints([-1, 3, 4])))
        let form = try Deployed(small, .mergeReshapes, .removeDeadNodes)
        #expect(form.operators == ["Neg"])
        #expect(try form.difference([x], exact: true) == nil)
        #expect(try form.difference([("x", ramp([5, 3, 4]))], exact: true) == nil)
    }
}
