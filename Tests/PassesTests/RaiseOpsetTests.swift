import ConformanceSupport
import Engine
import ONNX
import Tensors
import Testing

@testable import Passes

/// A node in an old form, and what it is run on.
struct OldForm: Sendable, CustomTestStringConvertible {
    let opset: Int64
    let node: Node
    let inputs: [(String, Tensor)]
    var initializers: [(String, Tensor)] = []
    var outputs: [(String, ElementType)] = [("y", .float32)]
    let testDescription: String

    init(
        _ opset: Int64, _ type: String, _ inputs: [(String, Tensor)], _ attributes: [Attribute] = [], initializers: [(String, Tensor)] = [],
        outputs: [(String, ElementType)] = [("y", .float32)], note: String = ""
    ) {
        self.opset = opset
        node = Node(type, inputs.map(\.0) + initializers.map(\.0), outputs.map(\.0), attributes)
        self.inputs = inputs
        self.initializers = initializers
        self.outputs = outputs
        testDescription = "\(type)-\(opset)\(note.isEmpty ? "" : " ")\(note)"
    }

    var model: Model { SmallModel(opset: opset, [node], inputs: inputs, initializers: initializers, outputs: outputs).model }

    /// The forms that ONNX Runtime still runs, which begin with operator set 7.
    static let rows: [OldForm] = {
        let image = ("x", ramp([1, 2, 4, 6])), cube = ("x", ramp([2, 3, 4]))
        let channels = [("s", ramp([2])), ("b", ramp([2])), ("m", ramp([2])), ("v", Tensor(.float32, [2], [Float(0.5), 1.5]))]
        let reductions = ["L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "SumSquare", "Sum"]
        let positive = ("x", Tensor(.float32, [2, 3, 4], (0..<24).map { Float($0) / 7 + 0.1 }))
        var rows = reductions.flatMap { name in
            [
                OldForm(11, "Reduce" + name, [positive], [Attribute("axes", .ints([1, -1])), Attribute("keepdims", .int(0))]),
                OldForm(name == "Sum" ? 11 : 13, "Reduce" + name, [positive], [], note: "over all"),
            ]
        }
        for name in ["Softmax", "LogSoftmax", "Hardmax"] {
            rows += [
                OldForm(7, name, [cube], note: "by default from axis 1"),
                OldForm(11, name, [cube], [Attribute("axis", .int(2))], note: "along the last"),
                OldForm(11, name, [cube], [Attribute("axis", .int(-2))], note: "from the end"),
                OldForm(11, name, [cube], [Attribute("axis", .int(0))], note: "over all"),
            ]
        }
        rows += [
            OldForm(7, "BatchNormalization", [image], initializers: channels),
            OldForm(9, "BatchNormalization", [image], initializers: channels),
            OldForm(7, "Clip", [cube], [Attribute("min", .float(-0.5)), Attribute("max", .float(1))]),
            OldForm(9, "Clip", [cube], [Attribute("max", .float(1))], note: "above only"),
            OldForm(17, "DFT", [("x", ramp([1, 4, 3, 1]))], [Attribute("axis", .int(1))]),
            OldForm(7, "Dropout", [cube], [Attribute("ratio", .float(0.3))]),
            OldForm(10, "Dropout", [cube], [Attribute("ratio", .float(0.3))]),
            OldForm(16, "GridSample", [image], [Attribute("mode", .string("bilinear"))], initializers: [("g", ramp([1, 3, 3, 2]))]),
            OldForm(16, "GridSample", [image], [Attribute("mode", .string("bicubic"))], initializers: [("g", ramp([1, 3, 3, 2]))]),
            OldForm(
                18, "GroupNormalization", [("x", ramp([2, 4, 3]))], [Attribute("num_groups", .int(2))],
                initializers: [("s", ramp([2])), ("b", ramp([2]))]),
            OldForm(7, "Pad", [cube], [Attribute("pads", .ints([0, 1, 0, 1, 0, 2])), Attribute("value", .float(0.5))]),
            OldForm(7, "Pad", [cube], [Attribute("pads", .ints([0, 1, 1, 0, 0, 2])), Attribute("mode", .string("reflect"))]),
            OldForm(10, "Resize", [image], initializers: [("s", Tensor(.float32, [4], [Float(1), 1, 2, 1.5]))]),
            OldForm(
                10, "Resize", [image], [Attribute("mode", .string("linear"))],
                initializers: [("s", Tensor(.float32, [4], [Float(1), 1, 2, 1.5]))]),
            OldForm(
                10, "RoiAlign", [image], [Attribute("output_height", .int(2)), Attribute("output_width", .int(2))],
                initializers: [("r", Tensor(.float32, [1, 4], [Float(0), 0, 3, 3])), ("i", ints([0]))]),
            OldForm(
                9, "Scatter", [("x", ramp([3, 3]))],
                initializers: [("i", Tensor(.int64, [1, 3], [Int64(2), 0, 1])), ("u", ramp([1, 3]))]),
            OldForm(
                7, "Slice", [cube],
                [Attribute("axes", .ints([1, 2])), Attribute("starts", .ints([1, -3])), Attribute("ends", .ints([3, 9]))]),
            OldForm(
                7, "Slice", [cube], [Attribute("starts", .ints([0, 1])), Attribute("ends", .ints([1, 3]))], note: "of the first axes"),
            OldForm(
                7, "Split", [cube], [Attribute("axis", .int(2)), Attribute("split", .ints([1, 3]))],
                outputs: [("y", .float32), ("z", .float32)]),
            OldForm(11, "Split", [cube], [Attribute("axis", .int(2))], outputs: [("y", .float32), ("z", .float32)], note: "in halves"),
            OldForm(13, "Split", [cube], [Attribute("axis", .int(-1))], outputs: [("y", .float32), ("z", .float32)], note: "in halves"),
            OldForm(7, "Squeeze", [("x", ramp([1, 3, 1, 2]))], [Attribute("axes", .ints([0, 2]))]),
            OldForm(11, "Squeeze", [("x", ramp([1, 3, 1, 2]))], note: "every axis of one"),
            OldForm(7, "TopK", [cube], [Attribute("k", .int(2))], outputs: [("y", .float32), ("i", .int64)]),
            OldForm(11, "Unsqueeze", [cube], [Attribute("axes", .ints([0, -1]))]),
            OldForm(7, "Upsample", [image], [Attribute("scales", .floats([1, 1, 2, 3]))]),
            OldForm(7, "Upsample", [image], [Attribute("scales", .floats([1, 1, 2, 2])), Attribute("mode", .string("linear"))]),
            OldForm(9, "Upsample", [image], initializers: [("s", Tensor(.float32, [4], [Float(1), 1, 2, 2]))]),
        ]
        return rows
    }()
}

@Suite struct RaiseOpsetTests {
    @Test(arguments: OldForm.rows)
    func anOldFormGivesTheSameOutputs(_ row: OldForm) throws {
        var raised = row.model
        let expected = try run(raised, row.inputs)
        try ([RaiseOpset()] as PassList).run(&raised)
        #expect(raised.operatorSetVersion() == RaiseOpset.target)
        #expect(raised.graph.initializers == row.model.graph.initializers)
        let got = try run(raised, row.inputs)
        for (got, expected) in zip(got, expected) { #expect(ValueComparison.difference(got, expected) == nil) }
    }

    /// Forms that no engine runs any more, beside the newer form that means the same (ONNX's operator changelog).
    @Test(
        arguments: [
            (
                OldForm(
                    6, "Add", [("x", ramp([2, 3, 4]))], [Attribute("broadcast", .int(1)), Attribute("axis", .int(1))],
                    initializers: [("b", ramp([3]))]),
                OldForm(21, "Add", [("x", ramp([2, 3, 4]))], initializers: [("b", ramp([3, 1]))])
            ),
            (
                OldForm(6, "Mul", [("x", ramp([2, 3, 4]))], [Attribute("broadcast", .int(1))], initializers: [("b", ramp([4]))]),
                OldForm(21, "Mul", [("x", ramp([2, 3, 4]))], initializers: [("b", ramp([4]))])
            ),
            (
                OldForm(6, "PRelu", [("x", ramp([2, 3, 4, 5]))], initializers: [("b", ramp([3]))]),
                OldForm(21, "PRelu", [("x", ramp([2, 3, 4, 5]))], initializers: [("b", ramp([3, 1, 1]))])
            ),
            (
                OldForm(
                    1, "Reshape", [("x", ramp([2, 6]))], [Attribute("shape", .ints([3, 4])), Attribute("consumed_inputs", .ints([0]))]),
                OldForm(21, "Reshape", [("x", ramp([2, 6]))], initializers: [("s", ints([3, 4]))])
            ),
            (
                OldForm(1, "Cast", [("x", ramp([2, 2]))], [Attribute("to", .string("DOUBLE"))], outputs: [("y", .float64)]),
                OldForm(21, "Cast", [("x", ramp([2, 2]))], [Attribute("to", .int(11))], outputs: [("y", .float64)])
            ),
            (
                OldForm(1, "Pad", [("x", ramp([2, 2]))], [Attribute("paddings", .ints([0, 1, 1, 0]))]),
                OldForm(21, "Pad", [("x", ramp([2, 2]))], initializers: [("p", ints([0, 1, 1, 0]))])
            ),
            (
                OldForm(
                    1, "Upsample", [("x", ramp([1, 1, 2, 2]))],
                    [Attribute("height_scale", .float(2)), Attribute("width_scale", .float(3))]),
                OldForm(9, "Upsample", [("x", ramp([1, 1, 2, 2]))], initializers: [("s", Tensor(.float32, [4], [Float(1), 1, 2, 3]))])
            ),
            (
                OldForm(1, "Selu", [("x", ramp([2, 2]))]),
                OldForm(21, "Selu", [("x", ramp([2, 2]))], [Attribute("alpha", .float(1.6732)), Attribute("gamma", .float(1.0507))])
            ),
            (
                OldForm(1, "Concat", [("x", ramp([2, 2]))], initializers: [("b", ramp([2, 1]))]),
                OldForm(21, "Concat", [("x", ramp([2, 2]))], [Attribute("axis", .int(1))], initializers: [("b", ramp([2, 1]))])
            ),
        ] as [(OldForm, OldForm)])
    func aFormTooOldToRunMeansWhatItMeant(old: OldForm, new: OldForm) throws {
        var raised = old.model
        try ([RaiseOpset()] as PassList).run(&raised)
        let got = try run(raised, old.inputs), expected = try run(new.model, new.inputs)
        for (got, expected) in zip(got, expected) { #expect(ValueComparison.difference(got, expected) == nil) }
    }

    @Test func everyAdaptorHasARow() {
        let covered = Set(OldForm.rows.map(\.node.operatorType))
        // One function each for those that share it; what ONNX Runtime never ran stands in the second table or is refused.
        let shared: Set = ["And", "Div", "Equal", "Greater", "Less", "Or", "Pow", "Sub", "Xor"]
        let elsewhere: Set = ["Add", "Mul", "PRelu", "Reshape", "Cast", "Selu", "Concat", "Scan", "Tile", "Gemm", "LSTM", "GRU", "RNN"]
        #expect(Set(OpsetAdaptors.table.keys).subtracting(covered).subtracting(shared).subtracting(elsewhere) == [])
    }

    @Test func whatCannotBeRaisedIsRefusedWithNodeReasonAndRemedy() throws {
        let row = OldForm(
            8, "BatchNormalization", [("x", ramp([1, 2, 3]))], [Attribute("spatial", .int(0))],
            initializers: [("s", ramp([2, 3])), ("b", ramp([2, 3])), ("m", ramp([2, 3])), ("v", ramp([2, 3]))])
        var model = row.model
        model.graph.nodes[0].name = "norm"
        let error = #expect(throws: PassError.self) { try RaiseOpset().run(&model) }
        #expect(
            error?.description
                == "raise_opset: node BatchNormalization 'norm' -> 'y': it normalizes every activation by itself (spatial = 0), which no "
                + "newer form does; export the model again with a newer operator set")
    }

    @Test func nodesInBranchesAreRaisedToo() throws {
        let branch = Graph(
            name: "b", nodes: [Node("Squeeze", ["x"], ["s"], [Attribute("axes", .ints([0]))])],
            outputs: [Value("s", .tensor(.float32, nil))])
        let other = Graph(
            name: "c", nodes: [Node("ReduceSum", ["x"], ["t"], [Attribute("axes", .ints([0])), Attribute("keepdims", .int(0))])],
            outputs: [Value("t", .tensor(.float32, nil))])
        let inputs = [("c", Tensor(.bool, [], [true])), ("x", ramp([1, 3]))]
        var model = SmallModel(
            opset: 11, [Node("If", ["c"], ["y"], [Attribute("then_branch", .graph(branch)), Attribute("else_branch", .graph(other))])],
            inputs: inputs
        ).model
        let expected = try run(model, inputs)
        try ([RaiseOpset()] as PassList).run(&model)
        let got = try run(model, inputs)
        #expect(ValueComparison.identical(got[0], expected[0]))
    }

    @Test func aNewerModelKeepsItsVersionAndAnUnknownOneIsRefused() throws {
        var newer = OldForm(23, "Relu", [("x", ramp([2]))]).model
        #expect(try RaiseOpset().run(&newer) == false)
        #expect(newer.operatorSetVersion() == 23)
        var unknown = OldForm(99, "Relu", [("x", ramp([2]))]).model
        #expect(throws: PassError.self) { try RaiseOpset().run(&unknown) }
    }
}
