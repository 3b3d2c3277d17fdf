import ConformanceSupport
import Engine
import ONNX
import Tensors
import Testing

@testable import Passes

@Suite struct TrainingFormTests {
    private let x = ("x", ramp([2, 3]))

    @Test func initializersKeepTheirNamesAndConstantsStayConstants() throws {
        var model = SmallModel(
            opset: 9, [Node("MatMul", ["x", "w"], ["t"]), Node("Clip", ["t"], ["y"], [Attribute("max", .float(1))])], inputs: [x],
            initializers: [("w", ramp([3, 4]))]
        ).model
        model.irVersion = 3
        model.graph.inputs.append(Value("w", .tensor(.float32, [3, 4] as Shape)))
        let form = try TrainingForm.of(model)
        #expect(form.graph.initializers == model.graph.initializers)
        #expect(form.graph.inputs.map(\.name) == ["x"])
        #expect(ValueComparison.identical(try run(form, [x])[0], try run(model, [x])[0]))
        #expect(try TrainingForm.of(form) == form)
    }

    @Test func identitiesGoButForThoseThatNameAnOutput() throws {
        let nodes = [
            Node("Identity", ["w"], ["v"]), Node("Identity", ["v"], ["u"]), Node("Mul", ["x", "u"], ["t"]), Node("Exp", ["t"], ["unused"]),
            Node("Identity", ["t"], ["y"]),
        ]
        let model = SmallModel(opset: 21, nodes, inputs: [x], initializers: [("w", ramp([3]))]).model
        let form = try TrainingForm.of(model)
        #expect(form.graph.nodes == [Node("Mul", ["x", "w"], ["t"]), Node("Identity", ["t"], ["y"])])
    }

    @Test(arguments: [ElementType.float16, .bfloat16])
    func weightsOfSixteenBitsBecomeFloat32AndGoBackBitByBit(_ type: ElementType) throws {
        let bits: [UInt16] = (0..<12).map { UInt16(0x3C00 + 37 * $0) }
        let weights = Tensor(type, [3, 4], bits)
        let nodes = [
            Node("Cast", ["w"], ["c"], [Attribute("to", .int(1))]), Node("MatMul", ["x", "c"], ["t"]),
            Node("Cast", ["t"], ["y"], [Attribute("to", .int(Int64(type.rawValue)))]),
        ]
        let model = SmallModel(opset: 21, nodes, inputs: [x], initializers: [("w", weights)], outputs: [("y", type)]).model
        let form = try TrainingForm.of(model)
        let wide = try #require(form.graph.initializer("w")).tensor()
        #expect(wide.elementType == .float32)
        #expect(wide.narrowed(to: type).values(as: UInt16.self) == bits)
        #expect(form.graph.outputs == model.graph.outputs)
        #expect(ValueComparison.difference(try run(form, [x])[0], try run(model, [x])[0]) == nil)
    }

    @Test func aModelThatComputesInFloat16KeepsItsBorder() throws {
        let half = ("x", Tensor(.float16, [2, 3], (0..<6).map { Float16($0).bitPattern }))
        let nodes = [Node("MatMul", ["x", "w"], ["t"]), Node("Relu", ["t"], ["y"])]
        let model = SmallModel(
            opset: 13, nodes, inputs: [half], initializers: [("w", Tensor(.float16, [3, 2], (0..<6).map { Float16($0 - 3).bitPattern }))],
            outputs: [("y", .float16)]
        ).model
        let form = try TrainingForm.of(model)
        #expect(form.graph.inputs == model.graph.inputs && form.graph.outputs == model.graph.outputs)
        let types = try form.inferTypes()
        #expect(types["t"]?.elementType == .float32)
        #expect(ValueComparison.difference(try run(form, [half])[0], try run(model, [half])[0]) == nil)
    }

    @Test(arguments: [(1.0, 0x3F80), (1.00390625, 0x3F80), (1.01171875, 0x3F82), (-0.0, 0x8000), (.infinity, 0x7F80)] as [(Float, UInt16)])
    func bfloat16IsRoundedToTheNearestTiesToEven(_ value: Float, _ bits: UInt16) {
        #expect(value.roundedToBFloat16 == bits)
    }
}

@Suite struct PassListTests {
    private struct Breaking: Pass {
        let name = "breaking"
        func run(_ model: inout Model) -> Bool {
            model.graph.nodes.removeFirst()
            return true
        }
    }

    private struct Quiet: Pass {
        let name: String
        func run(_ model: inout Model) -> Bool { false }
    }

    private struct Refusing: Pass {
        let name = "refusing"
        func run(_ model: inout Model) throws(PassError) -> Bool {
            throw PassError(pass: name, place: "here", reason: "no", remedy: "none")
        }
    }

    private var model: Model {
        SmallModel(opset: 21, [Node("Neg", ["x"], ["t"]), Node("Exp", ["t"], ["y"])], inputs: [("x", ramp([2]))]).model
    }

    @Test func thePassThatBreaksAModelIsNamed() {
        let passes: PassList = [Quiet(name: "first"), Breaking(), Quiet(name: "last")]
        var model = model
        let error = #expect(throws: PassError.self) { try passes.run(&model) }
        #expect(error?.pass == "breaking")
        #expect(error?.after == ["first"])
        #expect(error?.reason.contains("it reads 't', which nothing makes") == true)
    }

    @Test func aRefusalSaysWhatRanBefore() {
        var model = model
        let passes: PassList = [Quiet(name: "first"), Quiet(name: "second"), Refusing()]
        let error = #expect(throws: PassError.self) { try passes.run(&model) }
        #expect(error?.description == "refusing: here: no; none (after first, second)")
    }

    @Test(arguments: 0...3)
    func aRunCanStopAfterAnyPass(_ count: Int) throws {
        let passes: PassList = [Quiet(name: "first"), Quiet(name: "second"), Breaking()]
        var model = model
        if count == 3 {
            #expect(throws: PassError.self) { try passes.run(&model, first: count) }
        } else {
            #expect(try passes.run(&model, first: count).ran == Array(["first", "second"].prefix(count)))
        }
    }

    @Test func aModelThatWasBrokenBeforeIsNotBlamedOnAPass() {
        var model = model
        model.graph.nodes.removeFirst()
        let error = #expect(throws: PassError.self) { try ([Quiet(name: "first")] as PassList).run(&model) }
        #expect(error?.place == "the model as it came")
    }
}
