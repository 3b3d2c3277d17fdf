import ConformanceSupport
import Engine
import Foundation
import ONNX
import Passes
import Tensors
import TestSupport
import Testing

/// Models whose operators are those of `ai.onnx.ml` give what ONNX Runtime makes of them before and after they are lowered.
@Suite struct ClassicLoweringTests {
    private static var folder: URL { URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Classic") }

    /// Operators that stay: what gives maps, and what turns texts into numbers.
    private static let staying: Set<String> = ["ZipMap", "OneHotEncoder", "LabelEncoder"]

    @Test func whatExportersWrote() throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path).filter { $0.hasSuffix(".onnx") }.sorted()
        #expect(names.count == 34)
        for name in names {
            let model = try Model(serialized: Data(contentsOf: Self.folder.appendingPathComponent(name)))
            let inputs = Self.inputs(of: model, rows: 70)
            let form = try TrainingForm.of(model)
            let left = form.graph.nodes.filter { canonicalDomain($0.domain) == "ai.onnx.ml" && !Self.staying.contains($0.operatorType) }
            #expect(left.isEmpty, "\(name): \(left.map(\.operatorType))")
            let difference = try Self.difference(form, model, inputs)
            #expect(difference == nil, "\(name): \(difference ?? "")")
        }
    }

    private static func difference(_ form: Model, _ model: Model, _ inputs: [(String, EngineValue)]) throws -> String? {
        let options = SessionOptions(optimization: .none)
        let expected = try Session(model: model.serialized(), options: options).run(inputs.map { ($0.0, $0.1) })
        let lowered = try Session(model: form.serialized(), options: options)
        let known = Set(lowered.inputs.map(\.name))
        let got = try lowered.run(inputs.filter { known.contains($0.0) }.map { ($0.0, $0.1) })
        for (position, (got, expected)) in zip(got, expected).enumerated() {
            if let difference = ValueComparison.difference(got, expected) { return "output \(position): \(difference)" }
        }
        return nil
    }

    /// Numbers around 0 with a hole here and there, and texts.
    private static func inputs(of model: Model, rows: Int) -> [(String, EngineValue)] {
        var generator = SeededGenerator(seed: 11)
        let takesHoles = model.graph.nodes.contains { $0.operatorType == "Imputer" || $0.operatorType.hasPrefix("TreeEnsemble") }
        return model.graph.inputs.map { input in
            let width = input.type?.dimensions?.last?.value ?? 1
            if input.type?.elementType == .string {
                let words = ["red", "green", "blue"]
                return (input.name, .tensor(Tensor(strings: (0..<rows * width).map { words[$0 % 3] }, shape: [rows, width])))
            }
            let values = (0..<rows * width).map { place -> Double in
                if takesHoles, place % 13 == 5 { return .nan }
                return Double(Float.random(in: -2...2, using: &generator))
            }
            if input.type?.elementType == .float64 { return (input.name, .tensor(Tensor(.float64, [rows, width], values))) }
            return (input.name, .tensor(Tensor(.float32, [rows, width], values.map { Float($0) })))
        }
    }

    // MARK: Special cases

    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let node: Node
        var type = ElementType.float32
        var rank = 2
        var hasHoles = true
        var testDescription: String { name }
    }

    /// A form whose output ONNX Runtime itself writes only in part is left as it is.
    @Test(arguments: ClassicCases.all) func everyForm(_ testCase: Case) throws {
        let node = testCase.node
        let columns: [Tensors.Dimension] = testCase.rank == 1 ? [.fixed(3)] : [.symbolic("N"), .fixed(3)]
        var graph = Graph(name: "g", nodes: [node], inputs: [Value("x", .tensor(testCase.type, columns))])
        let isClassifier = node.outputs.count == 2
        let isEnsemble = node.operatorType == "TreeEnsemble"
        let labelType: ElementType = node.attributes.contains { $0.name == "classlabels_strings" } ? .string : .int64
        if isClassifier { graph.outputs.append(Value(node.outputs[0], .tensor(labelType, nil))) }
        graph.outputs.append(Value(node.outputs.last ?? "", .tensor(isEnsemble ? testCase.type : .float32, nil)))
        let sets = [OperatorSet(domain: "ai.onnx.ml", version: isEnsemble ? 5 : 3), OperatorSet(domain: "", version: 21)]
        let model = Model(irVersion: 10, operatorSets: sets, graph: graph)
        let form = try TrainingForm.of(model)
        #expect(!form.graph.nodes.contains { canonicalDomain($0.domain) == "ai.onnx.ml" })
        let values = ClassicCases.rows(testCase.type, rank: testCase.rank, holes: testCase.hasHoles)
        let difference = try Self.difference(form, model, [("x", .tensor(values))])
        #expect(difference == nil, "\(difference ?? "")")
    }
}

extension ClassicLoweringTests {
    /// 600 trees that share one chain of 500 branches.
    @Test func anEnsembleOfTooManyLevelsIsRefusedWithWhatItNeeds() throws {
        let depth = 500
        func tensor(_ values: [Float]) -> AttributeValue { .tensor(StoredTensor("", Tensor(.float32, [values.count], values))) }
        func model(trees: Int) -> Model {
            let attributes = [
                Attribute("nodes_featureids", .ints(Array(repeating: 0, count: depth))),
                Attribute("nodes_modes", .tensor(StoredTensor("", Tensor(.uint8, [depth], [UInt8](repeating: 0, count: depth))))),
                Attribute("nodes_splits", tensor((0..<depth).map { Float($0) })),
                Attribute("nodes_truenodeids", .ints((0..<depth).map { Int64($0 + 1 < depth ? $0 + 1 : 0) })),
                Attribute("nodes_trueleafs", .ints((0..<depth).map { $0 + 1 < depth ? 0 : 1 })),
                Attribute("nodes_falsenodeids", .ints(Array(repeating: 1, count: depth))),
                Attribute("nodes_falseleafs", .ints(Array(repeating: 1, count: depth))),
                Attribute("tree_roots", .ints(Array(repeating: 0, count: trees))), Attribute("leaf_targetids", .ints([0, 0])),
                Attribute("leaf_weights", tensor([1, 2])), Attribute("n_targets", .int(1)),
            ]
            let graph = Graph(
                name: "g", nodes: [Node("TreeEnsemble", ["x"], ["y"], domain: "ai.onnx.ml", attributes)],
                inputs: [Value("x", .tensor(.float32, [.symbolic("N"), .fixed(1)]))], outputs: [Value("y", .tensor(.float32, nil))])
            return Model(
                irVersion: 10, operatorSets: [OperatorSet(domain: "ai.onnx.ml", version: 5), OperatorSet(domain: "", version: 21)],
                graph: graph)
        }
        let error = #expect(throws: PassError.self) { try TrainingForm.of(model(trees: 600)) }
        #expect(error?.pass == "lower_classic" && error?.place == "node ai.onnx.ml.TreeEnsemble -> 'y'")
        #expect(error?.reason.contains("it has 600 trees of up to 500 levels, 300000 together") == true)
        #expect(error?.reason.contains("a batch of 32 rows needs up to 1 GiB") == true, "\(error?.reason ?? "")")
        #expect(try TrainingForm.of(model(trees: 2)).graph.nodes.count > depth)
    }
}
