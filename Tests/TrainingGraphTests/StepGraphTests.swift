import Autodiff
import ConformanceSupport
import Engine
import Foundation
import ONNX
import Passes
import Recipes
import Tensors
import TestSupport
import Testing
import TrainingGraph

/// What a step graph holds, and that its steps can be repeated, taken up again, and written back.
struct StepGraphTests {
    @Test func frozenParametersStayAndAreNamed() throws {
        let recipe = GradientDescent(loss: .crossEntropy(), optimizer: .sgd(), learningRate: 1e-3, weightDecay: 0) {
            $0.freeze = ["hidden.*"]
        }
        let run = try StepRun(SmallNet.make(), recipe)
        #expect(run.graph.parameters.map(\.name) == ["out.weight", "out.bias"])
        #expect(run.graph.untrained.map(\.name) == ["hidden.weight", "hidden.bias"])
        #expect(run.graph.untrained.allSatisfy { $0.reason == "frozen by name" })
    }

    @Test func normalizationIsFrozenUnlessAsked() throws {
        let model = try Golden.model("cnn")
        let frozen = try StepGraph(model, GradientDescent(loss: .crossEntropy(), learningRate: 1e-3, weightDecay: 0))
        #expect(!frozen.parameters.contains { $0.name.hasPrefix("bn") })
        #expect(frozen.untrained.contains { $0.name == "bn1.weight" && $0.reason.contains("BatchNormalization") })
        let affine = try StepGraph(
            model, GradientDescent(loss: .crossEntropy(), learningRate: 1e-3, weightDecay: 0) { $0.batchNormalization = .affine })
        #expect(affine.parameters.contains { $0.name == "bn1.weight" })
        #expect(affine.untrained.contains { $0.name == "bn1.running_var" && $0.reason.contains("running statistics") })
    }

