internal import Reasons
internal import Recipes

/// Holds the text of a revision: the part of a pipeline file that decides the bytes of outputs. The ledger keeps it with the digest, so
/// that work that was opened under a revision continues under it after the pipeline was edited.
///
/// It is YAML with the keys of the pipeline file, so that a later version reads it with the reader that it has for pipeline files anyway.
package struct RevisionBody: Sendable {
    package let text: String

    private static let keys = ["schema", "stages", "format", "partition_by"]

    /// - Parameter format: the format of outputs, which the file may leave to `millrace.yaml`; nil where nothing is scored.
    init(_ top: Section, format: OutputFormat?) {
        var parts: [(String, Node?)] = [("schema", top.node("schema")), ("stages", top.node("stages"))]
        if case .mapping(let land)? = top.node("land")?.content, let outputs = land.first(where: { $0.key == "outputs" }),
            case .mapping(let entries) = outputs.value.content
        {
            parts.append(("partition_by", entries.first { $0.key == "partition_by" }?.value))
        }
        var lines = parts.compactMap { key, node in node.map { "\(key): \($0.flowText)\n" } }
        if let format { lines.append("format: \(format.rawValue)\n") }
        text = lines.joined()
    }

    fileprivate init(_ text: String) { self.text = text }

    /// Returns the settings in a body; nil where this version cannot read it.
    fileprivate static func read(
        _ text: String, root: String
    ) -> (schema: RowSchema, stages: [Stage], format: OutputFormat?, partitionBy: [PartitionKey])? {
        let problems = ProblemList(file: "revision")
        let reading = ReadingContext(problems: problems, root: root)
        guard let document = YAMLDocument.read(Array(text.utf8), problems: problems),
            let top = Section(document, "", keys: keys, in: reading)
        else { return nil }
        let schema = SchemaReader(top).schema()
        let stages = StageReader(top).stages(classes: schema.classes).read
        let format = top.choice("format", of: OutputFormat.self)
        let partitionBy = top.choices("partition_by", of: PartitionKey.self)
        return problems.all.isEmpty ? (schema, stages, format, partitionBy) : nil
    }
}

extension Pipeline {
    /// Returns the pipeline as it was under another revision, with the paths, times and limits of now; nil where `body`, which the ledger
    /// keeps for that revision, cannot be read or has another digest.
    ///
    /// The body has nothing of `privacy`, which is that of now. So there is no pipeline under a revision with other privacy: what was
    /// opened before columns were dropped or hashed, or under another key, is not finished with their values in it.
    package func under(revision: String, body: String) -> Pipeline? {
        guard let read = RevisionBody.read(body, root: "/") else { return nil }
        var land = land
        if let format = read.format { land.outputs?.format = format }
        land.outputs?.partitionBy = read.partitionBy
        let former = Pipeline(
            name: name, source: source, spool: spool, order: order, settle: settle, schema: read.schema, stages: read.stages, land: land,
            after: after, allowUpstreamDelete: allowUpstreamDelete, onError: onError, limits: limits, onInputDeleted: onInputDeleted,
            notify: notify, retain: retain, trust: trust, was: was, privacy: privacy,
            revisionBody: RevisionBody(body), positions: positions)
        return former.revision.full == revision ? former : nil
    }
}

extension Node {
    /// The value as YAML on one line, with all marks that decide its meaning.
    fileprivate var flowText: String {
        switch content {
        case .scalar where isNull: "null"
        case .scalar(let text, let isPlain): isPlain && text.isPlainInFlow ? text : text.quoted
        case .sequence(let items): "[" + items.map(\.flowText).joined(separator: ", ") + "]"
        case .mapping(let entries): "{" + entries.map { "\($0.key.quoted): \($0.value.flowText)" }.joined(separator: ", ") + "}"
        }
    }
}

extension String {
    /// Tells whether the text means the same without quotes between brackets. Numbers, `true` and words do; a text for which it is false is
    /// a text in any case, also in quotes.
    fileprivate var isPlainInFlow: Bool {
        guard let first = utf8.first, first != UInt8(ascii: "-") || utf8.count > 1 else { return false }
        return utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "+"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
    }

    fileprivate var quoted: String {
        var text = "\""
        for scalar in unicodeScalars {
            switch scalar {
            case "\"", "\\": text += "\\" + String(scalar)
            case "\u{20}"..."\u{7E}", "\u{A0}"..."\u{D7FF}", "\u{E000}"..."\u{FFFD}", "\u{10000}"..."\u{10FFFF}":
                text += scalar == "\u{2028}" || scalar == "\u{2029}" || scalar == "\u{FEFF}" ? scalar.escaped : String(scalar)
            default: text += scalar.escaped
            }
        }
        return text + "\""
    }
}

extension Unicode.Scalar {
    fileprivate var escaped: String {
        let digits = String(value, radix: 16)
        return "\\U" + String(repeating: "0", count: 8 - digits.count) + digits
    }
}
