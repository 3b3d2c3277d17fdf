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

/// Linear models and trees of `ai.onnx.ml`, trained in the values that their operators keep in attributes.
@Suite struct ClassicTrainingTests {
    /// As `Golden/make-classic.py` writes them.
    private struct Golden: Decodable {
        struct Case: Decodable {
            let labels: [Double]
            let loss: String
            let rate: Double
            let steps: Int
            let losses: [Double]
            let answers: [Double]
        }
        let rows: [Float]
        let cases: [String: Case]

        static func read() throws -> Golden {
            try JSONDecoder().decode(Golden.self, from: Data(contentsOf: folder.appendingPathComponent("classic.json")))
        }
        static var folder: URL { URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Golden") }
        static func model(_ name: String) throws -> Model {
            try Model(serialized: Data(contentsOf: folder.appendingPathComponent("classic-\(name).onnx")))
        }
    }

    @Test(arguments: [
        "logistic-2", "logistic-3", "linear", "forest-2", "forest-3", "forest-regressor", "boosting-2", "lightgbm-refit", "xgboost-refresh",
    ])
    func stepsGiveWhatTheFrameworkGives(_ name: String) throws {
        let golden = try Golden.read()
        #expect(golden.cases.count == 9)
        let expected = try #require(golden.cases[name])
        let model = try Golden.model(name)
        let isClassifier = expected.loss == "cross_entropy"
        let recipe = GradientDescent(
            loss: isClassifier ? .crossEntropy() : .meanSquaredError, optimizer: .sgd(), learningRate: expected.rate, weightDecay: 0)
        let run = try StepRun(model, recipe)
        let count = expected.labels.count
        let rows = Tensor(.float32, [count, golden.rows.count / count], golden.rows)
        let target =
            isClassifier
            ? Tensor(.int64, [count], expected.labels.map { Int64($0) }) : Tensor(.float32, [count], expected.labels.map { Float($0) })
        var losses: [Double] = []
        for _ in 0..<expected.steps { losses.append(try run.step(["X": rows], target: target, rate: expected.rate)) }
        for (step, (loss, wanted)) in zip(losses, expected.losses).enumerated() {
            #expect(abs(loss - wanted) < 2e-5 * max(1, wanted), "step \(step): \(loss) for \(wanted)")
        }
        #expect(losses.last ?? .infinity < losses[0])

        var parameters: [String: Tensor] = [:]
        for slot in run.graph.parameters { parameters[slot.name] = try run.session.value(slot.name) }
        let trained = try run.graph.model(model, with: parameters)
        let outputs = try Session(model: trained.serialized()).run([("X", .tensor(rows))])
        let answers = try #require(outputs.compactMap(\.tensor).last { $0.elementType == .float32 }).numbers
        #expect(answers.count == expected.answers.count)
        let worst = zip(answers, expected.answers).map { abs($0 - $1) }.max() ?? .infinity
        #expect(worst < 2e-4, "\(worst)")
        try onlyParametersDiffer(trained, model)
    }

    /// The same operators, with other values in the attributes that are trained.
    private func onlyParametersDiffer(_ trained: Model, _ model: Model) throws {
        var restored = trained
        var values: [String: Tensor] = [:]
        for home in ParameterHomes(model).homes { values[home.name] = try ParameterHomes.value(at: home, in: model) }
        #expect(trained != model && !values.isEmpty)
        try ParameterHomes.write(values, into: &restored)
        #expect(restored == model)
    }

    // MARK: Gradients