    @Test func stepsTakenUpAgainGiveTheSameBytes() throws {
        let recipe = GradientDescent(loss: .crossEntropy(), optimizer: .adamw(), learningRate: 1e-3, weightDecay: 0.1) {
            $0.clipNorm = 1
            $0.accumulate = 2
            $0.average = 0.9
            $0.seed = 7
        }
        let whole = try StepRun(SmallNet.make(dropout: 0.3), recipe)
        for number in 0..<9 { try whole.step(number) }
        let first = try StepRun(SmallNet.make(dropout: 0.3), recipe)
        for number in 0..<5 { try first.step(number) }
        let second = try StepRun(SmallNet.make(dropout: 0.3), recipe)
        try second.session.write(first.session.values)
        for number in 5..<9 { try second.step(number) }
        #expect(
            Set(whole.session.values.keys).isSuperset(of: ["step", "gradient_sum/out.weight", "average/out.weight", "accumulated_weight"]))
        for (name, tensor) in whole.session.values {
            let other = try second.session.value(name)
            #expect(tensor.bytes.elementsEqual(other.bytes), "\(name) differs")
        }
    }

    /// Where the rate is the loss's cotangent, and where gradients are multiplied with it afterwards (a bound that nothing reaches).
    @Test(arguments: [0, 0.1]) func plainDescentEqualsTheGeneralUpdate(_ decay: Double) throws {
        func recipe(_ bound: Double?) -> GradientDescent {
            GradientDescent(loss: .crossEntropy(), optimizer: .sgd(), learningRate: 1e-3, weightDecay: decay) {
                $0.noDecay = ["*bias"]
                $0.clipValue = bound
            }
        }
        let plain = try StepRun(SmallNet.make(), recipe(nil)), general = try StepRun(SmallNet.make(), recipe(1e6))
        for number in 0..<5 {
            try plain.step(number)
            try general.step(number)
        }
        for slot in plain.graph.parameters {
            let (one, other) = (try plain.session.value(slot.name).numbers, try general.session.value(slot.name).numbers)
            #expect(distance(one, other) < 1e-5 * length(other), "\(slot.name)")
        }
    }

    @Test func dropoutFollowsTheKeyAndIsAbsentFromEvaluation() throws {
        let recipe = GradientDescent(loss: .crossEntropy(), optimizer: .sgd(), learningRate: 1e-3, weightDecay: 0) { $0.seed = 3 }
        let model = SmallNet.make(dropout: 0.5)
        func loss(_ number: Int) throws -> Double {
            try StepRun(model, recipe).step(SmallNet.batch, target: SmallNet.target, rate: 0, number: number)
        }
        #expect(try loss(1) == loss(1))
        #expect(try loss(1) != loss(2))
        let run = try StepRun(model, recipe), plain = try StepRun(SmallNet.make(), recipe)
        #expect(plain.graph.signature.randomKey == nil)
        // Also where the model was exported as it was in training.
        let always = try StepRun(SmallNet.make(dropout: 0.5, isAlwaysActive: true), recipe)
        #expect(
            try always.evaluate(SmallNet.batch, target: SmallNet.target).loss
                == plain.evaluate(SmallNet.batch, target: SmallNet.target).loss)
        #expect(
            try run.evaluate(SmallNet.batch, target: SmallNet.target).loss == plain.evaluate(SmallNet.batch, target: SmallNet.target).loss)
    }

    /// The masks of two nodes, and of two steps, are drawn apart, and as many elements go as the ratio says.
    @Test func masksDropTheirShareAndDiffer() throws {
        var graph = Graph(name: "masks", inputs: [Value("x", .tensor(.float32, [.symbolic("N"), .fixed(1000)]))])
        graph.initializers = [StoredTensor("w", .float32, [1], [1] as [Float]), StoredTensor("ratio", .float32, [], [0.25] as [Float])]
        graph.nodes = [
            Node("Mul", ["x", "w"], ["a"]), Node("Dropout", ["a", "ratio"], ["b"]), Node("Dropout", ["b", "ratio"], ["y"]),
        ]
        graph.outputs = [Value("y", .tensor(.float32, [.symbolic("N"), .fixed(1000)]))]
        let model = Model(operatorSets: [OperatorSet(domain: "", version: 21)], graph: graph)
        // With x = w = 1 and target 0 the squared error's mean is that of y²: (4/3)^4 where both masks keep.
        let run = try StepRun(
            model, GradientDescent(loss: .meanSquaredError, optimizer: .sgd(), learningRate: 1e-3, weightDecay: 0) { $0.train = ["w"] })
        let x = Tensor(.float32, [20, 1000], [Float](repeating: 1, count: 20000)),
            zero = try #require(Tensor(zeros: .float32, shape: [20, 1000]))
        let kept = try (0..<4).map { try run.step(["x": x], target: zero, rate: 0, number: $0) * 81 / 256 }
        // 9/16 of the elements are kept by two independent masks, 3/4 by two that are the same.
        for share in kept { #expect(abs(share - 9.0 / 16) < 0.015, "\(share)") }
        #expect(Set(kept).count == 4)
    }

    @Test(arguments: ["MatMul", "Gemm"])
    func adaptersTrainFactorsAloneAndMerge(_ product: String) throws {
        let model = SmallNet.make(product: product)
        let recipe = GradientDescent(loss: .crossEntropy(), optimizer: .adamw(), learningRate: 1e-3, weightDecay: 0) {
            $0.adapters = .init(rank: 2, targets: ["hidden.*"], scale: 4)
            $0.seed = 5
        }
        let run = try StepRun(model, recipe)
        #expect(run.graph.parameters.map(\.shape) == [[8, 2], [2, 16]])
        let base = try StepRun(model, GradientDescent(loss: .crossEntropy(), learningRate: 1e-3, weightDecay: 0)).evaluate(
            SmallNet.batch, target: SmallNet.target)
        let before = try run.evaluate(SmallNet.batch, target: SmallNet.target)
        #expect(before.loss == base.loss)
        for number in 0..<10 { try run.step(number, rate: 0.05) }
        let after = try run.evaluate(SmallNet.batch, target: SmallNet.target)
        #expect(after.loss < before.loss - 0.01)

        let parameters = try Dictionary(uniqueKeysWithValues: run.graph.parameters.map { ($0.name, try run.session.value($0.name)) })
        let merged = try run.graph.model(model, with: parameters)
        #expect(merged.graph.nodes == model.graph.nodes)
        for name in ["hidden.bias", "out.weight", "out.bias"] { #expect(merged.graph.initializer(name) == model.graph.initializer(name)) }
        let outputs = try Session(model: merged.serialized()).run([("x", .tensor(try #require(SmallNet.batch["x"])))])
        let probabilities = try #require(outputs[0].tensor?.numbers)
        // The evaluation's scores are the logits.
        let exponentials = after.scores[0].numbers.map(exp)
        let expected = exponentials.indices.map { exponentials[$0] / exponentials[($0 / 3 * 3)..<($0 / 3 * 3 + 3)].reduce(0, +) }
        #expect(distance(probabilities, expected) < 1e-5 * length(expected))
    }

    @Test func adapterTargetsMustMatchAWeight() throws {
        let recipe = GradientDescent(loss: .crossEntropy(), learningRate: 1e-3, weightDecay: 0) {
            $0.adapters = .init(rank: 2, targets: ["attention.*"])
        }
        let error = try #require(throws: AutodiffError.self) { try StepGraph(SmallNet.make(), recipe) }
        #expect("\(error)".contains("there are hidden.weight, out.weight"))
    }

    @Test func weightsTooLargeForConstantsAreHeldOnceAsInputs() throws {
        let recipe = GradientDescent(loss: .crossEntropy(), optimizer: .sgd(), learningRate: 1e-3, weightDecay: 0) {
            $0.freeze = ["hidden.*"]
        }
        let held = try StepRun(SmallNet.make(), recipe, largestConstants: 0), constant = try StepRun(SmallNet.make(), recipe)
        #expect(constant.graph.frozenWeights.isEmpty)
        #expect(held.graph.frozenWeights.contains("hidden.weight"))
        #expect(held.graph.step.graph.initializer("hidden.weight") == nil)
        for number in 0..<3 { #expect(try held.step(number) == constant.step(number)) }
        #expect(
            try held.evaluate(SmallNet.batch, target: SmallNet.target).loss
                == constant.evaluate(SmallNet.batch, target: SmallNet.target).loss)
    }

    @Test(arguments: [0, 1 << 20])
    func weightsInAFileOfTheirOwnAreTrainedAsOthers(_ largestConstants: Int) throws {
        let folder = try TemporaryDirectory("external")
        var options = Model.WritingOptions()
        options.embeddedBytesAtMost = 0
        options.externalTensorBytesAtLeast = 1
        try SmallNet.make().write(to: folder("net.onnx"), options: options)
        let model = try Model.load(path: folder("net.onnx"))
        #expect(model.hasExternalData)
        let recipe = GradientDescent(loss: .crossEntropy(), optimizer: .sgd(), learningRate: 1e-3, weightDecay: 0) {
            $0.freeze = ["hidden.*"]
        }
        let external = try StepRun(model, recipe, largestConstants: largestConstants), plain = try StepRun(SmallNet.make(), recipe)
        for number in 0..<3 { #expect(try external.step(number) == plain.step(number)) }
        _ = try BackwardGraph(model, loss: .crossEntropy()).model.serialized()
    }

    @Test func writtenModelDiffersInTrainedInitializersOnly() throws {
        let model = try Golden.model("mlp"), data = try Golden("mlp")
        let run = try StepRun(model, GradientDescent(loss: .crossEntropy(), learningRate: 1e-3, weightDecay: 0) { $0.freeze = ["0.*"] })
        _ = try run.step(["x": data.batch("input/x", 0)], target: data.batch("target", 0), rate: 0.1)
        let parameters = try Dictionary(uniqueKeysWithValues: run.graph.parameters.map { ($0.name, try run.session.value($0.name)) })
        var written = try run.graph.model(model, with: parameters)
        for stored in written.graph.initializers {
            #expect((stored == model.graph.initializer(stored.name)) == stored.name.hasPrefix("0."), "\(stored.name)")
        }
        written.graph.initializers = model.graph.initializers
        #expect(written == model)
    }

    @Test func halfPrecisionWeightsAreTrainedWideAndWrittenNarrow() throws {
        var model = SmallNet.make()
        for position in model.graph.initializers.indices {
            let tensor = try model.graph.initializers[position].tensor()
            guard tensor.elementType == .float32 else { continue }
            model.graph.initializers[position].replace(with: tensor.narrowed(to: .float16))
        }
        for position in model.graph.inputs.indices { model.graph.inputs[position].type = .tensor(.float16, [.symbolic("N"), .fixed(8)]) }
        for position in model.graph.outputs.indices { model.graph.outputs[position].type = .tensor(.float16, [.symbolic("N"), .fixed(3)]) }
        let graph = try StepGraph(model, GradientDescent(loss: .crossEntropy(), learningRate: 1e-3, weightDecay: 0))
        #expect(graph.parameters.allSatisfy { $0.elementType == .float32 })
        let written = try graph.model(model, with: graph.initialParameters())
        #expect(written.graph == model.graph)
    }

    @Test func modelWithNothingToTrainSaysWhy() throws {
        let error = try #require(throws: AutodiffError.self) {
            try StepGraph(SmallNet.make(), GradientDescent(loss: .crossEntropy(), learningRate: 1e-3, weightDecay: 0) { $0.freeze = ["*"] })
        }
        #expect("\(error)".contains("'hidden.weight': frozen by name"))
    }

    @Test func rowsOfWeightZeroCountNothing() throws {
        let recipe = GradientDescent(loss: .crossEntropy(), optimizer: .sgd(), learningRate: 1e-3, weightDecay: 0)
        let weighted = try StepRun(SmallNet.make(), recipe), cut = try StepRun(SmallNet.make(), recipe)
        _ = try weighted.step(SmallNet.batch, target: SmallNet.target, weights: [1, 1, 1, 0], rate: 0.5)
        let x = try #require(SmallNet.batch["x"]?.values(as: Float.self)), y = try #require(SmallNet.target.values(as: Int64.self))
        _ = try cut.step(["x": Tensor(.float32, [3, 8], Array(x.prefix(24)))], target: Tensor(.int64, [3], Array(y.prefix(3))), rate: 0.5)
        for slot in weighted.graph.slots {
            let a = try weighted.session.value(slot.name).numbers, b = try cut.session.value(slot.name).numbers
            #expect(distance(a, b) < 1e-6 * max(length(a), 1), "\(slot.name)")
        }
        let none = try StepRun(SmallNet.make(), recipe)
        #expect(try none.step(SmallNet.batch, target: SmallNet.target, weights: [0, 0, 0, 0], rate: 0.5) == 0)
        #expect(try none.session.value("out.bias").numbers == weighted.graph.initialParameters()["out.bias"]?.numbers)
    }

    /// A step computes a convolution as products where that is faster (`WinogradConvolution`), and says so.
    @Test func aStepNamesTheFormOfALayer() throws {
        let pads = Attribute("pads", .ints([1, 1, 1, 1])), strides = Attribute("strides", .ints([1, 1]))
        let graph = Graph(
            name: "g",
            nodes: [
                Node("Conv", ["x", "w", "b"], ["y"], name: "layer", [pads, strides]),
                Node("ReduceMean", ["y"], ["loss"], [Attribute("keepdims", .int(0))]),
            ],
            inputs: [Value("x", .tensor(.float32, [.symbolic("n"), .fixed(64), .fixed(8), .fixed(8)]))],
            outputs: [Value("loss", .tensor(.float32, []))],
            initializers: [
                StoredTensor("w", .float32, [64, 64, 3, 3], SmallNet.random(64 * 64 * 9, seed: 1)),
                StoredTensor("b", .float32, [64], SmallNet.random(64, seed: 3)),
            ])
        let model = Model(irVersion: 8, operatorSets: [OperatorSet(domain: "", version: 21)], graph: graph)
        let step = try StepGraph(model, GradientDescent(loss: .output("loss"), learningRate: 1e-3, weightDecay: 0))
        #expect(step.gradientForms == ["node Conv 'layer' -> 'y'": "winograd F(4, 4, 3, 3)"])
    }
}

/// `softmax(tanh(x W1 + b1) W2 + b2)` of 8 features and 3 classes, seeded.
enum SmallNet {
    static let batch = ["x": Tensor(.float32, [4, 8], random(32, seed: 1))]
    static let target = Tensor(.int64, [4], [0, 2, 1, 2] as [Int64])

    static func random(_ count: Int, seed: UInt64) -> [Float] {
        var generator = SeededGenerator(seed: seed)
        return (0..<count).map { _ in Float.random(in: -1..<1, using: &generator) }
    }

    static func make(dropout: Float? = nil, isAlwaysActive: Bool = false, product: String = "MatMul") -> Model {
        var graph = Graph(name: "net", inputs: [Value("x", .tensor(.float32, [.symbolic("N"), .fixed(8)]))])
        let isGemm = product == "Gemm"
        graph.initializers = [
            StoredTensor("hidden.weight", .float32, isGemm ? [16, 8] : [8, 16], random(128, seed: 2)),
            StoredTensor("hidden.bias", .float32, [16], random(16, seed: 3)),
            StoredTensor("out.weight", .float32, [16, 3], random(48, seed: 4)),
            StoredTensor("out.bias", .float32, [3], random(3, seed: 5)),
        ]
        graph.nodes =
            isGemm
            ? [Node("Gemm", ["x", "hidden.weight", "hidden.bias"], ["sum"], [Attribute("transB", .int(1))])]
            : [Node("MatMul", ["x", "hidden.weight"], ["product"]), Node("Add", ["product", "hidden.bias"], ["sum"])]
        graph.nodes.append(Node("Tanh", ["sum"], ["hidden"]))
        if let dropout {
            graph.initializers.append(StoredTensor("ratio", .float32, [], [dropout]))
            graph.initializers.append(StoredTensor("training", .bool, [], [1] as [UInt8]))
            graph.nodes.append(Node("Dropout", ["hidden", "ratio"] + (isAlwaysActive ? ["training"] : []), ["thinned"]))
        }
        graph.nodes += [
            Node("MatMul", [dropout == nil ? "hidden" : "thinned", "out.weight"], ["scores"]),
            Node("Add", ["scores", "out.bias"], ["logits"]),
            Node("Softmax", ["logits"], ["y"]),
        ]
        graph.outputs = [Value("y", .tensor(.float32, [.symbolic("N"), .fixed(3)]))]
        return Model(operatorSets: [OperatorSet(domain: "", version: 21)], graph: graph)
    }
}

extension StepRun {
    /// A step on `SmallNet`'s batch, every second of which ends an update where gradients are accumulated.
    @discardableResult
    func step(_ number: Int, rate: Double = 0.05) throws -> Double {
        try step(SmallNet.batch, target: SmallNet.target, rate: rate, number: number, apply: number % 2 == 1)
    }
}
