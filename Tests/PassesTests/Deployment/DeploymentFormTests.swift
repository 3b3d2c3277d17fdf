import ConformanceSupport
import Engine
import Foundation
import ONNX
import Recipes
import Tensors
import TestSupport
import Testing

@testable import Passes

@Suite struct DeploymentFormTests {
    private static let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    // MARK: Names

    @Test func everyPassHasItsNameAndASentence() {
        let form = DeploymentForm { _ in nil }
        for pass in GraphPass.allCases {
            #expect(form.pass(pass).name == pass.rawValue)
            #expect(pass.summary.hasSuffix(".") && pass.summary.first?.isUppercase ?? false)
        }
        #expect(form.passes == GraphPass.standard && form.passes.count == GraphPass.allCases.count - 1)
    }

    @Test func anUnknownNameIsAnErrorThatListsThem() throws {
        #expect(try GraphPass(named: "fuse_batch_norm") == .fuseBatchNorm)
        let error = #expect(throws: UnknownGraphPass.self) { try GraphPass(named: "fuse_everything") }
        for pass in GraphPass.allCases { #expect("\(try #require(error))".contains(pass.rawValue)) }
        #expect("\(try #require(error))".contains("'fuse_everything'"))
    }

    // MARK: The whole list

    /// Each pass makes room for another: the fused product is standard again, its scale is computed, its weights are turned before the run.
    private var tangle: SmallModel {
        var small = SmallModel(
            opset: 17,
            [
                Node("Constant", [], ["two"], [Attribute("value_float", .float(2))]), Node("Mul", ["two", "half"], ["one"]),
                Node("Dropout", ["x"], ["d", "m"]), Node("Mul", ["d", "one"], ["e"]), Node("Identity", ["e"], ["f"]),
                Node("Transpose", ["w"], ["t"], [.ints("perm", 1, 0)]), Node("MatMul", ["f", "t"], ["p"]),
                Node("Add", ["p", "b"], ["g"]), Node("BatchNormalization", ["g", "s", "b", "b", "v"], ["n"]),
                Node("Gelu", ["n"], ["o"], domain: "com.microsoft", []), Node("Gelu", ["n"], ["q"], domain: "com.microsoft", []),
                Node("Sub", ["o", "r"], ["y"]), Node("Neg", ["q"], ["unused"]), Node("Relu", ["q"], ["r"]),
            ], inputs: [("x", ramp([3, 5]))],
            initializers: [
                ("half", scalar(0.5)), ("w", ramp([4, 5])), ("b", floats(0.5, -1, 2, 3)), ("s", floats(1, 2, 3, 4)),
                ("v", floats(0.5, 1, 2, 3)),
            ])
        small.model.graph.nodes.swapAt(11, 13)
        small.model.operatorSets.append(OperatorSet(domain: "com.microsoft", version: 1))
        return small
    }

    @Test func passesRunUntilNoneFindsAnything() throws {
        let form = try Deployed(tangle.model, GraphPass.standard)
        #expect(form.operators == ["Gemm", "Mul", "Erf", "Add", "Mul", "Mul", "Relu", "Sub"])
        #expect(form.changes.nodesBefore == 14 && form.changes.nodesAfter == 8)
        for pass in [
            .standardizeOperators, .removeTrainingNodes, .foldConstants, .removeIdentities, .fuseGemm, .fuseBatchNorm, .shareSubexpressions,
            .removeDeadNodes, .removeUnusedInitializers,
        ] as [GraphPass] {
            #expect(form.changes[pass] > 0, "\(pass)")
        }
        #expect(form.changes[.standardizeOperators] == 2 && form.changes[.mergeReshapes] == 0)
        #expect(try form.difference([("x", ramp([3, 5]))]) == nil)
        let again = try Deployed(form.after, GraphPass.standard)
        #expect(again.isUnchanged)
    }

    /// The report is what a card keeps.
    @Test func theReportSurvivesJSON() throws {
        let changes = try Deployed(tangle.model, GraphPass.standard).changes
        #expect(try JSONDecoder().decode(GraphChanges.self, from: JSONEncoder().encode(changes)) == changes)
        #expect(Set(changes.changes.map(\.pass)).count == changes.changes.count)
    }

    @Test func aModelWithoutAChangeKeepsItsBytes() throws {
        var small = SmallModel(opset: 17, [Node("Neg", ["x"], ["y"])], inputs: [("x", ramp([2]))])
        small.model.operatorSets.append(OperatorSet(domain: "", version: 17))
        let form = try Deployed(small.model, GraphPass.standard)
        #expect(form.isUnchanged)
        #expect(try form.after.serialized() == small.model.serialized())
    }

    /// Exporters leave wrong shapes behind, such as a batch of one, and engines only warn of them. That is no fault of the pass that
    /// shows it.
    @Test func aWrongStatementOfTheFileIsNoFault() throws {
        var small = SmallModel(
            opset: 17,
            [
                Node("Concat", ["rows", "rest"], ["shape"], [.int("axis", 0)]), Node("Mul", ["shape", "one"], ["target"]),
                Node("Reshape", ["x", "target"], ["r"]), Node("Neg", ["r"], ["y"]),
            ], inputs: [("x", ramp([6]))], initializers: [("rows", ints([2])), ("rest", ints([3])), ("one", ints([1, 1]))])
        small.model.graph.values = [
            Value("r", .tensor(.float32, [.fixed(1), .fixed(6)])), Value("target", .tensor(.int64, [.fixed(7)])),
        ]
        small.model.graph.outputs = [Value("y", .tensor(.float32, [.fixed(1), .fixed(6)]))]
        let form = try Deployed(small.model, GraphPass.standard)
        #expect(form.operators == ["Reshape", "Neg"] && form.after.graph.values.map(\.name) == ["r"])
        #expect(try form.difference([("x", ramp([6]))], exact: true) == nil)
    }

    /// What a caller may override is no constant, unless a pipeline says that nobody will.
    @Test func initializersThatAreInputsAreBoundOnRequestOnly() throws {
        let small = SmallModel(
            opset: 17, [Node("Sqrt", ["w"], ["root"]), Node("Add", ["x", "root"], ["y"])], inputs: [("x", ramp([3]))],
            initializers: [("w", floats(4, 9, 16))]
        ).overriding("w")
        #expect(try Deployed(small.model, GraphPass.standard).isUnchanged)
        let form = try Deployed(small, .bindInitializers, .foldConstants)
        #expect(form.operators == ["Add"] && form.after.graph.inputs.map(\.name) == ["x"])
        #expect(try form.difference([("x", ramp([3]))], exact: true) == nil)
    }

    /// A pass that breaks a model is named, and the model is as it was.
    @Test func aPassThatFailsIsNamedWithThoseBefore() throws {
        var model = tangle.model
        let form = DeploymentForm([.removeIdentities, .foldConstants]) { _ in [Tensor(.float32, [7], [Float](repeating: 1, count: 7))] }
        let error = #expect(throws: PassError.self) { try form.apply(to: &model) }
        #expect(error?.pass == "fold_constants" && error?.after == ["remove_identities"])
        #expect(model == tangle.model)
    }

    // MARK: Exported models

    /// Every model that exporters wrote and that lies in the tests, and those of the samples.
    private static let exported: [String] = {
        var found: [String] = []
        for folder in ["Tests/EndToEndTests/Zoo", "Tests/TrainingGraphTests/Golden", "Tests/PassesTests/Classic", "samples"] {
            let files = FileManager.default.enumerator(atPath: repository.path + "/" + folder)
            for case let file as String in files ?? FileManager.DirectoryEnumerator() where file.hasSuffix(".onnx") {
                found.append(folder + "/" + file)
            }
        }
        return found.sorted()
    }()

    @Test func exportedModelsComputeTheSame() throws {
        var ran = 0, total = GraphChanges(nodesBefore: 0)
        for name in Self.exported {
            let url = Self.repository.appendingPathComponent(name)
            let model = try Model(serialized: Data(contentsOf: url))
            let inputs = SampleInputs.of(model, rows: 4)
            guard let before = try? run(model, inputs), !before.isEmpty else { continue }
            ran += 1
            let form = try Deployed(model, GraphPass.standard)
            for change in form.changes.changes { total.add(change.count, to: change.pass) }
            let difference = try SampleInputs.difference(form.after, model, inputs)
            #expect(difference == nil, "\(name): \(difference ?? "") after \(form.changes.changes)")
            #expect(try Deployed(form.after, GraphPass.standard).isUnchanged, "\(name)")
        }
        #expect(ran > 100, "\(ran) of \(Self.exported.count)")
        for pass in [
            .foldConstants, .removeIdentities, .mergeReshapes, .fuseGemm, .shareInitializers, .shareSubexpressions, .removeDeadNodes,
        ] as [GraphPass] {
            #expect(total[pass] > 0, "\(pass)")
        }
    }
}
