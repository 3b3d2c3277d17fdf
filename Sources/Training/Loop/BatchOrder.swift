/// Decides which rows each batch of an epoch has.
struct BatchOrder {
    let rowCount: Int
    let batchSize: Int
    /// Tells whether the model takes batches of `batchSize` only.
    let isFixed: Bool
    private let order: RowPermutation

    init(rowCount: Int, batchSize: Int, isFixed: Bool, seed: UInt64, epoch: Int) {
        self.rowCount = rowCount
        self.batchSize = batchSize
        self.isFixed = isFixed
        order = RowPermutation(count: rowCount, seed: seed, epoch: epoch)
    }

    static func count(rows: Int, batchSize: Int) -> Int { (rows + batchSize - 1) / batchSize }

    var count: Int { Self.count(rows: rowCount, batchSize: batchSize) }

    /// Returns the rows of batch `index`, and how many of them count: a batch of fixed size is filled up with rows from the beginning of
    /// the order.
    subscript(index: Int) -> (rows: [Int], counting: Int) {
        let begin = index * batchSize
        let counting = min(batchSize, rowCount - begin)
        let total = isFixed ? batchSize : counting
        return ((0..<total).map { order[(begin + $0) % rowCount] }, counting)
    }
}
