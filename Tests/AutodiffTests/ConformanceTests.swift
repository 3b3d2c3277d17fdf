import Autodiff
import ConformanceSupport
import Engine
import Foundation
import ONNX
import Passes
import Tensors
import Testing

/// The ONNX project's own models: wherever float inputs or weights lead to float outputs, gradients are built, run, and agree with central
/// differences. `conformance-exceptions.txt` names the others with a reason each, and may only shrink.
@Suite struct ConformanceTests {
    @Test func gradientsOfTheONNXProjectsModels() throws {
        let exceptions = try ConformanceExceptions()
        var tally: [String: Int] = [:]
        var refused: [String: Set<String>] = [:]
        for (version, kinds) in [("1.22.0", ["simple", "pytorch-converted", "pytorch-operator"]), ("1.23.2", ["node"])] {
            for testCase in try ConformanceCase.all(version: version, kinds: kinds) {
                let outcome = ModelGradients(testCase).outcome
                tally[outcome.kind, default: 0] += 1
                switch outcome {
                case .refused(let operators):
                    for type in operators { refused[type, default: []].insert(testCase.name) }
                    if operators.contains(where: { exceptions.operators[$0] == nil }) {
                        Issue.record("\(testCase.name): \(operators.sorted()) without a rule, and not listed")
                    }
                case .mismatch(let detail):
                    if exceptions.models[testCase.name] == nil { Issue.record("\(testCase.name): \(detail)") }
                case .agrees, .notRun, .unreached, .large:
                    if exceptions.models[testCase.name] != nil {
                        Issue.record("\(testCase.name) is listed and \(outcome.kind): take it out of conformance-exceptions.txt")
                    }
                }
            }
        }
        for type in exceptions.operators.keys.sorted() where refused[type] == nil {
            Issue.record("\(type) is refused in no model any more: take it out of conformance-exceptions.txt")
        }
        #expect(tally["agrees", default: 0] >= 1000, "\(tally)")
        #expect(tally["large", default: 0] < 10, "\(tally)")
    }
}

/// One model's gradients by all its float inputs and weights.
private struct ModelGradients {
    enum Outcome {
        case agrees
        /// The engine does not run the model, or what goes in and out are not tensors.
        case notRun
        /// More than fifty thousand elements: some pools, of which there are smaller ones.
        case large
        /// No float input leads to a float output.
        case unreached
        case refused(Set<String>)
        case mismatch(String)

        var kind: String { "\(self)".prefix { $0 != "(" }.description }
    }

    private(set) var outcome = Outcome.notRun

    init(_ testCase: ConformanceCase) {
        do { outcome = try Self.check(testCase) } catch { outcome = .mismatch("\(error)") }
    }

    private static func isComputed(_ type: ElementType?) -> Bool { type == .float32 || type == .float64 }

    private static func check(_ testCase: ConformanceCase) throws -> Outcome {
        let bytes = try testCase.modelBytes()
        let sets = try testCase.dataSets(of: bytes)
        guard let set = sets.first, runs(bytes, set), let form = trainingForm(bytes) else { return .notRun }
        var model = form
        var inputs: [(name: String, tensor: Tensor)] = []
        for (name, value) in set.inputs where model.graph.requiredInputs.contains(where: { $0.name == name }) {
            guard let tensor = value.tensor else { return .notRun }
            // Shapes, axes and the like are constants, as in real exports.
            if tensor.elementType == .int64, let position = model.graph.inputs.firstIndex(where: { $0.name == name }) {
                model.graph.inputs.remove(at: position)
                model.graph.initializers.append(StoredTensor(name, tensor))
            } else {
                inputs.append((name, tensor))
            }
        }
        // Weights become inputs.
        for stored in model.graph.initializers where isComputed(stored.elementType) && (stored.elementCount ?? 0) > 0 {
            let tensor = try stored.tensor()
            inputs.append((stored.name, tensor))
            if !model.graph.inputs.contains(where: { $0.name == stored.name }) {
                model.graph.inputs.append(Value(stored.name, .tensor(tensor.elementType, tensor.shape)))
            }
        }
        model.graph.initializers.removeAll { stored in inputs.contains { $0.name == stored.name } }
        let wanted = inputs.filter { input in
            isComputed(input.tensor.elementType) && input.tensor.elementCount > 0 && isVaried(input.name, in: model.graph)
        }.map(\.name)
        let outputs = model.graph.outputs.filter { output in
            isComputed(output.type?.elementType)
                && set.expected.contains { $0.name == output.name && ($0.value.tensor?.elementCount ?? 0) > 0 }
        }.map(\.name)
        if wanted.isEmpty || outputs.isEmpty { return .unreached }
        if inputs.contains(where: { $0.tensor.elementCount > 50_000 }) { return .large }
        guard let survey = try survey(model, outputs, wanted) else { return .unreached }
        if !survey.refusals.isEmpty { return .refused(Set(survey.entries.filter { !$0.refusals.isEmpty }.map(\.operatorType))) }
        var check = GradientCheck(
            model: model, inputs: inputs, wanted: wanted, outputs: outputs, steps: [1e-2, 2e-3, 4e-4], tolerance: 1e-2)
        check.directions = [3]
        check.takesMissingAsZero = true
        check.allowsForRounding = true
        check.optimization = .none
        try check.run()
        return .agrees
    }

    private static func runs(_ model: Data, _ set: ConformanceCase.DataSet) -> Bool {
        do {
            _ = try Session(model: model, options: SessionOptions(optimization: .none)).run(set.inputs)
            return true
        } catch { return false }
    }

    private static func trainingForm(_ model: Data) -> Model? {
        do { return try TrainingForm.of(Model(serialized: model)) } catch { return nil }
    }

    /// `nil` where nothing depends on what is wanted.
    private static func survey(_ model: Model, _ outputs: [String], _ wanted: [String]) throws -> PathSurvey? {
        do { return try ReverseMode.survey(model, from: outputs, for: wanted) } catch {
            if case .nothingTrainable = error { return nil }
            throw error
        }
    }

    /// Whether an input is used as something that may vary: shapes, ratios and the like may not.
    private static func isVaried(_ name: String, in graph: Graph) -> Bool {
        var varied = true
        graph.forEachNode { node in
            for (position, input) in node.inputs.enumerated()
            where input == name && !ReverseMode.isDifferentiable(input: position, of: node) {
                varied = false
            }
        }
        return varied
    }
}

/// Lines `model NAME why` and `operator TYPE why`.
private struct ConformanceExceptions {
    private(set) var models: [String: String] = [:]
    private(set) var operators: [String: String] = [:]

    init() throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("conformance-exceptions.txt")
        for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") where !line.hasPrefix("#") {
            let words = line.split(separator: " ", maxSplits: 2).map(String.init)
            guard words.count == 3 else { continue }
            if words[0] == "model" { models[words[1]] = words[2] }
            if words[0] == "operator" { operators[words[1]] = words[2] }
        }
    }
}
