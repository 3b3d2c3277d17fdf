/// Names rows of a file that follow each other, by which a large file is read in parts.
package enum RowRange: Codable, Hashable, Sendable {
    /// It means all rows.
    case whole
    /// It means rows of a Parquet, Arrow or `.npy` file, counted from 0.
    case rows(Range<Int>)
    /// It means bytes of a CSV or JSON Lines file, which begin and end with a row. The header is in no range.
    case bytes(Range<Int>)

    /// The number of rows before the range; 0 where the file does not tell.
    var firstRow: Int { if case .rows(let rows) = self { rows.lowerBound } else { 0 } }

    /// The begin and the end, in rows or bytes; `nil` for all of the file.
    var bounds: Range<Int>? {
        switch self {
        case .whole: nil
        case .rows(let rows): rows
        case .bytes(let bytes): bytes
        }
    }

    /// Makes the ranges between places that follow each other, or one range where there are no places.
    static func between(_ places: [Int], _ make: (Range<Int>) -> RowRange) -> [RowRange] {
        places.count < 3 ? [.whole] : zip(places, places.dropFirst()).map { make($0..<$1) }
    }
}

/// Holds the ranges of one file, and what each of them takes from the whole. The plan depends only on the bytes of the file, the pipeline
/// and the size that was asked for, so that everyone who makes it gets the same one.
package struct RangePlan: Codable, Hashable, Sendable {
    /// The ranges, which enclose all rows in the file's order. A file that is not to be cut has one range, `.whole`.
    package let ranges: [RowRange]
    package let known: KnownTable

    init(ranges: [RowRange], known: KnownTable = KnownTable()) {
        self.ranges = ranges
        self.known = known
    }

    /// The plan of a file that is read in one go.
    package static let whole = RangePlan(ranges: [.whole])
}

/// Holds what a range of a text file cannot find in its own rows: columns and types are those of the whole file. Files of other formats
/// contain both themselves, so that nothing is here.
package struct KnownTable: Codable, Hashable, Sendable {
    /// The columns of a text file, with the types that its beginning, or all of it, has shown.
    let columns: [KnownColumn]?
    /// The types of kept columns of text (`InputBatches.foundTypes`).
    let types: [String: String]

    /// Makes a table of which nothing is known, for a file that is read whole.
    package init() { self.init(columns: nil) }

    init(columns: [KnownColumn]?, types: [String: String] = [:]) {
        self.columns = columns
        self.types = types
    }
}

/// Holds a column's name and its type, as Arrow's format strings name it.
struct KnownColumn: Codable, Hashable, Sendable {
    let name: String
    let format: String
    /// The elements of a list, or the members of a struct.
    var children: [KnownColumn]?
}

extension TableFormat {
    /// Returns the stored bytes of a range where the caller names none: eight ranges for 100 MB, each of which takes a hundred times as
    /// long as opening the file. A file of many gigabytes gets larger ranges, not more than some thousands.
    package func rangeBytes(ofFile byteCount: Int) -> Int { max(12_000_000, byteCount / 4096) }
}
