package import Names
package import Tensors

/// Describes the axes of a model output after the axis of the rows, as far as they decide whether rows may differ in them.
package struct OutputAxes: Sendable {
    package struct Axis: Sendable {
        /// The fixed extent of the axis; nil where it is open.
        package let extent: Int?
        package let name: String?

        package init(extent: Int?, name: String?) {
            self.extent = extent
            self.name = name
        }
    }

    /// The axes; nil where the model does not state them.
    package let axes: [Axis]?

    package init(_ axes: [Axis]?) { self.axes = axes }

    var isOpen: Bool { axes.map { $0.contains { $0.extent == nil } } ?? true }

    /// Returns whether every open axis is one of the inputs' axes, so that each row's own part of it is known.
    package func areAllAmong(_ names: NameSet) -> Bool {
        guard let axes else { return false }
        return axes.allSatisfy { $0.extent != nil || $0.name.map(names.contains) ?? false }
    }
}

extension OutputValue {
    /// Returns one output in the order of the batch's rows, from the outputs of the batch's runs. An axis that is as long as a row's lists
    /// is cut to the row's length.
    package static func merging(
        _ parts: [Tensor], of groups: [RowGroup], output: String, axes: OutputAxes, listAxes: NameSet
    ) throws(ColumnarError) -> OutputValue {
        var plain: [Tensor] = []
        for (part, group) in zip(parts, groups) {
            guard part.shape.dimensions.first == group.rows.count else {
                throw .badRule(
                    "model output \"\(output)\" has the shape \(part.shape) for \(group.rows.count) rows: its first axis must be the rows")
            }
            plain.append(part.plain)
        }
        let shapes = plain.map { Array($0.shape.dimensions.dropFirst()) }
        let isOneShape = shapes.allSatisfy { $0 == shapes[0] }
        let rowCount = groups.reduce(0) { $0 + $1.rows.count }
        let whole =
            isOneShape
            ? plain.scattered(groups, Array(repeating: shapes[0], count: rowCount), shape: Shape([rowCount] + shapes[0])) : nil
        guard axes.isOpen || !isOneShape, shapes.allSatisfy({ !$0.isEmpty && $0.count == shapes[0].count }) else {
            guard let whole else {
                throw .badRule("model output \"\(output)\" has \(Shape(shapes[0])) in some rows and another number of axes in others")
            }
            return .tensor(whole)
        }
        var extents = [[Int]](repeating: [], count: rowCount)
        var follows = false
        for (group, shape) in zip(groups, shapes) {
            for (place, row) in group.rows.enumerated() {
                var own = shape
                for (axis, each) in (axes.axes ?? []).enumerated() where each.extent == nil && axis < own.count {
                    guard let name = each.name, listAxes.contains(name) else { continue }
                    follows = true
                    if let length = group.lengths[name]?[place] { own[axis] = min(length, own[axis]) }
                }
                extents[row] = own
            }
        }
        let count = extents.reduce(0) { $0 + $1.reduce(1, *) }
        let elements = plain.scattered(groups, extents, shape: [count])
        return .lists(OutputLists(elements: elements, extents: extents, whole: whole, followsLists: follows))
    }
}

extension [Tensor] {
    /// Returns the rows of all groups in the batch's order, with the part of each row that `extents` gives.
    fileprivate func scattered(_ groups: [RowGroup], _ extents: [[Int]], shape: Shape) -> Tensor {
        var starts = [0]
        for own in extents { starts.append(starts[starts.count - 1] + own.reduce(1, *)) }
        if let type = first?.elementType, type == .string {
            var made = [String](repeating: "", count: starts[extents.count])
            forEachRun(groups, extents, starts) { part, source, target, count in
                guard let strings = self[part].strings else { return }
                for offset in 0..<count { made[target + offset] = strings[source + offset] }
            }
            return Tensor(strings: made, shape: shape)
        }
        let type = first?.elementType ?? .float32
        let size = (type.bitWidth ?? 8) / 8
        let buffer = TensorBuffer(byteCount: starts[extents.count] * size)
        forEachRun(groups, extents, starts) { part, source, target, count in
            guard count > 0, let bytes = self[part].bytes.baseAddress else { return }
            (buffer.address + target * size).copyMemory(from: bytes + source * size, byteCount: count * size)
        }
        return withExtendedLifetime(self) { Tensor(elementType: type, shape: shape, buffer: buffer) }
    }

    private func forEachRun(
        _ groups: [RowGroup], _ extents: [[Int]], _ starts: [Int], _ body: (_ part: Int, _ source: Int, _ target: Int, _ count: Int) -> Void
    ) {
        for (part, group) in groups.enumerated() {
            let shape = self[part].shape.dimensions.dropFirst().map { $0 }
            let width = shape.reduce(1, *)
            for (place, row) in group.rows.enumerated() {
                // The row's own part is in one piece; the model's output may have padding between the pieces of it.
                let block = RowBlocks(elements: self[part], starts: [0], rank: shape.count, extents: extents[row])
                block.forEachRun(0, in: shape) { own, padded, count in body(part, place * width + padded, starts[row] + own, count) }
            }
        }
    }
}
