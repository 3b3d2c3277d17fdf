import Columnar
import Engine
import Names
import PipelineConfig
import Recipes
import Tensors

/// Finds the inputs of a model that rows fill, and what their declarations say about the axis of the rows.
struct RowInputs {
    struct Row {
        let index: Int
        let name: String
        let type: ElementType
        /// The dimensions of the input; empty where the model does not state them.
        let dimensions: [Dimension]
        let axis: Int
        /// Tells whether the pipeline states the axis.
        let isStated: Bool

        /// The dimension of the rows, where the input's shape is stated.
        var rowDimension: Dimension? { dimensions.isEmpty ? nil : dimensions[axis] }
        var others: [(axis: Int, dimension: Dimension)] {
            dimensions.enumerated().filter { $0.offset != axis }.map { (axis: $0.offset, dimension: $0.element) }
        }
        var shape: String { "[" + dimensions.map(\.description).joined(separator: ", ") + "]" }
    }

    private(set) var rows: [Row] = []
    private(set) var problems: [AdmissionProblem] = []
    /// The symbols of axes of rows, each with an input that has it.
    private(set) var symbols: NameMap<String> = [:]
    /// The symbols of `symbols` that are on no other axis of these inputs: a model that calls every open axis `N` shows nothing by it.
    private var telling: NameSet = []
    private(set) var fixedRows: Int?

    init(_ inputs: [ValueInfo], unranked: NameSet, schema: RowSchema) {
        for (index, input) in inputs.enumerated() {
            do throws(AdmissionProblem) {
                if let row = try Self.row(index, input, isUnranked: unranked.contains(input.name), schema[input: input.name]) {
                    rows.append(row)
                }
            } catch { problems.append(error) }
        }
        for row in rows { if case .symbolic(let name)? = row.rowDimension, symbols[name] == nil { symbols[name] = row.name } }
        telling = NameSet(symbols.keys).subtracting(
            rows.flatMap { $0.others.compactMap { if case .symbolic(let name) = $0.dimension { name } else { nil } } })
        checkSymbols()
        checkFixed()
        if rows.isEmpty, problems.isEmpty {
            let why = inputs.isEmpty ? "the model has no input" : "every input of the model is given a value"
            problems.append(
                AdmissionProblem(
                    key: "schema.inputs", what: "\(why): there is nothing that rows could fill",
                    remedy: inputs.isEmpty
                        ? "Export the model with an input for the data."
                        : "Leave the value of one input out, so that columns fill it."))
        }
    }

    /// Returns nil where the pipeline gives the input a value.
    private static func row(_ index: Int, _ input: ValueInfo, isUnranked: Bool, _ said: InputSchema?) throws(AdmissionProblem) -> Row? {
        func problem(_ what: String, _ remedy: String) -> AdmissionProblem {
            AdmissionProblem(key: "schema.inputs.\(input.name)", what: "model input '\(input.name)' \(what)", remedy: remedy)
        }
        guard case .tensor(let number, let dimensions) = input.kind else {
            throw problem("is \(input.kind), which neither columns nor a value can fill", "Export the model with tensor inputs.")
        }
        guard let type = ElementType(rawValue: number), said?.value != nil || type.isFilledFromColumns else {
            throw problem("is of type \(input.kind), which no column can fill", "Export the model with an input type that tables have.")
        }
        if said?.value != nil { return nil }
        let axis = said?.batchAxis ?? 0
        if !isUnranked {
            guard !dimensions.isEmpty else {
                throw problem("is a single value without a row axis, which no column can fill", remedy(input.name, type, axis: nil))
            }
            guard axis < dimensions.count else {
                throw problem(
                    "has \(dimensions.count) axes, and its batch_axis is \(axis)", "Write a batch_axis from 0 to \(dimensions.count - 1).")
            }
            if case .fixed(let extent) = dimensions[axis], extent <= 0 {
                throw problem("has no room for rows: its axis \(axis) is fixed at \(extent)", "Export the model with an open batch axis.")
            }
        }
        return Row(
            index: index, name: input.name, type: type, dimensions: isUnranked ? [] : dimensions, axis: axis,
            isStated: said?.batchAxis != nil)
    }

    /// Returns how a user can give an input that columns cannot fill as it is.
    private static func remedy(_ name: String, _ type: ElementType, axis: Int?) -> String {
        let value = type == .string ? "\"…\"" : type == .bool ? "true" : "0"
        let give = "Give it in the pipeline, like schema.inputs.\(name): { value: \(value) }, or to forward as --value \(name)=\(value)"
        return axis.map { "\(give); or say which axis is the rows: schema.inputs.\(name): { batch_axis: \($0) }." } ?? "\(give)."
    }

    // MARK: Contradictions between inputs

