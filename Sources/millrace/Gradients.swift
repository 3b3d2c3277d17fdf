import ArgumentParser
import Autodiff
import Foundation
import ONNX
import Passes
import Tensors

struct Gradients: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "What of a model can be trained: its operators, those with a gradient and those refused and why. Nothing is run.",
        discussion: """
            Of its float initializers those are trained that stand where an operator has its weights, and those that are added or multiplied like a bias \
            or a scale. Single numbers, masks and positions are taken for constants, and BatchNormalization is frozen: an optimize stage says otherwise \
            with `train`, `freeze` and `batch_normalization`.
            Ends with 1 where an operator on the way from an output to a parameter has no gradient.
            """)

    @Argument(help: "An ONNX model.") var model: String
    @Flag(name: .long, help: "Every operator and every parameter, not only what is refused.") var list = false
    @OptionGroup var output: JSONFlag

    private struct Report: Encodable {
        struct Operator: Encodable {
            let type: String
            let nodes: Int
            /// `trainable`, `refused`, or `not on a path` from a float output to a parameter.
            let gradient: String
            let reasons: [String]
        }
        struct Parameter: Encodable {
            let name: String
            let shape: [Int]
            let isTrainable: Bool
            let reason: String?
        }
        var operators: [Operator]
        var parameters: [Parameter]
        var isTrainable: Bool { !operators.contains { $0.gradient == "refused" } && parameters.contains(where: \.isTrainable) }
    }

    func run() throws {
        try worded {
            let loaded = try loadedModel(model)
            do { try loaded.safetyCheck() } catch { throw fail("\(model): \(error)") }
            let report: Report
            do { report = try survey(loaded) } catch { throw fail("\(model): \(error)") }
            if output.json { try printJSON(report) } else { show(report) }
            if !report.isTrainable { throw ExitStatus.problems }
        }
    }

    private func survey(_ loaded: Model) throws -> Report {
        let model = try TrainingForm.of(loaded)
        let types = try model.inferTypes()
        let outputs = model.graph.outputs.map(\.name).filter { types[model.graph.numbers(behind: $0)]?.elementType?.isFloatingPoint ?? false }
        let parameters = model.graph.initializers.filter { $0.elementType == .float32 || $0.elementType == .float64 }
        let survey = try ReverseMode.survey(model, from: outputs.map { model.graph.numbers(behind: $0) }, for: parameters.map(\.name))
        var onPath: [String: PathSurvey.Entry] = [:]
        for entry in survey.entries { onPath[entry.operatorType] = entry }
        var places: [String: Set<String>] = [:]
        model.graph.forEachNode { places[$0.origin.operatorType, default: []].insert($0.origin.place) }
        let operators = places.keys.sorted().map { type in
            let entry = onPath[type]
            let reasons = entry?.refusals.map { "\($0)" } ?? []
            return Report.Operator(
                type: type, nodes: places[type]?.count ?? 0, gradient: entry == nil ? "not on a path" : reasons.isEmpty ? "trainable" : "refused",
                reasons: reasons)
        }
        // Which parameters a gradient reaches is known only where it can be built.
        let trained = survey.refusals.isEmpty ? try BackwardGraph(loaded, cotangentsOf: outputs) : nil
        let untrained = Dictionary((trained?.untrained ?? []).map { ($0.name, $0.reason) }, uniquingKeysWith: { first, _ in first })
        let roles = ParameterRoles(model)
        let normalizations = Set(model.graph.nodes.filter { $0.operatorType == "BatchNormalization" }.flatMap { $0.inputs.dropFirst().prefix(2) })
        return Report(
            operators: operators,
            parameters: parameters.map { tensor in
                var reason = trained == nil ? "an operator behind it may be refused" : untrained[tensor.name] ?? roles.constantReason(tensor)
                if reason == nil, normalizations.contains(tensor.name) { reason = "frozen, unless batch_normalization is affine or train" }
                return Report.Parameter(name: tensor.name, shape: tensor.shape.dimensions, isTrainable: reason == nil, reason: reason)
            })
    }

    private func show(_ report: Report) {
        let refused = report.operators.filter { $0.gradient == "refused" }
        if list {
            var table = TextTable("OPERATOR", "NODES", "GRADIENT")
            for entry in report.operators { table.add(entry.type, "\(entry.nodes)", entry.gradient) }
            print(table.render())
            for parameter in report.parameters {
                print("\(parameter.name) [\(parameter.shape.map(String.init).joined(separator: ", "))]: \(parameter.reason ?? "trained")")
            }
        } else {
            print(
                "\(report.operators.count { $0.gradient == "trainable" }) operators with a gradient, \(refused.count) refused; "
                    + "\(report.parameters.count(where: \.isTrainable)) of \(report.parameters.count) parameters trainable")
        }
        for entry in refused { for reason in entry.reasons { print("refused: \(reason)") } }
    }
}
