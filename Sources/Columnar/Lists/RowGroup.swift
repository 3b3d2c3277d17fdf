package import Names
package import Tensors

/// Holds rows of a batch that go to the model together.
package struct RowGroup: Sendable {
    /// The positions of the rows in the batch.
    package let rows: [Int]
    /// The inputs by name; the first axis is `rows`.
    package let tensors: NameMap<Tensor>
    /// The length of each row's own lists, without padding, by the name of the axis.
    package let lengths: NameMap<[Int]>
}

/// Holds the elements of one input over some rows, row after row; each row is a block with extents of its own.
struct RowBlocks {
    let elements: Tensor
    /// The positions at which the rows' elements begin, and the end.
    var starts: [Int]
    let rank: Int
    /// The extents of the rows, `rank` for each row.
    var extents: [Int]

    func extents(_ row: Int) -> ArraySlice<Int> { extents[row * rank..<(row + 1) * rank] }

    /// Calls `body` with each run of a row's elements that is in one piece both in the row and in a block of `shape`.
    func forEachRun(_ row: Int, in shape: [Int], _ body: (_ source: Int, _ target: Int, _ count: Int) -> Void) {
        let own = Array(extents(row))
        // Axes after the last one that differs are copied whole.
        let inner = (own.indices.last { own[$0] != shape[$0] } ?? 0)
        guard !own.isEmpty else { return body(starts[row], 0, 1) }
        let run = own[inner...].reduce(1, *)
        let step = shape[inner...].reduce(1, *)
        if own.contains(0) { return }
        var index = [Int](repeating: 0, count: inner)
        var source = starts[row]
        while true {
            var block = 0
            for axis in 0..<inner { block = block * shape[axis] + index[axis] }
            body(source, block * step, run)
            source += run
            var axis = inner - 1
            while axis >= 0 {
                index[axis] += 1
                if index[axis] < own[axis] { break }
                index[axis] = 0
                axis -= 1
            }
            if axis < 0 { return }
        }
    }
}
