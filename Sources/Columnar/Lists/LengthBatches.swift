internal import Names
internal import Reasons
internal import Recipes
internal import Tensors

/// Decides which rows of different lengths share a run, fills the shorter ones up and makes masks. No other code does this.
///
/// Rows that a mask tells apart share a run whatever their lengths, and so do rows that are filled up to one `length`. Other rows share a
/// run only if they are equally long, since the model's result for a row must not depend on the other rows of its run. A window of rows is
/// sorted by length and cut into runs, so that memory is needed for a window only, whatever the file's size.
final class LengthBatches {
    let plan: LengthPlan
    private let rows: Int
    private let limits: ListLimits
    private let memory: NameMap<TensorBuffer>
    private let file: String
    /// The positions at which the elements of the window's rows begin, and the end, for each input.
    private var starts: [[Int]]
    private var extents: [[Int]]
    /// The extents of the file's first row, for each input without `pad`.
    private var first: [ArraySlice<Int>?]
    private var elementCount = 0

    /// - Parameter rows: the largest number of rows in one run.
    init(_ plan: LengthPlan, file: String, rows: Int, limits: ListLimits, memory: NameMap<TensorBuffer>) {
        self.plan = plan
        self.file = file
        self.rows = max(rows, 1)
        self.limits = limits
        self.memory = memory
        starts = plan.inputs.map { _ in [0] }
        extents = plan.inputs.map { _ in [] }
        first = plan.inputs.map { _ in nil }
    }

    /// The largest number of rows that are read before they are put together; it exceeds one run only where rows must be sorted by length.
    var windowRows: Int { plan.mayReorder && limits.isWindowed ? rows * 16 : rows }
    /// A window of 2^20 elements is large enough to find rows of one length; further rows wait for the next window.
    private static let windowElements = 1 << 20

    func begin() {
        elementCount = 0
        for index in plan.inputs.indices {
            starts[index] = [0]
            extents[index] = []
        }
    }

    /// Returns the first of `rows` that still fit into the window, at least one where it is empty.
    func fitting(_ rows: Range<Int>, _ lists: [ListRows?], isEmpty: Bool) -> Range<Int> {
        guard limits.isWindowed else { return rows }
        var count = elementCount
        for row in rows {
            for case let lists? in lists { count += lists.starts[row + 1] - lists.starts[row] }
            if count > Self.windowElements, row > rows.lowerBound || !isEmpty { return rows.lowerBound..<row }
        }
        return rows
    }

    /// Records the shape of rows whose elements the caller takes.
    func append(_ lists: ListRows, rows: Range<Int>, input index: Int, place: InputPlace) throws(ColumnarError) {
        let input = plan.inputs[index]
        for row in rows {
            let own = lists.extents(row)
            var shape: [Int]
            if own.count == input.axes.count {
                shape = Array(own)
            } else {
                guard let made = input.modelInput.rowShape(width: own.first ?? 0) else {
                    throw place.error(
                        row: row, column: 0, "\(Self.words(own)), which does not fit the shape \(input.modelInput.description)")
                }
                shape = made
            }
            // The extents of axes inside an empty list are not known.
            for axis in shape.indices where shape[..<axis].contains(0) { shape[axis] = input.axes[axis].extent ?? shape[axis] }
            try check(shape, row: row, index, place)
            let count = lists.starts[row + 1] - lists.starts[row]
            elementCount += count
            starts[index].append(starts[index][starts[index].count - 1] + count)
            extents[index] += shape
        }
    }