    /// Central differences of the operators themselves, in ONNX Runtime, by the values in their attributes.
    @Test(arguments: [
        ("linear-2", "variable"), ("logistic-3", "probabilities"), ("ridge-classifier", "probabilities"), ("prepared", "probabilities"),
        ("forest-3", "probabilities"), ("forest-regressor", "variable"), ("boosting-2", "probabilities"), ("boosting-3", "probabilities"),
        ("tree-2", "probabilities"), ("tree-3", "output_probability"), ("xgboost-2", "probabilities"),
        ("xgboost-3", "probabilities"), ("lightgbm-2", "probabilities"), ("lightgbm-3", "probabilities"), ("bagging", "probabilities"),
    ])
    func gradientsAgreeWithDifferencesOfTheOperators(_ name: String, _ output: String) throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent(
            "PassesTests/Classic")
        let model = try Model(serialized: Data(contentsOf: folder.appendingPathComponent(name + ".onnx")))
        var generator = SeededGenerator(seed: 5)
        let count = 12
        let isDouble = model.graph.inputs[0].type?.elementType == .float64
        let numbers = (0..<count * 4).map { _ in Float.random(in: -2...2, using: &generator) }
        let rows = isDouble ? Tensor(.float64, [count, 4], numbers.map(Double.init)) : Tensor(.float32, [count, 4], numbers)
        let backward = try BackwardGraph(model, cotangentsOf: [output])
        func answers(_ model: Model) throws -> [Double] {
            let outputs = try Session(model: model.serialized()).run([("X", .tensor(rows))])
            let position = try #require(model.graph.outputs.firstIndex { $0.name == output })
            return outputs[position].flattened
        }
        let plain = try answers(model)
        let weights = plain.indices.map { _ in Double(Float.random(in: -1...1, using: &generator)) }
        let seed = try #require(backward.cotangents[output])
        let cotangent = Tensor(.float32, [count, weights.count / count], weights.map { Float($0) })
        let gradients = try Session(model: backward.model.serialized()).run([("X", .tensor(rows)), (seed, .tensor(cotangent))])
        #expect(!backward.gradients.isEmpty)
        var compared = 0
        for home in ParameterHomes(model).homes {
            guard let gradient = backward.gradients[home.name] else { continue }
            let position = try #require(backward.model.graph.outputs.firstIndex { $0.name == gradient })
            let slope = try #require(gradients[position].tensor).numbers
            let value = try ParameterHomes.value(at: home, in: model).numbers
            for place in value.indices.prefix(40) {
                func sum(_ step: Double) throws -> Double {
                    var moved = value, changed = model
                    moved[place] += step
                    let tensor =
                        home.elementType == .float64
                        ? Tensor(.float64, home.shape, moved) : Tensor(.float32, home.shape, moved.map { Float($0) })
                    try ParameterHomes.write([home.name: tensor], into: &changed)
                    return zip(try answers(changed), weights).reduce(0) { $0 + $1.0 * $1.1 }
                }
                // A value of 0 has leaves that are probabilities on one side only.
                let step = value[place] < 0.01 && value[place] >= 0 ? 0.02 : 0.005
                let difference =
                    value[place] < 0.01 && value[place] >= 0 ? (try sum(step) - sum(0)) / step : (try sum(step) - sum(-step)) / (2 * step)
                let tolerance = value[place] < 0.01 && value[place] >= 0 ? 2e-2 : 4e-3
                #expect(
                    abs(difference - slope[place]) < tolerance * max(1, abs(difference)),
                    "\(home.name)[\(place)]: \(slope[place]) for \(difference)")
                compared += 1
            }
        }
        #expect(compared > 3)
    }
}

extension EngineValue {
    /// The numbers of a tensor, or of a sequence of maps, row by row.
    fileprivate var flattened: [Double] {
        switch self {
        case .tensor(let tensor): tensor.numbers
        case .sequence(let values): values.flatMap(\.flattened)
        case .map(_, let values): values.numbers
        case .none: []
        }
    }
}

