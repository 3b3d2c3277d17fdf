/// One input or output of a model, as far as a pipeline cares.
package struct ModelPort: Sendable, Equatable {
    package let name: String
    /// As ONNX spells it (`float`, `int64`, `string`), or what stands for a sequence or map.
    package let elementType: String
    /// The batch axis first; nil: free.
    package let dimensions: [Int?]

    package init(name: String, elementType: String, dimensions: [Int?]) {
        self.name = name
        self.elementType = elementType
        self.dimensions = dimensions
    }

    /// Values of one row; nil where an axis is free or there is no tensor.
    var width: Int? {
        if elementType.contains("(") { return nil }
        var width = 1
        for dimension in dimensions.dropFirst() {
            guard let dimension else { return nil }
            let (product, overflow) = width.multipliedReportingOverflow(by: dimension)
            if overflow { return nil }
            width = product
        }
        return width
    }

    var text: String { "\(elementType) [\(dimensions.map { $0.map(String.init) ?? "N" }.joined(separator: ", "))]" }
}

package struct DataColumn: Sendable, Equatable {
    package let name: String
    package let isNumeric: Bool

    package init(name: String, isNumeric: Bool) {
        self.name = name
        self.isNumeric = isNumeric
    }
}

/// Writes the first pipeline for a model and its data: one that lints clean and says in comments what can be changed.
package enum PipelineTemplate {
    /// A name for the pipeline of `file`: its stem, with what a name may not have replaced by `-`.
    package static func name(ofModel file: String) -> String {
        let stem = (file.split(separator: "/").last ?? "").split(separator: ".").first ?? ""
        let safe = stem.map { $0.isASCII && ($0.isLetter || $0.isNumber) || $0 == "_" || $0 == "-" ? $0 : "-" }
        let name = String(String(safe.drop { $0 == "-" || $0 == "_" }).prefix(64))
        return name.isEmpty ? "model" : name
    }

    /// `columns`: those of the data file, in file order; empty where there is none. `name` must be one that a pipeline may have.
    package static func render(name: String, inputs: [ModelPort], outputs: [ModelPort], columns: [DataColumn] = []) -> String {
        let guess = TemplateGuess(inputs: inputs, outputs: outputs, columns: columns)
        var lines: [Line] = []
        lines.append(Line("name: \(yaml(name))"))
        lines.append(Line("spool:", "files dropped here are taken once they are complete"))
        lines.append(Line("  models: { path: spool/\(name)/models, include: all }", "*.onnx, in any case"))
        lines.append(Line("  data: { path: spool/\(name)/data, include: all }", "csv, tsv, json, jsonl, ndjson (also .gz, .zst), parquet, pq, arrow, feather, ipc, npy, npz"))
        lines += schema(inputs, guess)
        lines.append(Line("stages:"))
        lines.append(Line("  - deserialize: {}", "parse, check, refuse what is unsafe"))
        lines.append(Line(comment: "  # - optimize: { gradient: { loss: cross_entropy } }  learns from files in spool.labelled, where schema.label is right"))
        lines.append(Line("  - forward:"))
        lines.append(Line("      batch_size: auto", "rows at a time; or a number"))
        if !guess.outputs.isEmpty {
            lines.append(Line("      outputs:", "model output: column, or name_* for one column an element"))
            for (port, column) in guess.outputs { lines.append(Line("        \(yaml(port.name)): \(yaml(column))", port.text)) }
        }
        lines.append(Line("land:"))
        lines.append(Line("  models: { path: out/\(name)/models, keep: 5 }", "versions kept"))
        lines.append(Line("  outputs: { path: out/\(name)/predictions, format: parquet }", "parquet, arrow, csv, jsonl, npy, npz"))
        lines.append(Line("after: keep", "inputs stay; or archive, delete"))
        lines.append(Line("on_error: { attempts: 3, backoff: 2s }", "what fails for good goes to quarantine/\(name)"))
        return render(lines)
    }

    private static func schema(_ inputs: [ModelPort], _ guess: TemplateGuess) -> [Line] {
        var lines: [Line] = []
        if let key = guess.key { lines.append(Line("  key: [\(yaml(key))]", "names a row; kept in the outputs")) }
        if let label = guess.label { lines.append(Line("  label: \(yaml(label))", "never a feature")) }
        var bindings: [Line] = []
        for (port, binding) in zip(inputs, guess.bindings) {
            switch binding {
            case .pattern(let pattern): bindings.append(Line("    \(yaml(port.name)): \(yaml(pattern))", port.text))
            case .columns(let columns):
                bindings.append(Line("    \(yaml(port.name)): [\(columns.map(yaml).joined(separator: ", "))]", port.text))
            case .byName: lines.append(Line(comment: "  # \(yaml(port.name)), \(port.text): the column of that name"))
            case .allNumeric: lines.append(Line(comment: "  # \(yaml(port.name)), \(port.text): all numeric columns"))
            case .value:
                lines.append(Line(comment: "  # \(yaml(port.name)), \(port.text): the same in every row, which no column can fill; say what it is below `inputs:`, like"))
                lines.append(Line(comment: "  #   \(yaml(port.name)): { value: \(port.elementType == "string" ? "\"\"" : port.elementType == "bool" ? "true" : "0") }"))
            case .open:
                let count = port.width.map { $0 == 1 ? "one column" : "\($0) columns" } ?? "columns"
                lines.append(Line(comment: "  # \(yaml(port.name)), \(port.text): takes \(count); say which below `inputs:`, like"))
                lines.append(Line(comment: "  #   \(yaml(port.name)): [a, b], or a pattern like \"x_*\""))
            }
        }
        if !bindings.isEmpty { lines += [Line("  inputs:", "model input: columns")] + bindings }
        let hasKeys = lines.contains { !$0.isComment }
        if lines.isEmpty { return [] }
        return [hasKeys ? Line("schema:", "how columns become inputs") : Line(comment: "# How columns become inputs:")] + lines
    }

    // MARK: Text

    private struct Line {
        let text: String
        let note: String?
        let isComment: Bool

        init(_ text: String, _ note: String? = nil) { (self.text, self.note, isComment) = (text, note, false) }
        init(comment: String) { (text, note, isComment) = (comment, nil, true) }
    }

    /// Notes stand in one column, one that most lines reach.
    private static func render(_ lines: [Line]) -> String {
        let column = min(48, lines.filter { $0.note != nil }.map(\.text.count).max() ?? 0)
        return lines.map { line in
            guard let note = line.note else { return line.text }
            return line.text + String(repeating: " ", count: max(0, column - line.text.count)) + "  # " + note
        }.joined(separator: "\n") + "\n"
    }

    /// The text as a YAML scalar on one line.
    static func yaml(_ text: String) -> String {
        let words = ["true", "false", "yes", "no", "on", "off", "null", "y", "n", "nan", "error", "none"]
        let isPlain =
            text.first.map { $0.isASCII && ($0.isLetter || $0 == "_") } ?? false
            && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "_-.*/".contains($0)) } && !words.contains(text.lowercased())
        if isPlain { return text }
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": quoted += "\\\(scalar)"
            case "\n": quoted += "\\n"
            case "\t": quoted += "\\t"
            case _
            where scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) || [0x2028, 0x2029, 0xFEFF].contains(scalar.value)
                || (0xE000...0xE0FF).contains(scalar.value) || (0xFFFE...0xFFFF).contains(scalar.value):
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