    private func check(_ shape: [Int], row: Int, _ index: Int, _ place: InputPlace) throws(ColumnarError) {
        let input = plan.inputs[index]
        for (axis, extent) in zip(input.axes, shape) {
            guard let most = axis.extent, extent > most || input.pad == nil && extent != most else { continue }
            let isLength = input.modelInput.dimensions[1...].contains(nil)
            let limit = isLength ? "schema.inputs.\(input.modelInput.name).length is \(most)" : "the input takes \(most)"
            let remedy =
                extent > most
                ? (isLength ? ": cut the list where the file is made, or raise it" : "")
                : ": give the input `pad: 0` (schema.inputs.\(input.modelInput.name).pad) if shorter lists are to be filled up"
            throw place.error(row: row, column: 0, "\(Self.words(shape[...])), \(limit)\(remedy)")
        }
        guard input.pad == nil else { return }
        guard let before = first[index] else {
            first[index] = shape[...]
            return
        }
        if before == shape[...] { return }
        throw place.error(
            row: row, column: 0,
            "\(Self.words(shape[...])), those of the rows before it \(Self.extent(before)): give the input `pad: 0` "
                + "(schema.inputs.\(input.modelInput.name).pad) if rows of different lengths are meant")
    }

    private static func extent(_ extents: ArraySlice<Int>) -> String {
        extents.count == 1 ? "\(extents.first!)" : Shape(Array(extents)).description
    }

    private static func words(_ extents: ArraySlice<Int>) -> String {
        extents.count == 1 ? "the list has \(extent(extents)) element\(extents.first == 1 ? "" : "s")" : "the lists are \(extent(extents))"
    }

    // MARK: Groups

    /// Returns the window's rows as runs.
    /// - Parameter elements: the elements of each input that columns fill, over all rows.
    func groups(_ elements: [Tensor?], rowCount: Int, firstRow: Int) throws(ColumnarError) -> [RowGroup] {
        var lengths: [Int: [Int]] = [:]
        var blocks: [RowBlocks?] = []
        for (index, input) in plan.inputs.enumerated() {
            if case .block(let shape) = input.source {
                let width = shape.reduce(1, *)
                starts[index] = (0...rowCount).map { $0 * width }
                extents[index] = (0..<rowCount).flatMap { _ in shape }
            }
            guard let tensor = elements[index] else { blocks.append(nil); continue }
            let own = RowBlocks(elements: tensor, starts: starts[index], rank: input.axes.count, extents: extents[index])
            blocks.append(own)
            try note(own, of: input, in: &lengths, rowCount, firstRow)
        }
        let runs = RunCut(plan, lengths, rowsAtMost: rows, placesAtMost: limits.places).runs(of: rowCount)
        return runs.map { rows in group(rows, blocks, lengths, isWhole: runs.count == 1) }
    }

