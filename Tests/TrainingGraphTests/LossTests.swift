import Autodiff
import ConformanceSupport
import Engine
import Foundation
import ONNX
import Recipes
import Tensors
import Testing
import TrainingGraph

/// Every loss against PyTorch's value and gradient in float64.
struct LossTests {
    struct Case: Sendable, CustomStringConvertible {
        let name: String
        let loss: Loss
        /// What stands between the input and the output, and at whose input the loss is to be taken.
        var ending: String?
        var isPair = false
        var description: String { name + (ending.map { " behind \($0)" } ?? "") }
    }

    static let classWeights = [1.0, 0.5, 2.0, 0.25]
    static let cases: [Case] = [
        Case(name: "cross_entropy", loss: .crossEntropy()),
        Case(name: "cross_entropy", loss: .crossEntropy(), ending: "Softmax"),
        Case(name: "cross_entropy", loss: .crossEntropy(), ending: "LogSoftmax"),
        Case(name: "cross_entropy_rows", loss: .crossEntropy()),
        Case(name: "cross_entropy_ignored", loss: .crossEntropy()),
        Case(name: "cross_entropy_classes", loss: .crossEntropy(classWeights: classWeights)),
        Case(name: "cross_entropy_smoothed", loss: .crossEntropy(labelSmoothing: 0.1)),
        Case(name: "cross_entropy_classes_smoothed", loss: .crossEntropy(labelSmoothing: 0.1, classWeights: classWeights)),
        Case(
            name: "cross_entropy_probabilities",
            loss: .crossEntropy(labelSmoothing: 0.2, classWeights: classWeights, targets: .probabilities)),
        Case(name: "cross_entropy_pixels", loss: .crossEntropy(classWeights: classWeights)),
        Case(name: "binary_cross_entropy", loss: .binaryCrossEntropy()),
        Case(name: "binary_cross_entropy", loss: .binaryCrossEntropy(), ending: "Sigmoid"),
        Case(name: "binary_cross_entropy_positive", loss: .binaryCrossEntropy(positiveWeight: 3)),
        Case(name: "binary_cross_entropy_probabilities", loss: .binaryCrossEntropy(scores: .probabilities)),
        Case(name: "multilabel", loss: .multilabel(classWeights: classWeights)),
        Case(name: "mean_squared_error", loss: .meanSquaredError),
        Case(name: "mean_squared_error_rows", loss: .meanSquaredError),
        Case(name: "mean_absolute_error", loss: .meanAbsoluteError),
        Case(name: "huber", loss: .huber(delta: 0.7)),
        Case(name: "quantile", loss: .quantile([0.1, 0.5, 0.9])),
        Case(name: "poisson", loss: .poisson()),
        Case(name: "poisson", loss: .poisson(), ending: "Exp"),
        Case(name: "poisson_rate", loss: .poisson(rate: .rate)),
        Case(name: "cosine_embedding", loss: .cosineEmbedding()),
        Case(name: "cosine_embedding_pair", loss: .cosineEmbedding(margin: -0.3), isPair: true),
    ]

