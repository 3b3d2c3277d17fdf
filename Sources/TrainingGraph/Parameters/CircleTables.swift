/// Finds tables of cosines and sines of the same angles, which exporters make of position encodings: their squares add up to 1 everywhere,
/// as those of learned tables do not.
struct CircleTables {
    /// The largest distance from 1, wide enough for values that were rounded to float16 or bfloat16.
    private static let tolerance = 0.01

    private(set) var names: Set<String> = []

    /// - Parameter tables: the tables, each with its values row by row.
    init(_ tables: [(name: String, rowLength: Int, values: [Double])]) {
        for (index, table) in tables.enumerated() where Self.varies(table.values) {
            if Self.isClosed(table.values, rowLength: table.rowLength) { names.insert(table.name) }
            for other in tables[(index + 1)...] where other.rowLength == table.rowLength && other.values.count == table.values.count {
                let meets = zip(table.values, other.values).allSatisfy(Self.isOnCircle)
                if meets { names.formUnion([table.name, other.name]) }
            }
        }
    }

    private static func isOnCircle(_ x: Double, _ y: Double) -> Bool { abs(x * x + y * y - 1) <= tolerance }

    /// Returns whether each row has cosines and sines, in turn or one half after the other.
    private static func isClosed(_ values: [Double], rowLength: Int) -> Bool {
        guard rowLength >= 2, rowLength % 2 == 0 else { return false }
        let half = rowLength / 2
        func pairs(_ partner: (Int) -> (Int, Int)) -> Bool {
            stride(from: 0, to: values.count, by: rowLength).allSatisfy { row in
                (0..<half).allSatisfy { pair in
                    let (first, second) = partner(pair)
                    return isOnCircle(values[row + first], values[row + second])
                }
            }
        }
        return pairs { (2 * $0, 2 * $0 + 1) } || pairs { ($0, $0 + half) }
    }

    /// Returns whether there are more than two different values, because tables of ones and zeros do not count.
    private static func varies(_ values: [Double]) -> Bool { Set(values.prefix(1 << 12)).count > 2 }
}
