package import Names
package import Tensors

/// Plans how rows of a table become runs of a model: which inputs have one row per step of their first axis, and how many rows a run takes.
///
/// It refuses inputs that are no tensors, inputs without a first axis, fixed first axes that differ between inputs, and open axes after the
/// first that the caller does not fix. Outputs are checked when they exist: one whose first extent is not the number of rows is refused
/// then.
package struct BatchPlan: Sendable {
    package struct Input: Sendable, Hashable {
        /// The index among the model's inputs.
        package let index: Int
        package let name: String
        package let elementType: ElementType
        /// The shape of one row, without the batch axis.
        package let rowShape: Shape
        package var elementsPerRow: Int { rowShape.elementCount ?? 0 }
    }

    /// The inputs that are filled row by row, in the model's order.
    package let inputs: [Input]
    /// The values of the other inputs in every run, by input index.
    package let constants: [Int: Tensor]
    /// The number of rows of every run where the model fixes it; `nil` where any number is possible.
    package let fixedRows: Int?

    /// Makes a plan. `rowShapes` fixes open axes after the first, by input name; `constants` are inputs that do not follow the rows.
    package init(
        of session: Session, rowShapes: [String: Shape] = [:], constants: NameMap<Tensor> = [:]
    ) throws(EngineError) {
        var inputs: [Input] = []
        var fixed: (rows: Int, input: String)?
        var constantsByIndex: [Int: Tensor] = [:]
        for (name, tensor) in constants { constantsByIndex[try session.inputIndex(name)] = tensor }
        for name in rowShapes.keys { _ = try session.inputIndex(name) }
        for (index, input) in session.inputs.enumerated() where constantsByIndex[index] == nil {
            guard case .tensor(let number, let dimensions) = input.kind else {
                throw .noBatchAxis(name: input.name, detail: "it takes \(input.kind); only tensors can be filled from rows")
            }
            guard let elementType = ElementType(rawValue: number) else {
                throw .unsupportedElementType(name: input.name, type: "\(number)", detail: "it cannot be filled from rows")
            }
            guard !dimensions.isEmpty || rowShapes[input.name] != nil else {
                throw .noBatchAxis(name: input.name, detail: "its shape is not stated or it is a scalar")
            }
            if case .fixed(let rows)? = dimensions.first {
                if let fixed, fixed.rows != rows {
                    throw .noBatchAxis(
                        name: input.name, detail: "its first axis is fixed at \(rows), that of '\(fixed.input)' at \(fixed.rows)")
                }
                guard rows > 0 else { throw .noBatchAxis(name: input.name, detail: "its first axis is fixed at \(rows)") }
                fixed = (rows, input.name)
            }
            inputs.append(
                Input(
                    index: index, name: input.name, elementType: elementType,
                    rowShape: try Self.rowShape(input, dimensions, rowShapes[input.name])))
        }
        self.inputs = inputs
        self.constants = constantsByIndex
        fixedRows = fixed?.rows
    }

    /// Returns the number of rows of a run if the caller would like `wanted`.
    package func rows(wanted: Int) -> Int { fixedRows ?? max(wanted, 1) }

    private static func rowShape(_ input: ValueInfo, _ dimensions: [Dimension], _ given: Shape?) throws(EngineError) -> Shape {
        let open = dimensions.dropFirst()
        if let given {
            let fits =
                dimensions.isEmpty
                || given.rank == open.count && zip(given.dimensions, open).allSatisfy { $1.value == nil || $1.value == $0 }
            guard fits, given.elementCount != nil else {
                throw .wrongShape(input: input.name, expected: "\(input.kind)", found: "rows of \(given)")
            }
            return given
        }
        var extents: [Int] = []
        for dimension in open {
            guard let extent = dimension.value else {
                throw .noBatchAxis(name: input.name, detail: "the extent of its axis '\(dimension)' must be given")
            }
            extents.append(extent)
        }
        let shape = Shape(extents)
        guard shape.elementCount != nil else { throw .noBatchAxis(name: input.name, detail: "rows of \(shape) are too large") }
        return shape
    }
}