extension ClassicTrainingTests {
    /// Without a negative value ONNX Runtime would read the scores of a two-class ensemble as probabilities.
    @Test func scoresThatWouldBecomeProbabilitiesAreNotWritten() throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Golden")
        let model = try Model(serialized: Data(contentsOf: folder.appendingPathComponent("classic-boosting-2.onnx")))
        let graph = try StepGraph(model, GradientDescent(loss: .crossEntropy(), learningRate: 1e-3, weightDecay: 0))
        var values = try graph.initialParameters()
        let name = try #require(values.keys.first)
        let given = try #require(values[name])
        #expect(try graph.model(model, with: values) == model)
        values[name] = Tensor(.float32, given.shape, given.numbers.map { Float(abs($0)) })
        let error = #expect(throws: AutodiffError.self) { try graph.model(model, with: values) }
        #expect(String(describing: error).contains("would read them as probabilities instead of scores"))
    }

    /// One tree of two leaves, which `x` at most 0 and above 0 reach, with values of one of two classes.
    private static func twoLeaves(_ weights: [Float]) -> Model {
        let attributes = [
            Attribute("nodes_treeids", .ints([0, 0, 0])), Attribute("nodes_nodeids", .ints([0, 1, 2])),
            Attribute("nodes_featureids", .ints([0, 0, 0])),
            Attribute("nodes_modes", .strings(["BRANCH_LEQ", "LEAF", "LEAF"])), Attribute("nodes_values", .floats([0, 0, 0])),
            Attribute("nodes_truenodeids", .ints([1, 0, 0])), Attribute("nodes_falsenodeids", .ints([2, 0, 0])),
            Attribute("class_treeids", .ints([0, 0])), Attribute("class_nodeids", .ints([1, 2])), Attribute("class_ids", .ints([0, 0])),
            Attribute("class_weights", .floats(weights)), Attribute("classlabels_int64s", .ints([0, 1])),
            Attribute("post_transform", .string("NONE")),
        ]
        let graph = Graph(
            name: "g", nodes: [Node("TreeEnsembleClassifier", ["x"], ["l", "p"], domain: "ai.onnx.ml", attributes)],
            inputs: [Value("x", .tensor(.float32, [.symbolic("N"), .fixed(1)]))],
            outputs: [Value("l", .tensor(.int64, [.symbolic("N")])), Value("p", .tensor(.float32, [.symbolic("N"), .fixed(2)]))])
        return Model(
            irVersion: 8, operatorSets: [OperatorSet(domain: "ai.onnx.ml", version: 3), OperatorSet(domain: "", version: 17)], graph: graph)
    }

    /// A tree whose leaf says 0 of a class that is right has a finite loss, and moves.
    @Test(arguments: [Loss.crossEntropy(), .binaryCrossEntropy()])
    func aLeafThatIsCertainAndWrongLearns(_ loss: Loss) throws {
        let model = Self.twoLeaves([0, 1])
        let run = try StepRun(model, GradientDescent(loss: loss, optimizer: .adam(), learningRate: 0.1, weightDecay: 0))
        let rows = Tensor(.float32, [4, 1], [-1, -1, 1, 1] as [Float])
        var target = Tensor(.int64, [4], [1, 1, 1, 0] as [Int64])
        if case .binaryCrossEntropy = loss { target = Tensor(.float32, [4], [1, 1, 1, 0] as [Float]) }
        var losses: [Double] = []
        for _ in 0..<40 { losses.append(try run.step(["x": rows], target: target, rate: 0.1)) }
        #expect(!losses.contains { !$0.isFinite })
        let leaves = try run.session.value("l/class_weights").numbers
        // Adam remembers the first gradient, which is very large, so that the steps after it are small.
        #expect(leaves[0] > 0.3 && leaves[1] < 0.7 && losses.last! < losses[0] / 5, "\(leaves), \(losses[0]) -> \(losses.last!)")
    }

    /// Values that are neither scores nor a share of a probability: were one of them below 0, ONNX Runtime would read all of them
    /// otherwise.
    @Test func valuesThatWereNotNegativeStaySo() throws {
        let model = Self.twoLeaves([0.2, 3])
        let run = try StepRun(model, GradientDescent(loss: .binaryCrossEntropy(), optimizer: .sgd(), learningRate: 0.5, weightDecay: 0))
        let rows = Tensor(.float32, [2, 1], [-1, -1] as [Float])
        _ = try run.step(["x": rows], target: Tensor(.float32, [2], [0, 0] as [Float]), rate: 0.5)
        let leaves = try run.session.value("l/class_weights")
        #expect(leaves.numbers == [0, 3])
        let trained = try run.graph.model(model, with: ["l/class_weights": leaves])
        let outputs = try Session(model: trained.serialized()).run([("x", .tensor(Tensor(.float32, [2, 1], [-1, 1] as [Float])))])
        #expect(outputs.last?.tensor?.numbers == [1, 0, -2, 3])
    }
}
