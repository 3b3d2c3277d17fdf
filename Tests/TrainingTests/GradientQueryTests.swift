import Columnar
import Foundation
import ONNX
import Recipes
import Tensors
import TestSupport
import Testing
import TrainingGraph

@testable import Training

@Suite struct GradientQueryTests {
    private let a: [Float] = [0.5, -1, 2, 0.25, 1]
    private let b: [Float] = [1, 0.5, -0.5, -2, 1.5]
    private let labels: [Float] = [1, -1, 0.5, 2, 0]
    private let weights: [Float] = [1, 2, 0.5, 0, 1]

    private func table(_ directory: TemporaryDirectory) throws -> String {
        try directory.write("a,b,label,w\n" + a.indices.map { "\(a[$0]),\(b[$0]),\(labels[$0]),\(weights[$0])\n" }.joined(), to: "rows.csv")
    }

    private func run(
        _ query: GradientQuery, _ directory: TemporaryDirectory
    ) throws -> (answer: GradientQuery.Answer, named: [String: Tensor]) {
        let scratch = directory(UUID().uuidString)
        try FileManager.default.createDirectory(atPath: scratch, withIntermediateDirectories: true)
        let answer = try query.run(scratch: heldFolder(scratch))
        return (answer, Dictionary(uniqueKeysWithValues: answer.gradients.map { ($0.name, $0.tensor) }))
    }

    private func near(_ tensor: Tensor?, _ expected: [Double]) -> Bool {
        guard let tensor, tensor.elementCount == expected.count else { return false }
        return expected.indices.allSatisfy { abs(tensor.number($0) - expected[$0]) < 1e-5 }
    }

    /// Of a line under a weighted mean squared error every gradient is a formula.
    @Test(arguments: [1, 2, 3, 256])
    func theGradientOfAMeanDoesNotDependOnTheBatches(batchSize: Int) throws {
        let directory = try TemporaryDirectory("gradients")
        let data = LabelledData(files: [.init(try table(directory))], label: .list(["label"]), weight: "w")
        let query = GradientQuery(
            model: Models.line(), seed: .loss(.meanSquaredError, outputs: []), data: .table(data), withInputs: true, batchSize: batchSize)
        let (answer, named) = try run(query, directory)
        let total = Double(weights.reduce(0, +))
        let errors = a.indices.map { Double(0.5 * a[$0] - b[$0] + 0.25 - labels[$0]) }
        let factors = a.indices.map { 2 * errors[$0] * Double(weights[$0]) / total }
        #expect(abs(answer.loss! - a.indices.reduce(0) { $0 + Double(weights[$1]) * errors[$1] * errors[$1] } / total) < 1e-6)
        #expect(answer.rows == 5)
        #expect(answer.gradients.map(\.name) == ["w", "b", "x"])
        #expect(near(named["w"], [a, b].map { column in column.indices.reduce(0) { $0 + factors[$1] * Double(column[$1]) } }))
        #expect(near(named["b"], [factors.reduce(0, +)]))
        #expect(near(named["x"], factors.flatMap { [0.5 * $0, -$0] }))
        #expect(named["w"]?.shape == [2, 1] && named["b"]?.shape == [1] && named["x"]?.shape == [5, 2])
    }

    /// An operator before the first weight matters only to the inputs' gradients: the message names the flag.
    @Test func anInputWithoutAGradientIsSaidToBeTheInputsFault() throws {
        let directory = try TemporaryDirectory("gradients")
        var model = Models.line()
        model.graph.nodes =
            [Node("Odd", ["x"], ["odd"], domain: "com.example")]
            + model.graph.nodes.map { node in
                var node = node
                node.inputs = node.inputs.map { $0 == "x" ? "odd" : $0 }
                return node
            }
        model.graph.values.append(Value("odd", .tensor(.float32, [.symbolic("N"), .fixed(2)])))
        model.operatorSets.append(OperatorSet(domain: "com.example", version: 1))
        let data = GradientQuery.Data.table(LabelledData(files: [.init(try table(directory))], label: .list(["label"]), weight: "w"))
        let query = GradientQuery(model: model, seed: .loss(.meanSquaredError, outputs: []), data: data, withInputs: true)
        let error = #expect(throws: TrainingError.self) { try run(query, directory) }
        let text = "\(try #require(error))"
        #expect(text.contains("the gradients of its inputs (--inputs) cannot be built"), "\(text)")
        #expect(text.contains("leave out --inputs") && text.contains("com.example.Odd"), "\(text)")
    }

    @Test(arguments: [2, 256])
    func cotangentsGiveTheVectorJacobianProduct(batchSize: Int) throws {
        let directory = try TemporaryDirectory("gradients")
        let cotangent: [Float] = [1, -1, 0.5, 2, 0.25]
        let query = GradientQuery(
            model: Models.line(), seed: .cotangents([("y", Tensor(.float32, [5, 1], cotangent))]),
            data: .table(LabelledData(files: [.init(try table(directory))], label: nil, keep: ["label", "w"])), withInputs: true,
            batchSize: batchSize)
        let (answer, named) = try run(query, directory)
        #expect(answer.loss == nil)
        #expect(near(named["w"], [a, b].map { column in column.indices.reduce(0) { $0 + Double(cotangent[$1] * column[$1]) } }))
        #expect(near(named["b"], [2.75]))
        #expect(near(named["x"], cotangent.flatMap { [0.5 * Double($0), -Double($0)] }))
    }

