import Recipes
package import Tensors

/// Holds one output of the model over rows that may have different extents, which rows of lists with different lengths give.
package struct OutputLists: Sendable {
    /// The elements of all rows, row after row, in one axis.
    package let elements: Tensor
    /// The extents of each row.
    package let extents: [[Int]]
    /// The output `[N, ...]` as the model gave it, padding included; nil where rows were given different extents.
    package let whole: Tensor?
    /// Tells whether the output has an axis that is as long as the row's own lists, so that its rows are lists as well.
    package let followsLists: Bool

    package init(elements: Tensor, extents: [[Int]], whole: Tensor?, followsLists: Bool) {
        self.elements = elements
        self.extents = extents
        self.whole = whole
        self.followsLists = followsLists
    }

    /// Tells whether any row has a number of elements other than one.
    var isWide: Bool { extents.contains { $0.reduce(1, *) != 1 } }

    /// Returns one column of lists; each further axis adds a level of lists.
    func column(_ name: String, output: String) throws(ColumnarError) -> Column {
        let values = try OutputColumns().columns([(name, .tensor(elements))], rowCount: elements.elementCount, file: "")
        guard values.count == 1 else {
            throw .badRule(
                "model output \"\(output)\" is of type \(elements.elementType.name), of which no list column is made: leave it out with "
                    + "forward.outputs")
        }
        var column = values[0]
        let rank = extents.first?.count ?? 1
        for level in (0..<rank).reversed() {
            var lengths: [Int] = []
            for own in extents {
                let lists = own[..<level].reduce(1, *)
                for _ in 0..<lists { lengths.append(own[level]) }
            }
            column = Column(name: name, lengths: lengths, of: column)
        }
        return column
    }

    /// Returns the output with one shape for all rows, and throws where their shapes differ.
    func rectangle(_ output: String, _ wanted: String) throws(ColumnarError) -> Tensor {
        if let whole { return whole }
        let first = extents.first ?? []
        let other = extents.first { $0 != first } ?? first
        throw .badRule(
            "model output \"\(output)\" has rows of the shapes \(Shape(first)) and \(Shape(other)), which \(wanted): make lists of them "
                + "(forward.outputs: { \(output): NAME }, without a *, in a format other than npz), or fill all rows up to one length "
                + "(schema.inputs.NAME.length)")
    }
}