    /// Adds a problem where an axis of one input has the symbol of another input's rows, and is not its own axis of the rows.
    private mutating func checkSymbols() {
        for row in rows where !row.isStated {
            if case .symbolic(let own)? = row.rowDimension, symbols[own]?.isName(row.name) != true { continue }
            for (axis, dimension) in row.others {
                guard case .symbolic(let name) = dimension, let owner = symbols[name], !owner.isName(row.name),
                    row.rowDimension != dimension, row.rowDimension != .unknown
                else { continue }
                problems.append(
                    AdmissionProblem(
                        key: "schema.inputs.\(row.name)",
                        what: "model input '\(row.name)' is \(row.shape): its axis \(axis) is '\(name)', the rows of '\(owner)', and its "
                            + "first axis is not",
                        remedy: Self.remedy(row.name, row.type, axis: axis)))
                break
            }
        }
    }

    private mutating func checkFixed() {
        let fixed = rows.compactMap { row in row.rowDimension?.value.map { (row: row, extent: $0) } }
        guard let first = fixed.first else { return }
        fixedRows = first.extent
        if let other = fixed.first(where: { $0.extent != first.extent }) {
            // A batch of one is common; an input with more is more likely to be the wrong one.
            let odd = first.extent == 1 ? other : first, usual = first.extent == 1 ? first : other
            let axis = odd.row.others.first { $0.dimension.value == usual.extent || $0.dimension.value == nil }?.axis
            problems.append(
                AdmissionProblem(
                    key: "schema.inputs.\(odd.row.name)",
                    what: "no number of rows fits model input '\(odd.row.name)' \(odd.row.shape), whose axis \(odd.row.axis) is fixed at "
                        + "\(odd.extent), and '\(usual.row.name)' \(usual.row.shape), whose axis \(usual.row.axis) is fixed at "
                        + "\(usual.extent)",
                    remedy: Self.remedy(odd.row.name, odd.row.type, axis: axis)))
        }
        guard first.extent != 1, fixed.count < rows.count else { return }
        for (row, extent) in fixed where !row.isStated && !problems.contains(where: { $0.key == "schema.inputs.\(row.name)" }) {
            guard let open = row.others.first(where: { $0.dimension == .unknown })?.axis,
                let other = rows.first(where: { $0.rowDimension?.value == nil })
            else { continue }
            problems.append(
                AdmissionProblem(
                    key: "schema.inputs.\(row.name)",
                    what: "model input '\(row.name)' is \(row.shape): its first axis is fixed at \(extent), that of '\(other.name)' is "
                        + "open, and so is its axis \(open): which one is the rows is not said",
                    remedy: Self.remedy(row.name, row.type, axis: open)))
        }
    }

    // MARK: Outputs

    /// Returns whether the output's declaration says that `axis` is the rows. Throws where it says that another axis is.
    func settles(_ output: ValueInfo, axis: Int) throws(AdmissionProblem) -> Bool {
        func problem(_ what: String, _ remedy: String) -> AdmissionProblem {
            AdmissionProblem(key: "forward.outputs.\(output.name)", what: "model output '\(output.name)' \(what)", remedy: remedy)
        }
        switch output.kind {
        case .tensor: break
        case .sequence(.map) where axis == 0: return false
        default:
            throw problem("is \(output.kind), which gives no columns", "Leave it out: name the outputs that are wanted in forward.outputs.")
        }
        let dimensions = output.dimensions ?? []
        if dimensions.isEmpty { return false }
        guard axis < dimensions.count else {
            throw problem(
                "has \(dimensions.count) axes, and its batch_axis is \(axis)", "Write a batch_axis from 0 to \(dimensions.count - 1).")
        }
        let shape = "[" + dimensions.map(\.description).joined(separator: ", ") + "]"
        let others = dimensions.enumerated().filter { $0.offset != axis }
        switch dimensions[axis] {
        case .symbolic(let name) where symbols[name] != nil: return true
        case .fixed(let extent) where extent == fixedRows: return true
        case .unknown: return false
        case .symbolic, .fixed: break
        }
        for (other, dimension) in others {
            let isRows: Bool
            switch dimension {
            case .symbolic(let name): isRows = fixedRows == nil && telling.contains(name)
            // Exporters write an extent of 1 where they know nothing, so it does not mark the rows.
            case .fixed(let extent): isRows = extent == fixedRows && extent != 1 && dimensions[axis].value != 1
            case .unknown: isRows = false
            }
            guard isRows else { continue }
            throw problem(
                "is \(shape): its axis \(other) is the rows, \(dimension.value.map { "\($0) in every run" } ?? "'\(dimension)'"), "
                    + "and its axis \(axis) is not",
                "Say so: forward.outputs.\(output.name): { batch_axis: \(other) }; or leave it out by naming the outputs that "
                    + "are wanted in "
                    + "forward.outputs.")
        }
        return false
    }
}
