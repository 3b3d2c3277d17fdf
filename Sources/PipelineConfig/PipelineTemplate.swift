internal import Foundation
internal import Recipes

/// Writes the first pipeline for a model and its data. It passes lint, works where model and data say enough, and has comments about what
/// was seen and what can be changed.
package enum PipelineTemplate {
    /// Returns a name for the pipeline of the model `file`: its stem in ASCII letters, with `-` for each run of characters that a name may
    /// not have.
    package static func name(ofModel file: String) -> String {
        let stem = String((file.split(separator: "/").last ?? "").split(separator: ".").first ?? "")
        var name = ""
        for character in latin(stem) {
            let isPlain = character.isASCII && (character.isLetter || character.isNumber || character == "_")
            if isPlain { name.append(character) } else if !name.hasSuffix("-") { name.append("-") }
        }
        let trimmed = name.drop { $0 == "-" || $0 == "_" }.prefix(64).reversed().drop { $0 == "-" }
        return trimmed.isEmpty ? "model" : String(trimmed.reversed())
    }

    /// Returns whether a pipeline may have this name.
    package static func isName(_ name: String) -> Bool {
        let isPlain = name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == "-") }
        return isPlain && name.count <= 64 && name.first.map { $0.isLetter || $0.isNumber } ?? false
    }

    /// Returns the text in Latin letters without accents: `größe` becomes `grosse`, `模型` becomes `mo xing`.
    private static func latin(_ text: String) -> String {
        let spelled = text.replacingOccurrences(of: "ß", with: "ss").precomposedStringWithCanonicalMapping
        let latin = (spelled as NSString).applyingTransform(.toLatin, reverse: false) ?? spelled
        return (latin as NSString).applyingTransform(.stripCombiningMarks, reverse: false) ?? latin
    }

    /// Holds a pipeline, and the points in it that its user should check.
    package struct Draft {
        package let text: String
        package let doubts: [String]
    }

    /// Drafts a pipeline. `data` is nil where there is no file to look at. `name` must be one that a pipeline may have.
    package static func draft(name: String, model: ModelSignature, data: DataSample? = nil) -> Draft {
        let guess = TemplateGuess(model, data)
        var lines: [Line] = []
        lines.append(Line("name: \(yaml(name))"))
        lines.append(Line("spool:", "files dropped here are taken once they are complete"))
        lines.append(Line("  models: { path: spool/\(name)/models, include: all }", "*.onnx, in any case"))
        lines.append(
            Line(
                "  data: { path: spool/\(name)/data, include: all }",
                "csv, tsv, json, jsonl, ndjson (also .gz, .zst), parquet, pq, arrow, feather, ipc, npy, npz"))
        lines.append(
            Line(
                comment: "  # labelled: { path: spool/\(name)/labelled, include: all }  rows with what is right, for the optimize stage "
                    + "below"))
        lines += schema(guess, data)
        lines.append(Line("stages:"))
        lines.append(Line("  - deserialize: {}", "parse, check, refuse what is unsafe"))
        lines.append(Line(comment: "  # - optimize: { gradient: { loss: cross_entropy } }  learns; needs spool.labelled and schema.label"))
        lines.append(Line("  - forward:"))
        lines.append(Line("      batch_size: auto", "rows at a time; or a number"))
        if !guess.outputs.isEmpty {
            lines.append(Line("      outputs:", "model output: column, or name_* for one column an element"))
            for (declared, column) in guess.outputs { lines.append(Line("        \(yaml(declared.name)): \(yaml(column))", declared.text)) }
        }
        lines.append(Line("land:"))
        lines.append(Line("  models: { path: out/\(name)/models, keep: 5 }", "versions kept"))
        let hasLists = guess.outputs.contains { $0.declared.isTensor && $0.declared.width == nil && !$0.column.hasSuffix("*") }
        let hasArrays = guess.outputs.contains { ($0.declared.width ?? 0) > 1000 || $0.declared.axes.count > 2 }
        let format = hasArrays && !hasLists ? "npz" : "parquet"
        lines.append(Line("  outputs: { path: out/\(name)/predictions, format: \(format) }", "parquet, arrow, csv, jsonl, npy, npz"))
        lines.append(Line("after: keep", "inputs stay; or archive, delete"))
        lines.append(Line("on_error: { attempts: 3, backoff: 2s }", "what fails for good goes to quarantine/\(name)"))
        return Draft(text: render(lines), doubts: guess.doubts)
    }

    // MARK: The schema

    private static func schema(_ guess: TemplateGuess, _ data: DataSample?) -> [Line] {
        var lines: [Line] = []
        if let key = guess.key {
            lines.append(Line("  key: [\(yaml(key))]", "names a row; kept in the outputs"))
        } else if !guess.leftOver.isEmpty {
            let kept = guess.leftOver.prefix(8).map(yaml).joined(separator: ", ")
            lines.append(Line("  keep: [\(kept)]", "carried through to the outputs; no column names a row"))
        }
        if let label = guess.label { lines.append(Line("  label: \(yaml(label))", "never a feature")) }
        if let key = guess.key, let type = type(ofKey: key, data) {
            lines.append(Line("  types: { \(yaml(key)): \(type.name) }", type.why))
        }
        if let key = guess.key, !guess.leftOver.isEmpty {
            let kept = ([key] + guess.leftOver.prefix(8)).map(yaml).joined(separator: ", ")
            lines.append(Line(comment: "  # keep: [\(kept)]  to carry more through to the outputs"))
        }
        lines += dialect(data)
        let inputs = guess.inputs.flatMap(Self.lines)
        if inputs.contains(where: { !$0.isComment }) {
            lines.append(Line("  inputs:", "model input: columns"))
        } else if !inputs.isEmpty {
            lines.append(Line(comment: "  # inputs:"))
        }
        lines += inputs
        if lines.isEmpty { return [] }
        if lines.contains(where: { !$0.isComment }) { return [Line("schema:", "how columns become inputs")] + lines }
        return [Line(comment: "# schema:  how columns become inputs")]
            + lines.map { Line(comment: "#" + $0.text.replacingFirst("#", with: " ")) }
    }

    private static func type(ofKey key: String, _ data: DataSample?) -> (name: String, why: String)? {
        guard let data, data.form == .csv, let column = data[column: key], column.kind == .integer else { return nil }
        return column.isPlainIntegers ? ("int64", "all of them are whole numbers") : ("string", "digits with zeros in front")
    }

    private static func dialect(_ data: DataSample?) -> [Line] {
        guard let data, data.form == .csv, data.dialect != TextDialect() else { return [] }
        var keys: [String] = []
        let given = data.dialect, usual = TextDialect()
        if given.delimiter != usual.delimiter { keys.append("delimiter: \(quoted(byte: given.delimiter))") }
        if let escape = given.escape, given.escape != usual.escape { keys.append("escape: \(quoted(byte: escape))") }
        if given.encoding != usual.encoding { keys.append("encoding: \(given.encoding.rawValue)") }
        if given.decimal != usual.decimal { keys.append("decimal: \(quoted(byte: given.decimal))") }
        switch given.header {
        case .absent(let names?): keys.append("header: [\(names.map(yaml).joined(separator: ", "))]")
        case .absent(nil): keys.append("header: false")
        default: break
        }
        if keys.isEmpty { return [] }
        return [Line("  dialect: { \(keys.joined(separator: ", ")) }", data.remarks.joined(separator: ", "))]
    }

    private static func lines(of input: TemplateGuess.Input) -> [Line] {
        let declared = input.declared, name = yaml(declared.name)
        var keys = input.more
        if let missing = input.missing { keys.append("missing: \(missing)") }
        if let booleans = input.booleans { keys.append("booleans: \(booleans)") }
        if let times = input.times { keys.append("times: \(times)") }
        let remarks = input.remarks.map { Line(comment: "    # \($0)") }
        func line(_ columns: String) -> [Line] {
            let value = keys.isEmpty ? columns : "{ columns: \(columns), \(keys.joined(separator: ", ")) }"
            return remarks + [Line("    \(name): \(value)", declared.text)]
        }
        switch input.binding {
        case .byName: return line("[\(name)]")
        case .pattern(let pattern): return line(yaml(pattern))
        case .columns(let columns): return line("[\(columns.map(yaml).joined(separator: ", "))]")
        case .allNumeric:
            return remarks
                + (keys.isEmpty
                    ? [Line(comment: "    # \(name), \(declared.text): all numeric columns but key, label and kept ones")]
                    : [Line("    \(name): { \(keys.joined(separator: ", ")) }", "\(declared.text): all numeric columns")])
        case .array: return [Line(comment: "    # \(name), \(declared.text): the array of that name, or the only one")]
        case .value(let value, let axis):
            let rows = axis.map { ", batch_axis: \($0)" } ?? ""
            return remarks + [Line("    \(name): { value: \(value)\(rows) }", "\(declared.text): no column fills it")]
        case .mask(let other): return [Line(comment: "    # \(name), \(declared.text): 1 where \(yaml(other)) has a value")]
        case .open:
            if declared.axes.isEmpty, declared.isTensor {
                let value = declared.isText ? "\"\"" : declared.elementType == "bool" ? "true" : "0"
                return [Line(comment: "    # \(name): { value: \(value) }  \(declared.text), which no column can fill: say what it is")]
            }
            let count = declared.width.map { $0 == 1 ? "one column" : "\($0) columns" } ?? "columns"
            let arrays = declared.axes.count > 2 || (declared.width ?? 0) > 1000 ? ", lists, or arrays of that name in .npz files" : ""
            return [Line(comment: "    # \(name): [a, b]  \(declared.text), takes \(count)\(arrays); say which, or a pattern like \"x_*\"")]
        }
    }

    // MARK: Text

    private struct Line {
        let text: String
        let note: String?
        let isComment: Bool

        init(_ text: String, _ note: String? = nil) { (self.text, self.note, isComment) = (text, note, false) }
        init(comment: String) { (text, note, isComment) = (comment, nil, true) }
    }

    /// Returns the text of the lines. Their notes are in one column, which most lines do not reach beyond.
    private static func render(_ lines: [Line]) -> String {
        let column = min(48, lines.filter { $0.note != nil }.map(\.text.count).max() ?? 0)
        return lines.map { line in
            guard let note = line.note else { return line.text }
            return line.text + String(repeating: " ", count: max(0, column - line.text.count)) + "  # " + note
        }.joined(separator: "\n") + "\n"
    }

    static func quoted(byte: UInt8) -> String { quoted(String(UnicodeScalar(byte))) }

    /// Returns the text as a YAML scalar on one line.
    static func yaml(_ text: String) -> String {
        let words = ["true", "false", "yes", "no", "on", "off", "null", "y", "n", "nan", "error", "none"]
        let isPlain =
            text.first.map { $0.isASCII && ($0.isLetter || $0 == "_") } ?? false
            && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "_-.*/".contains($0)) } && !words.contains(text.lowercased())
        return isPlain ? text : quoted(text)
    }

    /// Returns the text as a YAML scalar in double quotes.
    static func quoted(_ text: String) -> String {
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

extension String {
    fileprivate func replacingFirst(_ part: String, with other: String) -> String {
        guard let range = range(of: part) else { return self }
        return replacingCharacters(in: range, with: other)
    }
}