    @Test(arguments: cases)
    func valueAndGradientAgreeWithPyTorch(_ loss: Case) throws {
        let golden = try Golden("losses")
        let x = try golden[loss.name + "/x"]
        let graph = try BackwardGraph(LossModel.make(x.shape, ending: loss.ending, isPair: loss.isPair), loss: loss.loss, inputs: true)
        let session = try Session(model: graph.model.serialized())
        let declared = try #require(graph.target)
        var target = try golden[loss.name + "/target"]
        if declared.elementType != target.elementType { target = Tensor(.float32, target.shape, target.numbers.map { Float($0) }) }
        let weights = try golden[loss.name + "/weight"]
        let outputs = Dictionary(
            uniqueKeysWithValues: zip(
                session.outputs.map(\.name),
                try session.run([
                    (declared.name, .tensor(target)), (try #require(graph.sampleWeight), .tensor(weights)), ("x", .tensor(x)),
                ])))
        let value = try #require(outputs[graph.loss ?? ""]?.tensor?.numbers.first)
        let wanted = try golden.numbers(loss.name + "/loss")[0]
        #expect(abs(value - wanted) < 1e-5 * max(1, abs(wanted)))
        let gradient = try #require(outputs[graph.gradients["x"] ?? ""]?.tensor?.numbers)
        let reference = try golden.numbers(loss.name + "/gradient")
        #expect(distance(gradient, reference) < 1e-5 * length(reference))
    }

    @Test func ownLossIsTakenAsItIs() throws {
        var model = LossModel.make([3, 4])
        model.graph.nodes.append(Node("ReduceSum", ["y", "axis"], ["total"], [Attribute("keepdims", .int(0))]))
        model.graph.initializers.append(StoredTensor("axis", .int64, [1], [1] as [Int64]))
        model.graph.outputs.append(Value("total", .tensor(.float32, [.symbolic("N")])))
        let graph = try BackwardGraph(model, loss: .output("total"), inputs: true)
        #expect(graph.target == nil)
        let session = try Session(model: graph.model.serialized())
        let x = Tensor(.float32, [3, 4], (0..<12).map { Float($0) })
        let results = try session.run([
            ("x", .tensor(x)), (try #require(graph.sampleWeight), .tensor(Tensor(.float32, [3], [1, 0, 3] as [Float]))),
        ])
        // Rows sum to 6, 22 and 38.
        #expect(abs((results[0].tensor?.numbers.first ?? 0) - (6 + 3 * 38) / 4) < 1e-5)
    }

    static let misfits: [(loss: Loss, shape: Shape, reason: String)] = [
        (.crossEntropy(), [3, 1], "one class"),
        (.crossEntropy(), [3], "class axis"),
        (.crossEntropy(classWeights: [1, 2]), [3, 4], "2 class weights for the shape [N, 4], which takes 4"),
        (.quantile([0.1, 0.9]), [3, 4], "2 quantiles need a last axis of 2"),
        (.quantile([1.5]), [3, 1], "between 0 and 1"),
        (.huber(delta: 0), [3, 1], "delta is 0.0"),
        (.cosineEmbedding(), [3, 4, 5], "embeddings are [N, D]"),
        (.output("loss"), [3, 4], "no such output; it has y"),
        (.crossEntropy(labelSmoothing: 2), [3, 4], "from 0 to 1"),
    ]

    @Test(arguments: misfits.indices)
    func lossThatDoesNotFitIsRefused(_ row: Int) throws {
        let (loss, shape, reason) = Self.misfits[row]
        let error = try #require(throws: AutodiffError.self) { try BackwardGraph(LossModel.make(shape), loss: loss) }
        #expect("\(error)".contains(reason), "\(error)")
    }

    @Test func outputMustBeNamedWhereSeveralCouldBeMeant() throws {
        let model = LossModel.make([3, 8], isPair: true)
        let error = try #require(throws: AutodiffError.self) { try BackwardGraph(model, loss: .meanSquaredError) }
        #expect("\(error)".contains("a, b"))
        _ = try BackwardGraph(model, loss: .meanSquaredError, outputs: ["b"])
        #expect(throws: AutodiffError.self) { try BackwardGraph(model, loss: .meanSquaredError, outputs: ["c"]) }
    }
}

/// `y = x * w` with `w = 1`, so that the gradient of `x` is that of the scores.
enum LossModel {
    static func make(_ shape: Shape, ending: String? = nil, isPair: Bool = false) -> Model {
        let dimensions = [Dimension.symbolic("N")] + shape.dimensions.dropFirst().map(Dimension.fixed)
        var graph = Graph(name: "scores", inputs: [Value("x", .tensor(.float32, dimensions))])
        graph.initializers = [StoredTensor("w", .float32, [1], [1] as [Float])]
        if isPair {
            let half = shape.dimensions[1] / 2
            graph.nodes = [
                Node("Mul", ["x", "w"], ["scores"]),
                Node("Split", ["scores"], ["a", "b"], [Attribute("axis", .int(1)), Attribute("num_outputs", .int(2))]),
            ]
            graph.outputs = ["a", "b"].map { Value($0, .tensor(.float32, [.symbolic("N"), .fixed(half)])) }
        } else {
            graph.nodes = [Node("Mul", ["x", "w"], [ending == nil ? "y" : "scores"])]
            if let ending { graph.nodes.append(Node(ending, ["scores"], ["y"])) }
            graph.outputs = [Value("y", .tensor(.float32, dimensions))]
        }
        return Model(operatorSets: [OperatorSet(domain: "", version: 21)], graph: graph)
    }
}
