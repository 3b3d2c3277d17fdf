internal import Reasons
import Yams

/// Reads one YAML document into a ``Node``, or adds the reasons to `problems` where it cannot.
struct YAMLDocument {
    static let nodeLimit = 10_000
    static let depthLimit = 64
    private static let duplicateLimit = 32

    private let problems: ProblemList
    private let hidden: Set<Position>
    private var nodeCount = 0

    private init(problems: ProblemList, hidden: Set<Position>) {
        self.problems = problems
        self.hidden = hidden
    }

    enum Read {
        case node(Node)
        /// The file is empty.
        case empty
        /// The document cannot be read; the reasons were added to the problems.
        case unreadable
    }

    /// Returns the document of a file that must not be empty.
    static func read(_ bytes: [UInt8], problems: ProblemList) -> Node? {
        switch read(bytes, mayBeEmpty: false, problems: problems) {
        case .node(let node): node
        case .empty, .unreadable: nil
        }
    }

    static func read(_ bytes: [UInt8], mayBeEmpty: Bool, problems: ProblemList) -> Read {
        guard var source = SourceText(bytes, problems: problems) else { return .unreadable }
        for _ in 0..<duplicateLimit {
            do {
                // Without the resolver's rules, a key is its text, whether it is quoted or not.
                var document = YAMLDocument(problems: problems, hidden: source.hidden)
                let composed = try compose(yaml: source.text, .basic, .default, .utf8)
                let root = composed.map { document.convert($0, depth: 0) }
                guard let root, root?.isNull != true else {
                    if !mayBeEmpty { problems.addEmpty() }
                    return .empty
                }
                return root.map { .node($0) } ?? .unreadable
            } catch YamlError.duplicatedKeysInMapping(let duplicates, let context) {
                let first = Position(line: context.mark.line, column: context.mark.column)
                let key = duplicates.first ?? ""
                let second = source.hideSecond(key, after: first)
                problems.add(
                    .duplicateKey, second ?? first, key, "the key stands twice in one mapping, first in line \(first.line)",
                    "remove one of them")
                if second == nil { return .unreadable }
            } catch let error as YamlError {
                let fault = SyntaxFault(error, in: source)
                problems.add(.syntax, fault.position, "", fault.fault, fault.remedy)
                return .unreadable
            } catch {
                problems.add(.syntax, Position(line: 1, column: 1), "", "the YAML parser refuses the file: \(error)", "check its syntax")
                return .unreadable
            }
        }
        return .unreadable
    }

    private mutating func convert(_ node: Yams.Node, depth: Int) -> Node? {
        let position = Position(node.mark)
        nodeCount += 1
        guard nodeCount <= Self.nodeLimit else {
            if nodeCount == Self.nodeLimit + 1 {
                problems.add(
                    .documentLimit, position, "", "the document has more than \(Self.nodeLimit) values once its aliases are expanded",
                    "write less, or with fewer aliases")
            }
            return nil
        }
        guard depth <= Self.depthLimit else {
            problems.add(.documentLimit, position, "", "values are nested more than \(Self.depthLimit) deep", "check the brackets")
            return nil
        }
        switch node {
        case .scalar(let scalar):
            refuseTag(scalar.tag.description, at: position)
            return Node(position: position, content: .scalar(scalar.string, isPlain: scalar.style == .plain))
        case .sequence(let sequence):
            refuseTag(sequence.tag.description, at: position)
            var items: [Node] = []
            for item in sequence {
                guard let item = convert(item, depth: depth + 1) else { return nil }
                items.append(item)
            }
            return Node(position: position, content: .sequence(items))
        case .mapping(let mapping):
            refuseTag(mapping.tag.description, at: position)
            guard let entries = convertEntries(mapping, depth: depth) else { return nil }
            return Node(position: position, content: .mapping(entries))
        case .alias:
            problems.add(.syntax, position, "", "the alias could not be resolved", "write the value out")
            return nil
        }
    }

    private mutating func convertEntries(_ mapping: Yams.Node.Mapping, depth: Int) -> [Node.Entry]? {
        var entries: [Node.Entry] = []
        var merged: [Node.Entry] = []
        for (key, value) in mapping {
            guard case .scalar(let scalar) = key else {
                problems.add(.wrongType, Position(key.mark), "", "a key must be plain text", "write `key: value`")
                continue
            }
            if hidden.contains(Position(scalar.mark)) { continue }
            guard let value = convert(value, depth: depth + 1) else { return nil }
            if scalar.string == "<<", scalar.style == .plain {
                merged += mergedEntries(of: value)
            } else {
                entries.append(Node.Entry(key: scalar.string, position: Position(scalar.mark), value: value))
            }
        }
        // Keys of the mapping itself have precedence over merged ones, and an earlier merged mapping has precedence over a later one.
        var known = Set(entries.map(\.key))
        for entry in merged where known.insert(entry.key).inserted { entries.append(entry) }
        return entries
    }

    private func mergedEntries(of node: Node) -> [Node.Entry] {
        switch node.content {
        case .mapping(let entries): return entries
        case .sequence(let items): return items.flatMap { mergedEntries(of: $0) }
        case .scalar:
            problems.add(
                .wrongType, node.position, "<<", "only a mapping can be merged", "write `<<: *name`, where `&name` marks a mapping")
            return []
        }
    }

    private func refuseTag(_ tag: String, at position: Position) {
        let known = ["", "!", "tag:yaml.org,2002:str", "tag:yaml.org,2002:seq", "tag:yaml.org,2002:map"]
        if !known.contains(tag) {
            problems.add(.syntax, position, "", "the YAML tag \(tag.clipped) has no meaning in a pipeline", "remove it")
        }
    }
}

extension ProblemList {
    fileprivate func addEmpty() {
        add(.syntax, Position(line: 1, column: 1), "", "the file says nothing", "write at least `name`, `spool`, `stages` and `land`")
    }
}

extension Position {
    fileprivate init(_ mark: Mark?) { self.init(line: mark?.line ?? 1, column: mark?.column ?? 1) }
}
