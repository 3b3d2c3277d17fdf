import ConformanceSupport
import Engine
import ONNX
import Recipes
import Tensors
import Testing
import TrainingGraph

/// Whole models against PyTorch and JAX in float64: every parameter's gradient, and what becomes of the loss over twenty steps.
struct WholeModelTests {
    struct Case: Sendable, CustomStringConvertible {
        let name: String
        let loss: Loss
        var inputs = ["x"]
        var rates = (sgd: 0.1, adamw: 0.01)
        var batchNormalization = GradientDescent.BatchNormalization.frozen
        var description: String { name }
    }

    static let cases: [Case] = [
        Case(name: "mlp", loss: .crossEntropy()),
        Case(name: "cnn", loss: .crossEntropy(), batchNormalization: .affine),
        Case(name: "transformer", loss: .crossEntropy(), rates: (0.05, 0.003)),
        Case(name: "lstm", loss: .meanSquaredError),
        Case(name: "gru", loss: .meanSquaredError),
        Case(name: "unet", loss: .crossEntropy(), rates: (0.1, 0.003)),
        Case(name: "embedding", loss: .binaryCrossEntropy(), inputs: ["ids"]),
    ]

    @Test(arguments: cases)
    func gradientsAgreeWithReference(_ model: Case) throws {
        let golden = try Golden(model.name)
        let graph = try BackwardGraph(Golden.model(model.name), loss: model.loss)
        let session = try Session(model: graph.model.serialized())
        let target = try #require(graph.target)
        var given: [(name: String, value: EngineValue)] = [(target.name, .tensor(try golden.target(0, as: target)))]
        for name in model.inputs { given.append((name, .tensor(try golden.batch("input/" + name, 0)))) }
        let rows = try golden.batch("target", 0).shape.dimensions[0]
        given.append((try #require(graph.sampleWeight), .tensor(Tensor(.float32, [rows], [Float](repeating: 1, count: rows)))))
        let outputs = Dictionary(uniqueKeysWithValues: zip(session.outputs.map(\.name), try session.run(given)))

        let loss = try #require(outputs[graph.loss ?? ""]?.tensor?.numbers.first)
        #expect(abs(loss - (try golden.numbers("loss")[0])) < 1e-5)
        let names = golden.arrays.keys.filter { $0.hasPrefix("gradient/") }.map { String($0.dropFirst("gradient/".count)) }.sorted()
        #expect(!names.isEmpty)
        let whole = length(try names.flatMap { try golden.numbers("gradient/" + $0) })
        for name in names {
            let wanted = try golden.numbers("gradient/" + name)
            let output = try #require(graph.gradients[name], "no gradient for \(name)")
            let found = try #require(outputs[output]?.tensor?.numbers)
            #expect(found.count == wanted.count)
            let error = distance(found, wanted) / max(length(wanted), whole / 1000)
            #expect(error < 1e-4, "\(name): relative error \(error)")
        }
    }

    @Test(arguments: cases, ["sgd", "adamw"])
    func trajectoriesAgreeWithPyTorch(_ model: Case, _ optimizer: String) throws {
        let golden = try Golden(model.name)
        let isPlain = optimizer == "sgd"
        let recipe = GradientDescent(
            loss: model.loss, optimizer: isPlain ? .sgd() : .adamw(), learningRate: 1e-3, weightDecay: isPlain ? 0 : 0.01
        ) { $0.batchNormalization = model.batchNormalization }
        let run = try StepRun(Golden.model(model.name), recipe)
        let target = try #require(run.graph.signature.target)
        let wanted = try golden.numbers(optimizer + "/losses")
        for step in wanted.indices {
            var batch: [String: Tensor] = [:]
            for name in model.inputs { batch[name] = try golden.batch("input/" + name, step % 4) }
            let loss = try run.step(batch, target: golden.target(step % 4, as: target), rate: isPlain ? model.rates.sgd : model.rates.adamw)
            #expect(abs(loss - wanted[step]) < 1e-5, "step \(step): \(loss), PyTorch has \(wanted[step])")
        }
    }
}

extension Golden {
    /// The target of a batch, in the type that the graph wants.
    func target(_ index: Int, as wanted: StepGraph.Target, rows: Int? = nil) throws -> Tensor {
        let tensor = try batch("target", index, rows: rows)
        return wanted.elementType == .float32 && tensor.elementType != .float32
            ? Tensor(.float32, tensor.shape, tensor.numbers.map { Float($0) }) : tensor
    }
}
