import Foundation
import ONNX
import Reports
import Runner

/// Tells what is different between two models, as JSON and in words.
struct DiffReport: Encodable {
    struct File: Encodable {
        let path: String
        let digest: String
        let bytes: Int64
        /// The bytes of the weights in other files.
        let externalBytes: Int
        /// The adapter that is applied.
        let adapter: String?

        private enum CodingKeys: String, CodingKey {
            case path, digest, bytes, adapter
            case externalBytes = "external_bytes"
        }
    }

    let a: File
    let b: File
    let changes: ModelComparison
    /// What the models make of rows; nil where none were given, or where no rows fit both.
    var onRows: RowsComparison?
    /// Says why the models were not run on the rows.
    var notCompared: String?

    private enum CodingKeys: String, CodingKey {
        case a, b, changes, differs
        case sameFile = "same_file"
        case onRows = "on_rows"
        case notCompared = "not_compared"
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(a, forKey: .a)
        try container.encode(b, forKey: .b)
        try container.encode(changes, forKey: .changes)
        try container.encode(differs, forKey: .differs)
        try container.encode(isSameFile, forKey: .sameFile)
        try container.encodeIfPresent(onRows, forKey: .onRows)
        try container.encodeIfPresent(notCompared, forKey: .notCompared)
    }

    /// Tells whether both are one model, byte for byte.
    var isSameFile: Bool { a.digest == b.digest && changes.isEmpty }

    var differs: Bool { !changes.isEmpty || onRows?.differs ?? false }

    // MARK: Words

    /// The number of initializers and of nodes that are shown of each kind; the JSON form has them all.
    private static let mostShown = 20

    var lines: [Printed] {
        var lines: [Printed] = []
        var files = TextTable("", "A", "B")
        files.add("file", a.path, b.path)
        files.add("bytes", "\(a.bytes)", "\(b.bytes)")
        if a.externalBytes > 0 || b.externalBytes > 0 { files.add("external data", "\(a.externalBytes)", "\(b.externalBytes)") }
        for weight in changes.weights { files.add("bytes of \(weight.name)", "\(weight.a)", "\(weight.b)") }
        if a.adapter != nil || b.adapter != nil { files.add("adapter", a.adapter ?? "-", b.adapter ?? "-") }
        lines += files.lines
        if isSameFile {
            lines += ["", "the files are the same, byte for byte"]
        } else if changes.isEmpty {
            lines += ["", "the models compute the same: only what does not count differs, such as the names of nodes"]
        }
        lines += section("inputs", changes.inputs) + section("outputs", changes.outputs) + section("model", changes.facts)
        if !changes.operators.isEmpty {
            var table = TextTable("operators", "A", "B")
            for count in changes.operators { table.add("  \(count.name)", "\(count.a)", "\(count.b)") }
            lines += [""] + table.lines
        }
        return lines + nodeLines + initializerLines + rowLines
    }

    private func section(_ title: String, _ changes: [ModelComparison.Change]) -> [Printed] {
        guard !changes.isEmpty else { return [] }
        var table = TextTable(title, "A", "B")
        for change in changes.prefix(Self.mostShown) { table.add("  \(change.name)", change.a ?? "-", change.b ?? "-") }
        return [""] + table.lines + rest(changes.count)
    }

    private func rest(_ count: Int) -> [Printed] {
        count > Self.mostShown ? ["  and \(count - Self.mostShown) more, which --json lists"] : []
    }

    private var nodeLines: [Printed] {
        guard !changes.nodes.isEmpty else { return [] }
        var table = TextTable("nodes, by what they make", "A", "B", "")
        for node in changes.nodes.prefix(Self.mostShown) {
            var what = node.attributes.map { "\($0.name) \($0.a ?? "-") -> \($0.b ?? "-")" }
            if node.rewired { what.append("other inputs") }
            table.add("  \(node.output)", node.a, node.b, what.joined(separator: "; "))
        }
        return [""] + table.lines + rest(changes.nodes.count)
    }

    private var initializerLines: [Printed] {
        let found = changes.initializers
        var lines: [Printed] = []
        if !found.changed.isEmpty {
            var table = TextTable("initializers with other values", "type", "elements that differ", "largest difference", "relative")
            for changed in found.changed.prefix(Self.mostShown) {
                let difference = changed.difference
                table.add(
                    "  \(changed.name)", changed.type, "\(difference.changed) of \(difference.elements)",
                    difference.nonFinite > 0 ? "not finite" : Self.number(difference.largest), Self.number(difference.relative))
            }
            lines += [""] + table.lines + rest(found.changed.count)
        }
        lines += section("initializers of another type or shape, or in one model only", found.others)
        if !found.renamed.isEmpty {
            var table = TextTable("initializers by their names in A", "in B")
            for renamed in found.renamed.prefix(Self.mostShown) { table.add("  \(renamed.name)", renamed.b ?? "-") }
            lines += [""] + table.lines + rest(found.renamed.count)
        }
        if !lines.isEmpty { lines += ["", "\(found.same) initializers are the same"] }
        return lines
    }

    private var rowLines: [Printed] {
        if let notCompared { return ["", "not run on the rows: \(notCompared)"] }
        guard let onRows else { return [] }
        var table = TextTable("outputs", "cosine", "largest difference", "relative error", "same top")
        for output in onRows.outputs {
            let distance = output.distance
            if let reason = distance.reason {
                table.add("  \(output.name)", "-", "-", "-", reason)
            } else {
                table.add(
                    "  \(output.name)", distance.cosine.map { String(format: "%.6f", ($0 * 1e6).rounded(.down) / 1e6) } ?? "-",
                    distance.nonFinite > 0 ? "\(distance.nonFinite) not finite" : Self.number(distance.largest),
                    Self.number(distance.relative), distance.sameTop.map { String(format: "%.4f", $0) } ?? "-")
            }
        }
        return [""] + table.lines + ["on \(onRows.rows) rows"] + partingLines(onRows)
    }

    private func partingLines(_ onRows: RowsComparison) -> [Printed] {
        let parting = onRows.parting
        let rows = "rows \(parting.firstRow) to \(parting.lastRow), on which outputs differ most"
        guard let first = parting.first else {
            return ["none of the \(parting.comparedValues) values that both make differs by more than \(onRows.tolerance) on \(rows)"]
        }
        let distance = first.distance
        let how: String =
            if distance.nonFinite > 0 {
                "\(distance.nonFinite) numbers are not finite in one of them"
            } else if let largest = distance.largest {
                "relative error \(Self.number(distance.relative)), largest difference \(Self.number(largest))"
            } else {
                "\(String(format: "%.4f", 1 - (distance.sameTop ?? 1))) of them differ"
            }
        return [
            "they part at \(first.nodeOfA)\(first.nodeOfA == first.nodeOfB ? "" : ", in B \(first.nodeOfB)")",
            "  \(how); the \(parting.comparedValues - 1) values before it that both make differ by at most \(Self.number(parting.errorBefore))",
            "  on \(rows)",
        ]
    }

    private static func number(_ value: Double?) -> String { value.map { $0 == 0 ? "0" : String(format: "%.2g", $0) } ?? "-" }
}
