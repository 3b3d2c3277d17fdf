import ArgumentParser
import Autodiff
import Foundation
import ONNX
import Passes
import Reports
import Tensors
import Terminal
import TrainingGraph

extension GradientsCommand: Computes {
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
            /// The shape; nil where the model stores the parameter in a form that is not trained.
            let shape: [Int]?
            let isTrainable: Bool
            let reason: String?
            /// The other names of the same weight, which the model stores more than once.
            let sharedWith: [String]
        }
        var operators: [Operator]
        var parameters: [Parameter]
        var isTrainable: Bool { !operators.contains { $0.gradient == "refused" } && parameters.contains(where: \.isTrainable) }
    }

    func compute() throws {
        try reportingErrors {
            let loaded = try loadedModel(model)
            do { try loaded.safetyCheck() } catch { throw fail("\(model): \(error)") }
            let report: Report
            do { report = try survey(loaded) } catch { throw fail("\(model): \(error)") }
            if output.json { try printJSON(report) } else { show(report) }
            if !report.isTrainable { throw ExitStatus.problems }
        }
    }

    private func survey(_ loaded: Model) throws -> Report {
        let survey = try ParameterSurvey(loaded)
        var onPath: [String: PathSurvey.Entry] = [:]
        for entry in survey.paths.entries { onPath[entry.operatorType] = entry }
        var places: [String: Set<String>] = [:]
        survey.form.graph.forEachNode { places[$0.origin.operatorType, default: []].insert($0.origin.place) }
        let operators = places.keys.sorted().map { type in
            let entry = onPath[type]
            let reasons = entry?.refusals.map { "\($0)" } ?? []
            return Report.Operator(
                type: type, nodes: places[type]?.count ?? 0,
                gradient: entry == nil ? "not on a path" : reasons.isEmpty ? "trainable" : "refused", reasons: reasons)
        }
        return Report(
            operators: operators,
            parameters: survey.parameters.map {
                Report.Parameter(
                    name: $0.name, shape: $0.shape?.dimensions, isTrainable: $0.reason == nil, reason: $0.reason, sharedWith: $0.sharedWith)
            })
    }

    private func show(_ report: Report) {
        let refused = report.operators.filter { $0.gradient == "refused" }
        if list {
            var table = TextTable("OPERATOR", "NODES", "GRADIENT")
            for entry in report.operators { table.add(entry.type, "\(entry.nodes)", entry.gradient) }
            for line in table.lines { print(line) }
            for parameter in report.parameters {
                let shape = parameter.shape.map { " [\($0.map(String.init).joined(separator: ", "))]" } ?? ""
                let others = parameter.sharedWith.joined(separator: ", ")
                let shared = others.isEmpty ? "" : "; the same weight as \(others), unless `untie` names it"
                print("\(parameter.name)\(shape): \(parameter.reason ?? "trained")\(shared)")
            }
        } else {
            print(
                "\(report.operators.count { $0.gradient == "trainable" }) operators with a gradient, \(refused.count) refused; "
                    + "\(report.parameters.count(where: \.isTrainable)) of \(report.parameters.count) parameters trainable")
        }
        for entry in refused { for reason in entry.reasons { print("refused: \(reason)") } }
    }
}
