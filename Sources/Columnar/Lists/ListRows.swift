internal import CArrow

/// Holds the lists of one column over some rows, taken apart: each row is a block of `rank` axes.
struct ListRows {
    /// The innermost elements of all rows, in order.
    let elements: Column
    /// The positions at which the rows' elements begin, and the end.
    let starts: [Int]
    let rank: Int
    /// The extents, `rank` of them for each row, one row after the other.
    let extents: [Int]

    /// Names the first row that has no list, or has lists of different lengths side by side, and the reason why it cannot be taken.
    typealias Failure = (row: Int, reason: String)

    func extents(_ row: Int) -> ArraySlice<Int> { extents[row * rank..<(row + 1) * rank] }
}

extension Field {
    /// The depth of lists in which the elements of a column lie, and the field of the elements; 0 and the field itself for a column of
    /// single values.
    var nesting: (depth: Int, element: Field) {
        var depth = 0
        var field = self
        while field.type == .list, field.format != "+m", let inner = field.child(0) {
            depth += 1
            field = inner
        }
        return (depth, field)
    }

    /// The lengths of the lists that the file's type fixes, one for each level; nil where it fixes none.
    var fixedExtents: [Int?] {
        var extents: [Int?] = []
        var field = self
        while field.type == .list, let inner = field.child(0) {
            extents.append(field.format.hasPrefix("+w:") ? Int(field.format.dropFirst(3)) : nil)
            field = inner
        }
        return extents
    }
}

extension Column {
    /// Returns the sizes of a list view, beginning with the first row.
    func sizes<Size>(as type: Size.Type) -> UnsafePointer<Size> {
        guard let bytes = array.buffers[2] else { return UnsafePointer(emptyMemory.assumingMemoryBound(to: Size.self)) }
        return bytes.assumingMemoryBound(to: Size.self) + Int(array.offset)
    }

    /// Returns the lists of each row, of any kind that Arrow has, or the first row that is not a whole block.
    func lists(file: String) throws(ColumnarError) -> (rows: ListRows?, failure: ListRows.Failure?) {
        let (depth, element) = field.nesting
        var schema = exportSchema(field)
        var given = exportArray(self)
        let owner = ArrayOwner()
        let levels = [ArrowArray](repeating: ArrowArray(), count: depth)
        var error = CArrowError()
        var (status, opened): (Int32, [Column]) = (0, [])
        levels.withUnsafeBufferPointer { empty in
            let made = UnsafeMutablePointer<ArrowArray>.allocate(capacity: max(depth, 1))
            made.initialize(from: empty.baseAddress!, count: depth)
            status = carrow_unnest(&schema, &given, Int32(depth), made, owner.array, &error)
            let int64 = Field(name: field.name, format: "l")
            for level in 0..<depth {
                let owner = ArrayOwner(taking: made + level)
                opened.append(Column(field: int64, array: owner.array.pointee, owner: owner))
            }
            made.deallocate()
        }
        guard status == 0 else {
            error.column = 0
            throw ColumnarError(error, file: file, columns: [field.name])
        }
        return Self.blocks(opened, Column(field: element.renamed(field.name), array: owner.array.pointee, owner: owner))
    }

    /// Makes blocks from the lengths of each level's lists, the outermost first.
    private static func blocks(_ levels: [Column], _ elements: Column) -> (rows: ListRows?, failure: ListRows.Failure?) {
        let rank = levels.count
        let rowCount = levels[0].count
        let lengths = levels.map { $0.values(as: Int64.self) }
        var extents = [Int](repeating: 0, count: rowCount * rank)
        var starts = [0]
        starts.reserveCapacity(rowCount + 1)
        /// The number of lists taken so far at each level.
        var taken = [Int](repeating: 0, count: rank)
        return withExtendedLifetime(levels) {
            for row in 0..<rowCount {
                var lists = 1
                for level in 0..<rank {
                    let range = taken[level]..<taken[level] + lists
                    if levels[level].mayHaveNulls, range.contains(where: levels[level].isNull) { return (nil, (row, "there is no list")) }
                    let extent = range.isEmpty ? 0 : Int(lengths[level][range.lowerBound])
                    if let other = range.first(where: { Int(lengths[level][$0]) != extent }) {
                        let lists = "its lists have \(extent) and \(lengths[level][other]) elements"
                        return (nil, (row, "\(lists): all lists of a row must be of one length"))
                    }
                    extents[row * rank + level] = extent
                    taken[level] = range.upperBound
                    lists *= extent
                }
                starts.append(starts[row] + lists)
            }
            return (ListRows(elements: elements, starts: starts, rank: rank, extents: extents), nil)
        }
    }
}
