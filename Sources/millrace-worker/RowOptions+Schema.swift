import Names
import ONNX
import PipelineConfig
import Recipes
import Reports
import Tensors
import Terminal

extension RowOptions {
    /// Returns the schema that the options describe.
    func schema(for loaded: Model, _ model: String) throws -> RowSchema {
        var names: [String] = []
        let inputs = loaded.graph.requiredInputs
        let axes = batchAxis.filter { axis in inputs.contains { $0.name.isName(axis.name) } }
        for assignment in columns + scale + value + axes where !names.containsName(assignment.name) { names.append(assignment.name) }
        let known = NameSet(inputs.map(\.name))
        if let slip = names.first(where: { !known.contains($0) }) {
            throw fail("\(model) has no input \(slip). It has \(known.sorted().joined(separator: ", ")).", ExitStatus.badConfiguration)
        }
        return RowSchema(
            inputs: try names.map { name in
                let parts = columns.last { $0.name.isName(name) }?.value.split(separator: ",").map(String.init)
                let selector: ColumnSelector? = parts.map { $0.count == 1 && $0[0].contains("*") ? .pattern($0[0]) : .list($0) }
                return InputSchema(
                    name: name, columns: selector, scale: scale.last { $0.name.isName(name) }.flatMap { Double($0.value) },
                    value: try value.last { $0.name.isName(name) }.map { given in
                        try values(given, isText: inputs.first { $0.name.isName(name) }?.type?.elementType == .string)
                    },
                    batchAxis: axes.last { $0.name.isName(name) }.flatMap { Int($0.value) })
            }, keep: keep)
    }

    private func values(_ assignment: Assignment, isText: Bool) throws -> [InputValue] {
        if isText { return [InputValue(text: assignment.value, isText: true)] }
        return try assignment.value.split(separator: ",", omittingEmptySubsequences: false).map { part in
            guard let value = InputValue(plain: String(part)) else {
                throw fail(
                    "--value \(assignment.name)=\(assignment.value): \(part) is no number, true or false.", ExitStatus.badConfiguration)
            }
            return value
        }
    }

    /// Returns the outputs that are asked for, each with its axis of the rows; nil where no option names any.
    func mappings(for loaded: Model, _ model: String) throws -> [OutputMapping]? {
        let known = loaded.graph.outputs.map(\.name)
        let inputs = Set(loaded.graph.requiredInputs.map(\.name))
        if let slip = batchAxis.first(where: { !known.contains($0.name) && !inputs.contains($0.name) }) {
            throw fail("\(model) has no input or output \(slip.name).", ExitStatus.badConfiguration)
        }
        guard !outputs.isEmpty || batchAxis.contains(where: { known.contains($0.name) }) else { return nil }
        let wanted = outputs.isEmpty ? known.map { (name: $0, columns: String?.none) } : outputs.map { (name: $0.name, columns: $0.value) }
        return wanted.map { output in
            OutputMapping(
                output: output.name, columns: output.columns,
                batchAxis: batchAxis.last { $0.name == output.name }.flatMap { Int($0.value) })
        }
    }
}
