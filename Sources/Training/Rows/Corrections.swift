import Recipes

/// Decides which rows of labelled files count: where key columns name the rows, a file's rows replace those with the same key in the files
/// before it, so that a corrected label counts once, as the later file has it. Rows of one file that share a key all count: such a key
/// names a group. Without key columns, and where a row has no value in one of them, rows are known by their features, and two with the same
/// features are two observations. A row without a label corrects nothing.
struct Corrections {
    /// For each file, the ascending numbers of the rows that a later file has again.
    private var superseded: [[Int]]

    /// Reads the key columns once where there are several files; memory is needed for the keys of all rows but those of the first file.
    init(_ data: LabelledData, target: Target?, seed: UInt64, check: () throws(TrainingError) -> Void) throws(TrainingError) {
        superseded = data.files.map { _ in [] }
        guard !data.schema.key.isEmpty, data.files.count > 1 else { return }
        var unweighted = data
        unweighted.schema.weight = nil
        var later: Set<UInt64> = []
        for index in data.files.indices.reversed() {
            var keys: [UInt64] = []
            do throws(TrainingError) {
                let file = data.files[index]
                keys = try data.reading(file) { descriptor throws(TrainingError) in
                    let columns = try TargetColumns(unweighted, file: file, open: descriptor, target: target, batchRows: 4096)
                    return try note(columns, ofFile: index, later: later, seed: seed, check)
                }
            } catch .cancelled {
                throw .cancelled
            } catch {
                // Packing finds this too, and reports what is wrong with the file.
                continue
            }
            later.formUnion(keys)
        }
    }

    /// Notes the rows of a file whose key a later file has, and returns the keys of the file, but for those of the first one.
    private mutating func note(
        _ columns: TargetColumns, ofFile index: Int, later: Set<UInt64>, seed: UInt64, _ check: () throws(TrainingError) -> Void
    ) throws(TrainingError) -> [UInt64] {
        var own: [UInt64] = []
        var row = 0
        while let batch = try columns.next() {
            try check()
            var unlabelled = batch.unlabelled[...]
            for position in 0..<batch.weights.count {
                defer { row += 1 }
                if unlabelled.first == position {
                    unlabelled.removeFirst()
                    continue
                }
                guard let key = RowKey(batch.keys, row: position, seed: seed)?.value else { continue }
                if later.contains(key) { superseded[index].append(row) }
                if index > 0 { own.append(key) }
            }
        }
        return own
    }

    /// The number of rows that do not count.
    var count: Int { superseded.reduce(0) { $0 + $1.count } }

    /// Returns the rows of `range` of a file that do not count.
    func rows(_ range: Range<Int>, ofFile file: Int) -> ArraySlice<Int> {
        let rows = superseded[file]
        let first = rows.partitioningIndex { $0 >= range.lowerBound }
        return rows[first..<rows.partitioningIndex { $0 >= range.upperBound }]
    }
}

extension [Int] {
    /// Returns the index of the first element that satisfies `predicate`, in an array in which all elements after such a one satisfy it
    /// too.
    /// swift-algorithms has the same; two packages (it needs swift-numerics) are too many for one function.
    fileprivate func partitioningIndex(_ predicate: (Int) -> Bool) -> Int {
        var low = startIndex, high = endIndex
        while low < high {
            let middle = low + (high - low) / 2
            if predicate(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
