package import Names
package import Tensors

/// Runs a model over rows that are on any axis of its inputs and outputs, with shapes that may differ from run to run. The tensors that it
/// takes and gives have the rows on the first axis. A model with a fixed batch gets that many rows, the last one repeated, and the results
/// of the repeated rows are cut off.
///
/// It copies tensors, while `BoundSession` fills memory in place. That one is for models whose rows are the first axis everywhere and whose
/// other axes are all fixed.
package struct RowRun: Sendable {
    /// Describes an input that is the same in every run.
    package struct Constant: Sendable {
        /// The values of one row where `rowAxis` is given, else those of the whole input.
        package let tensor: Tensor
        /// The axis on which the row is repeated for as many rows as a run has.
        package let rowAxis: Int?

        package init(tensor: Tensor, rowAxis: Int?) {
            self.tensor = tensor
            self.rowAxis = rowAxis
        }
    }

    package let session: Session
    /// The axis of the rows, by input index, of each input that is filled from rows.
    package let inputAxes: [Int: Int]
    /// The constants by input index.
    package let constants: [Int: Constant]
    /// The outputs that are computed, as their index and their axis of the rows, in the order in which they are given.
    package let outputs: [(index: Int, axis: Int)]
    package let fixedRows: Int?

    package init(
        _ session: Session, inputAxes: [Int: Int], constants: [Int: Constant] = [:], outputs: [(index: Int, axis: Int)],
        fixedRows: Int? = nil
    ) {
        self.session = session
        self.inputAxes = inputAxes
        self.constants = constants
        self.outputs = outputs
        self.fixedRows = fixedRows
    }

    /// Runs the model over `rows` rows, at least one. `tensors` have the inputs by name, with the rows on the first axis.
    package func run(_ tensors: NameMap<Tensor>, rows: Int, cancellation: Cancellation? = nil) throws(EngineError) -> [EngineValue] {
        let runRows = fixedRows ?? rows
        let values = try raw(tensors, rows: rows, cancellation: cancellation)
        var cut: [EngineValue] = []
        for (output, value) in zip(outputs, values) {
            cut.append(try BoundSession.cut(try rowsFirst(value, output), session.outputs[output.index], to: rows, of: runRows))
        }
        return cut
    }

    /// Returns the model's outputs with the rows on the model's own axes, for `rows` rows or as many as the model fixes.
    package func raw(_ tensors: NameMap<Tensor>, rows: Int, cancellation: Cancellation? = nil) throws(EngineError) -> [EngineValue] {
        let given = try inputs(tensors, rows: rows)
        return try session.run(given, outputs: outputs.map { session.outputs[$0.index].name }, cancellation: cancellation)
    }

    /// Returns the values of all inputs of the model for `rows` rows, or as many as the model fixes.
    package func inputs(_ tensors: NameMap<Tensor>, rows: Int) throws(EngineError) -> [(name: String, value: EngineValue)] {
        let runRows = fixedRows ?? rows
        precondition(rows >= 1 && rows <= runRows, "\(rows) rows for a run of \(runRows)")
        var given: [(name: String, value: EngineValue)] = []
        for (index, info) in session.inputs.enumerated() {
            if let constant = constants[index] {
                guard let axis = constant.rowAxis else {
                    given.append((info.name, .tensor(constant.tensor)))
                    continue
                }
                let repeated = Tensor(constant.tensor.elementType, repeating: constant.tensor, count: runRows)
                given.append((info.name, .tensor(try info.moved(repeated, from: 0, to: axis))))
            } else if let axis = inputAxes[index] {
                guard let tensor = tensors[info.name] else { throw .missingInput(info.name, expected: "\(info.kind)") }
                guard let filled = tensor.rows(runRows) else {
                    throw .noBatchAxis(name: info.name, detail: "its rows cannot be repeated to fill the batch of \(runRows)")
                }
                given.append((info.name, .tensor(try info.moved(filled, from: 0, to: axis))))
            }
        }
        return given
    }

    /// Returns whether all of the output belongs to one row: a model that takes one row in every run may leave out the axis of the rows, as
    /// `[3, 4]` in place of `[1, 3, 4]`. An open axis, and one of a single element, could be the rows.
    package static func isOfOneRow(_ info: ValueInfo, fixedRows: Int?) -> Bool {
        guard fixedRows == 1, let dimensions = info.dimensions, !dimensions.isEmpty else { return false }
        return dimensions.allSatisfy { if case .fixed(let extent) = $0 { extent != 1 } else { false } }
    }

    private func rowsFirst(_ value: EngineValue, _ output: (index: Int, axis: Int)) throws(EngineError) -> EngineValue {
        guard case .tensor(let tensor) = value else { return value }
        let info = session.outputs[output.index]
        if fixedRows == 1, tensor.shape.rank == 0 || output.axis == 0 && Self.isOfOneRow(info, fixedRows: fixedRows) {
            return .tensor(tensor.reshaped(to: Shape([1] + tensor.shape.dimensions)) ?? tensor)
        }
        guard output.axis > 0 else { return value }
        guard output.axis < tensor.shape.rank else {
            throw .noBatchAxis(
                name: info.name, detail: "its shape is \(tensor.shape), without the axis \(output.axis) that is to be the rows")
        }
        return .tensor(try info.moved(tensor, from: output.axis, to: 0))
    }
}

extension ValueInfo {
    fileprivate func moved(_ tensor: Tensor, from: Int, to: Int) throws(EngineError) -> Tensor {
        guard let moved = tensor.movingAxis(from, to: to) else {
            throw .noBatchAxis(name: name, detail: "elements of type \(tensor.elementType.name) cannot be moved to another axis")
        }
        return moved
    }
}
