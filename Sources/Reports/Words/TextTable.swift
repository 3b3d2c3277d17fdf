import Reasons

/// Pads columns to their widest cell, for a terminal or a log; nothing is cut.
package struct TextTable {
    private let header: [String]
    private var rows: [[String]] = []

    package init(_ header: String...) { self.init(header) }
    package init(_ header: [String]) { self.header = header }

    package mutating func add(_ cells: String...) { add(cells) }
    package mutating func add(_ cells: [String]) { rows.append(cells.map(\.printable)) }

    /// The header and the rows.
    package var lines: [Printed] {
        let all = [header] + rows
        let widths = header.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        return all.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                line += column == row.count - 1 ? cell : cell + String(repeating: " ", count: widths[column] - cell.count + 2)
            }
            return "\(line)"
        }
    }
}