    /// Records the extents of an input's rows. Inputs that share an axis must agree on its extent in every row.
    private func note(
        _ blocks: RowBlocks, of input: LengthPlan.Input, in lengths: inout [Int: [Int]], _ rowCount: Int, _ firstRow: Int
    ) throws(ColumnarError) {
        for (axis, each) in input.axes.enumerated() {
            let own = (0..<rowCount).map { blocks.extents[$0 * blocks.rank + axis] }
            guard let known = lengths[each.number] else {
                lengths[each.number] = own
                continue
            }
            guard let row = own.indices.first(where: { own[$0] != known[$0] }) else { continue }
            let other = plan.inputs.first { $0.source != .mask && $0.axes.contains { $0.number == each.number } }
            throw .badValue(
                TableLocation(file: file, row: firstRow + row, input: input.modelInput.name),
                reason: "it has \(own[row]) elements along the axis \(each.name.map { "\"\($0)\"" } ?? "\(axis + 1)"), and model input "
                    + "\"\(other?.modelInput.name ?? "")\" has \(known[row]) in the same row: both must be equally long")
        }
    }

    private func group(_ rows: [Int], _ blocks: [RowBlocks?], _ lengths: [Int: [Int]], isWhole: Bool) -> RowGroup {
        var tensors: NameMap<Tensor> = [:]
        var named: NameMap<[Int]> = [:]
        for (index, input) in plan.inputs.enumerated() {
            let shape = input.axes.enumerated().map { axis, each in
                if let extent = each.extent { return extent }
                let longest = lengths[each.number].map { own in rows.reduce(0) { max($0, own[$1]) } } ?? 0
                // Rows that are all padding get one place of it, because few models accept none.
                return plan.masked.contains(each.number) ? max(longest, 1) : longest
            }
            let target = isWhole ? memory[input.modelInput.name] : nil
            tensors[input.modelInput.name] =
                blocks[index].map { tensor($0, rows, shape, input, target, isWhole: isWhole) }
                ?? mask(rows, shape, input, lengths, target)
            guard input.source == .lists else { continue }
            for (axis, extent) in zip(input.axes, input.modelInput.dimensions.dropFirst()) where extent == nil {
                if let name = axis.name, let own = lengths[axis.number] { named[name] = rows.map { own[$0] } }
            }
        }
        return RowGroup(rows: rows, tensors: tensors, lengths: named)
    }

    private func tensor(
        _ blocks: RowBlocks, _ rows: [Int], _ shape: [Int], _ input: LengthPlan.Input, _ memory: TensorBuffer?, isWhole: Bool
    ) -> Tensor {
        let width = shape.reduce(1, *)
        let all = Shape([rows.count] + shape)
        let isFilledUp = rows.contains { blocks.extents($0) != shape[...] }
        if let strings = blocks.elements.strings {
            var padded = ""
            if case .text(let text)? = input.pad { padded = text }
            var made = [String](repeating: padded, count: rows.count * width)
            for (place, row) in rows.enumerated() {
                blocks.forEachRun(row, in: shape) { source, target, count in
                    for offset in 0..<count { made[place * width + target + offset] = strings[source + offset] }
                }
            }
            return Tensor(strings: made, shape: all)
        }
        let type = input.modelInput.elementType
        let inOrder = isWhole && zip(rows, rows.dropFirst()).allSatisfy(<)
        if memory == nil, inOrder, !isFilledUp, case .buffer(let buffer) = blocks.elements.storage {
            return Tensor(elementType: type, shape: all, buffer: buffer)
        }
        let size = (type.bitWidth ?? 8) / 8
        let buffer = memory ?? TensorBuffer(byteCount: rows.count * width * size)
        if isFilledUp, case .bytes(let element)? = input.pad { buffer.fill(element, count: rows.count * width) }
        withExtendedLifetime(blocks.elements) {
            let bytes = blocks.elements.bytes
            for (place, row) in rows.enumerated() {
                blocks.forEachRun(row, in: shape) { source, target, count in
                    (buffer.address + (place * width + target) * size).copyMemory(
                        from: bytes.baseAddress! + source * size, byteCount: count * size)
                }
            }
        }
        return Tensor(elementType: type, shape: all, buffer: buffer)
    }

    /// Returns the mask: 1 for every element of a row, 0 after its end.
    private func mask(
        _ rows: [Int], _ shape: [Int], _ input: LengthPlan.Input, _ lengths: [Int: [Int]], _ memory: TensorBuffer?
    ) -> Tensor {
        let type = input.modelInput.elementType
        let width = shape.reduce(1, *)
        let size = (type.bitWidth ?? 8) / 8
        let buffer = memory ?? TensorBuffer(byteCount: rows.count * width * size)
        guard case .bytes(let one)? = PadElement(1, type), case .bytes(let zero)? = PadElement(0, type) else {
            return Tensor(elementType: type, shape: Shape([rows.count] + shape), buffer: buffer)
        }
        buffer.fill(zero, count: rows.count * width)
        for (place, row) in rows.enumerated() {
            let own = input.axes.indices.map { axis in input.follows[axis] ? lengths[input.axes[axis].number]?[row] ?? 0 : shape[axis] }
            let block = RowBlocks(elements: Tensor(strings: [], shape: [0]), starts: [0], rank: own.count, extents: own)
            block.forEachRun(0, in: shape) { _, target, count in
                for offset in 0..<count {
                    for (byte, value) in one.enumerated() {
                        buffer.address.storeBytes(of: value, toByteOffset: (place * width + target + offset) * size + byte, as: UInt8.self)
                    }
                }
            }
        }
        return Tensor(elementType: type, shape: Shape([rows.count] + shape), buffer: buffer)
    }
}
