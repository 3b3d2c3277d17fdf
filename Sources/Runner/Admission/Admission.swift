package import Attempts
package import Columnar
package import Engine
package import Names
package import PipelineConfig
import Reasons
package import Recipes
import Tensors

/// Decides whether rows can fill a model's inputs and come out of its outputs: which axis of each is the rows, which inputs are the same in
/// every row, and which inputs no row can fill. It decides from what the model declares and the pipeline says, before there is any data;
/// the daemon, `forward`, `init` and `lint --model` all use it.
///
/// A declaration contradicts the pipeline where it has the rows' symbol on another axis than the pipeline's, or fixed extents that differ.
/// A declaration that says too little (`[1]` for any number of rows, `?`, nothing) contradicts nothing: such an output is not settled, and
/// `RowEvidence` decides by running the model on two numbers of rows.
package struct Admission: Sendable {
    /// An input that columns fill.
    package struct Input: Sendable {
        package let index: Int
        /// The input, with the rows moved to the first axis.
        package let modelInput: ModelInput
        package let axis: Int
    }

    /// An output that lands.
    package struct Output: Sendable {
        package let index: Int
        package let name: String
        package let axis: Int
        /// Tells whether the model's declaration says that this axis is the rows.
        package let isSettled: Bool
        /// Tells whether the axis of the rows may be missing, because the model takes one row in every run.
        package var mayLackRows = false
    }

    package let inputs: [Input]
    /// The inputs that are the same in every row, by index.
    package let constants: [Int: RowRun.Constant]
    package let outputs: [Output]
    /// The number of rows in every run, where the model fixes it.
    package let fixedRows: Int?

    /// Tells whether the rows are the first axis everywhere and the other axes of all inputs are fixed, so that memory can be bound once.
    package var isPlain: Bool {
        inputs.allSatisfy { $0.axis == 0 && !$0.modelInput.isUnranked && !$0.modelInput.dimensions.dropFirst().contains(nil) }
            && constants.values.allSatisfy { $0.rowAxis == nil } && outputs.allSatisfy { $0.axis == 0 && !$0.mayLackRows }
    }

    /// - Parameters:
    ///   - unranked: inputs whose shape the model does not state; the engine shows them like scalars.
    ///   - mappings: the outputs that land; nil: all.
    package init(
        inputs: [ValueInfo], outputs: [ValueInfo], unranked: NameSet = [], schema: RowSchema, mappings: [OutputMapping]?
    ) throws(AdmissionRefusal) {
        var problems = Self.unknownNames(inputs, outputs, schema, mappings)
        let filled = RowInputs(inputs, unranked: unranked, schema: schema)
        problems += filled.problems
        var constants: [Int: RowRun.Constant] = [:]
        for (index, input) in inputs.enumerated() {
            guard let said = schema[input: input.name], let values = said.value, case .tensor(let number, let dimensions) = input.kind,
                let type = ElementType(rawValue: number)
            else { continue }
            do throws(AdmissionProblem) {
                let shape = unranked.contains(input.name) ? nil : dimensions
                let constant = try ConstantInput(input.name, type, shape, batchAxis: said.batchAxis, rowSymbols: filled.symbols)
                constants[index] = try constant.constant(values)
            } catch { problems.append(error) }
        }
        var landing: [Output] = []
        for (index, axis) in Self.landing(outputs, mappings) {
            do throws(AdmissionProblem) {
                let output = outputs[index]
                landing.append(
                    Output(
                        index: index, name: output.name, axis: axis, isSettled: try filled.settles(output, axis: axis),
                        mayLackRows: filled.fixedRows == 1 && output.dimensions?.isEmpty == true
                            || axis == 0 && RowRun.isOfOneRow(output, fixedRows: filled.fixedRows)))
            } catch { problems.append(error) }
        }
        guard problems.isEmpty else { throw AdmissionRefusal(problems: problems) }
        self.inputs = filled.rows.map { row in
            // For an input without a stated shape, it is only known that it has rows.
            let inner = row.dimensions.isEmpty ? [nil] : row.dimensions.enumerated().filter { $0.offset != row.axis }.map(\.element.value)
            let first = row.dimensions.isEmpty ? nil : row.dimensions[row.axis].value
            let symbols =
                row.dimensions.isEmpty
                ? []
                : [row.dimensions[row.axis].symbol]
                    + row.dimensions.enumerated().filter { $0.offset != row.axis }.map(\.element.symbol)
            return Input(
                index: row.index,
                modelInput: ModelInput(
                    name: row.name, elementType: row.type, dimensions: [first] + inner, symbols: symbols,
                    isUnranked: row.dimensions.isEmpty),
                axis: row.axis)
        }
        self.constants = constants
        self.outputs = landing
        fixedRows = filled.fixedRows
    }

    private static func landing(_ outputs: [ValueInfo], _ mappings: [OutputMapping]?) -> [(index: Int, axis: Int)] {
        guard let mappings else { return outputs.indices.map { ($0, 0) } }
        var landing: [(index: Int, axis: Int)] = []
        for mapping in mappings {
            guard let index = outputs.firstIndex(where: { $0.name.isName(mapping.output) }), !landing.contains(where: { $0.index == index })
            else { continue }
            landing.append((index, mapping.batchAxis ?? 0))
        }
        return landing
    }

    private static func unknownNames(
        _ inputs: [ValueInfo], _ outputs: [ValueInfo], _ schema: RowSchema, _ mappings: [OutputMapping]?
    ) -> [AdmissionProblem] {
        func problem(_ kind: String, _ name: String, _ known: [ValueInfo]) -> AdmissionProblem? {
            if known.contains(where: { $0.name.isName(name) }) { return nil }
            let names = known.map { "'\($0.name)'" }.joined(separator: ", ")
            return AdmissionProblem(
                key: kind == "input" ? "schema.inputs.\(name)" : "forward.outputs.\(name)",
                what: "the pipeline names the model \(kind) '\(name)'; the model has \(names.isEmpty ? "none" : names)",
                remedy: "Export the model with that \(kind), or change the pipeline.")
        }
        let named = schema.inputs.map(\.name) + schema.inputs.compactMap(\.mask)
        return named.compactMap { problem("input", $0, inputs) }
            + (mappings ?? []).compactMap { problem("output", $0.output, outputs) }
    }

    /// Throws where the schema names an input that the model lacks.
    package static func checkNames(_ inputs: [ValueInfo], _ outputs: [ValueInfo], _ schema: RowSchema) throws(AdmissionRefusal) {
        let problems = unknownNames(inputs, outputs, schema, nil)
        if !problems.isEmpty { throw AdmissionRefusal(problems: problems) }
    }

    /// Returns runs of the model over rows, on whatever axes it has them.
    package func run(on session: Session) -> RowRun {
        RowRun(
            session, inputAxes: Dictionary(uniqueKeysWithValues: inputs.map { ($0.index, $0.axis) }), constants: constants,
            outputs: outputs.map { ($0.index, $0.axis) }, fixedRows: fixedRows)
    }
}

/// One reason why a model cannot be scored as the pipeline says.
package struct AdmissionProblem: Error, Sendable, Codable, Equatable {
    /// The pipeline's key that could solve the problem, like `schema.inputs.sr`.
    package let key: String
    /// The fault, with the name of the input or output.
    package let what: String
    package let remedy: String
}

package struct AdmissionRefusal: Error, Sendable {
    package let problems: [AdmissionProblem]

    package func failure(at place: String) -> Failure {
        Failure(
            .badModel, rule: .modelSignature, what: Reason(problems.map(\.what).joined(separator: "; ")), place: place,
            remedy: problems.map(\.remedy).reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }.joined(separator: " "))
    }
}
