import Foundation

/// The tables and examples of `pipelines/README.md`.
struct DocumentedKeys {
    struct Row {
        let key: Pattern
        let text: String
        /// The default, where that is a value.
        let defaultValue: String?
    }

    /// A key as a table gives it. A word in capitals stands for any one word.
    struct Pattern {
        let path: String

        func takes(_ other: String) -> Bool { path.takes(other) }
    }

    struct Example {
        /// Nothing for a pipeline, or part of one; `gradient` for the inside of a training's settings; `millrace.yaml`.
        let kind: String
        let text: String
        let line: Int

        /// The example with those parts of the smallest pipeline that it does not have.
        func wholePipeline(after smallest: String) -> String {
            if kind == "gradient" {
                let indented = text.split(separator: "\n").map { "        \($0)" }.joined(separator: "\n")
                return """
                    name: p
                    spool: { models: in/models, labelled: in/labelled, data: in/data }
                    schema: { label: y }
                    land: { models: out/models, outputs: out/rows }
                    stages:
                    - deserialize: {}
                    - optimize:
                        gradient:
                    \(indented)
                    - forward: {}

                    """
            }
            func keys(_ text: String) -> Set<String> { Set(text.matches(of: #/(?m)^([a-z_]+):/#).map { String($0.1) }) }
            let own = keys(text)
            let rest = smallest.split(separator: "\n").filter { own.isDisjoint(with: keys(String($0))) }
            return text + "\n" + rest.joined(separator: "\n") + "\n"
        }
    }

    let examples: [Example]
    private let tables: [(kind: ConfigurationKeys, row: Row)]

    static func read(file: String = #filePath) throws -> DocumentedKeys {
        let project = URL(fileURLWithPath: file).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        return DocumentedKeys(try String(contentsOf: project.appending(path: "pipelines/README.md"), encoding: .utf8))
    }

    func rows(of kind: ConfigurationKeys) -> [Row] { tables.filter { $0.kind == kind }.map(\.row) }

    private init(_ text: String) {
        var examples: [Example] = []
        var tables: [(kind: ConfigurationKeys, row: Row)] = []
        var block: (kind: String, start: Int, lines: [String])?
        var prefixes: [String]?
        var kind = ConfigurationKeys.pipeline
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init).enumerated() {
            if line.hasPrefix("```") {
                if let open = block {
                    if let kind = open.kind.firstMatch(of: #/^yaml ?(.*)/#) {
                        examples.append(Example(kind: String(kind.1), text: open.lines.joined(separator: "\n"), line: open.start))
                    }
                    block = nil
                } else {
                    block = (String(line.dropFirst(3)), number + 1, [])
                }
                continue
            }
            if block != nil {
                block!.lines.append(line)
                continue
            }
            guard line.hasPrefix("|") else {
                prefixes = nil
                continue
            }
            let cells = line.replacing("\\|", with: "/").split(separator: "|", omittingEmptySubsequences: false).dropFirst().dropLast()
                .map { $0.trimmingCharacters(in: .whitespaces) }
            if cells[0] == "key" || cells[0].hasPrefix("key of ") {
                let named = cells[0].matches(of: #/`([^`]+)`/#).map { String($0.1) }
                kind = named == ["millrace.yaml"] ? .settings : .pipeline
                prefixes = named.isEmpty || kind == .settings ? [""] : named.map { $0 == "stages[]" ? "stages[]." : $0 + "." }
                continue
            }
            guard let prefixes, !cells[0].hasPrefix("---") else { continue }
            let value = cells[1].wholeMatch(of: #/`([^`]+)`/#).map { String($0.1) }
            for prefix in prefixes {
                for match in cells[0].matches(of: #/`([^`]+)`/#) {
                    let row = Row(key: Pattern(path: prefix + match.1), text: cells[1...].joined(separator: " "), defaultValue: value)
                    tables.append((kind, row))
                }
            }
        }
        self.examples = examples
        self.tables = tables
    }
}

extension String {
    /// Whether another key is this one, words in capitals standing for any one word.
    fileprivate func takes(_ other: String) -> Bool {
        let (own, others) = (split(separator: "."), other.split(separator: "."))
        return own.count == others.count && zip(own, others).allSatisfy { $0 == $1 || $0.allSatisfy { $0.isUppercase && $0.isASCII } }
    }
}