    @Test func arraysGiveWhatTheTableGives() throws {
        let directory = try TemporaryDirectory("gradients")
        let x = a.indices.flatMap { [Double(a[$0]), Double(b[$0])] }
        try NamedArrays.write(
            [
                ("x", Tensor(.float64, [5, 2], x)), ("label", Tensor(.float32, [5, 1], labels)), ("w", Tensor(.float32, [5], weights)),
            ], to: directory("data.npz"))
        let arrays = try run(
            GradientQuery(
                model: Models.line(), seed: .loss(.meanSquaredError, outputs: []),
                data: .arrays(path: directory("data.npz"), label: "label", weight: "w", classes: nil), withInputs: true), directory)
        let rows = try run(
            GradientQuery(
                model: Models.line(), seed: .loss(.meanSquaredError, outputs: []),
                data: .table(LabelledData(files: [.init(try table(directory))], label: .list(["label"]), weight: "w")), withInputs: true),
            directory)
        #expect(abs(arrays.answer.loss! - rows.answer.loss!) < 1e-6)
        for (name, tensor) in rows.named { #expect(near(arrays.named[name], (0..<tensor.elementCount).map(tensor.number)), "\(name)") }
    }

    @Test func classesAreNamedInTablesAndArrays() throws {
        let directory = try TemporaryDirectory("gradients")
        try directory.write("a,b,kind\n1,2,low\n3,-1,high\n", to: "rows.csv")
        try NamedArrays.write(
            [("x", Tensor(.float32, [2, 2], [Float(1), 2, 3, -1])), ("kind", Tensor(.int32, [2], [Int32(0), 2]))], to: directory("a.npz"))
        let names = ["low", "mid", "high"]
        let seed = GradientQuery.Seed.loss(.crossEntropy(), outputs: [])
        let rows = try run(
            GradientQuery(
                model: Models.perceptron(), seed: seed,
                data: .table(LabelledData(files: [.init(directory("rows.csv"))], label: .list(["kind"]), classes: names))), directory)
        let arrays = try run(
            GradientQuery(
                model: Models.perceptron(), seed: seed,
                data: .arrays(path: directory("a.npz"), label: "kind", weight: nil, classes: nil)), directory)
        for (name, tensor) in rows.named { #expect(near(arrays.named[name], (0..<tensor.elementCount).map(tensor.number)), "\(name)") }
    }

    @Test func whatIsMissingOrDoesNotFitIsNamed() throws {
        let directory = try TemporaryDirectory("gradients")
        try NamedArrays.write(
            [("z", Tensor(.float32, [2, 2], [Float(1), 2, 3, -1])), ("label", Tensor(.float32, [2], [Float(1), 2]))], to: directory("a.npz")
        )
        func refusal(_ seed: GradientQuery.Seed, _ data: GradientQuery.Data) -> String {
            do {
                _ = try run(GradientQuery(model: Models.line(), seed: seed, data: data), directory)
                return "accepted"
            } catch { return "\(error)" }
        }
        let path = directory("a.npz")
        let input = refusal(.loss(.meanSquaredError, outputs: []), .arrays(path: path, label: "label", weight: nil, classes: nil))
        #expect(input.contains("no array 'x'") && input.contains("'z'"), "\(input)")
        let output = refusal(
            .cotangents([("z", Tensor(.float32, [2], [Float(1), 1]))]), .arrays(path: path, label: nil, weight: nil, classes: nil))
        #expect(output.contains("'z'"), "\(output)")
        let table = LabelledData(files: [.init(try table(directory))], label: nil, keep: ["label", "w"])
        let rows = refusal(.cotangents([("y", Tensor(.float32, [2, 1], [Float(1), 1]))]), .table(table))
        #expect(rows.contains("for 5 rows"), "\(rows)")
        let loss = refusal(.loss(.crossEntropy(), outputs: []), .table(table))
        #expect(loss.contains("cross_entropy"), "\(loss)")
    }

    @Test func arraysOfAnyShapeGoThroughFiles() throws {
        let directory = try TemporaryDirectory("gradients")
        let tensors = [
            (name: "a/b.weight", tensor: Tensor(.float32, [2, 3], (0..<6).map(Float.init))),
            (name: "scalar", tensor: Tensor(.float64, [], [1.5])),
            (name: "empty", tensor: Tensor(.float32, [0, 4], [Float]())), (name: "whole", tensor: Tensor(.int64, [3], [Int64(1), 2, 3])),
        ]
        for name in ["a.npz", "a.safetensors"] {
            try GradientFile.write(tensors, to: directory(name))
            let read = Dictionary(uniqueKeysWithValues: try GradientFile.read(directory(name)).map { ($0.name, $0.tensor) })
            for (key, tensor) in tensors {
                #expect(read[key]?.shape == tensor.shape && read[key]?.elementType == tensor.elementType)
                #expect(read[key].map { Array($0.bytes) } == Array(tensor.bytes))
            }
        }
        #expect(directory.files() == ["a.npz", "a.safetensors"])
    }
}
