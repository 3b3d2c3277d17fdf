internal import Reasons

/// Holds the state that the sections of one file share: the problems, the positions and the root. It also reads single values.
final class ReadingContext {
    let problems: ProblemList
    let root: String
    let file: ConfigurationFile
    /// The values for keys that a pipeline leaves out.
    let defaults: RootSettings
    /// The names that `notify` of millrace.yaml defines; nil where that file was not read.
    let knownTargets: [String]?
    /// Tells whether the root's key of hashes is made where it is missing.
    let makesKeys: Bool
    private(set) var positions = SourceMap()

    init(
        problems: ProblemList, root: String, file: ConfigurationFile = .pipeline, defaults: RootSettings? = nil, makesKeys: Bool = false
    ) {
        self.makesKeys = makesKeys
        self.problems = problems
        self.root = root
        self.file = file
        self.defaults = defaults ?? RootSettings(root: root)
        knownTargets = defaults?.notify.keys.sorted()
    }

    /// Records the position of an entry: for a scalar its own, for other values that of their key.
    func note(_ entry: Node.Entry, at path: String) {
        if case .scalar = entry.value.content {
            positions.record(entry.value.position, for: path)
        } else {
            positions.record(entry.position, for: path)
        }
    }

    func note(_ node: Node, at path: String) { positions.record(node.position, for: path) }

    func text(_ node: Node, _ path: String) -> String? {
        guard case .scalar(let text, isPlain: _) = node.content, !node.isNull else {
            problems.add(
                .wrongType, node.position, path, "\(node.kind) stands where a text belongs",
                node.isNull ? "write one, in quotes if it is the word null" : "write one text")
            return nil
        }
        return text
    }

    /// Returns a list of texts; a single text is a list of one.
    func texts(_ node: Node, _ path: String) -> [String]? {
        guard case .sequence(let items) = node.content else {
            if case .mapping = node.content {
                problems.add(.wrongType, node.position, path, "a mapping stands where a list belongs", "write a list like [a, b]")
                return nil
            }
            return text(node, path).map { [$0] }
        }
        var texts: [String] = []
        for (index, item) in items.enumerated() {
            guard let text = text(item, "\(path)[\(index)]") else { return nil }
            texts.append(text)
        }
        return texts
    }

    func choice<Choice: CaseIterable & RawRepresentable<String>>(_ node: Node, _ path: String, of type: Choice.Type) -> Choice? {
        word(node, path, of: Choice.allCases.map(\.rawValue)).flatMap { Choice(rawValue: $0) }
    }

    /// Returns one of `words`.
    func word(_ node: Node, _ path: String, of words: [String]) -> String? {
        guard case .scalar(let text, isPlain: _) = node.content else {
            problems.add(
                .wrongType, node.position, path, "\(node.kind) stands where one word belongs",
                "write one of \(words.joined(separator: ", "))")
            return nil
        }
        if words.contains(text) { return text }
        let nearest = Spelling.nearest(to: text, in: words)
        problems.add(
            .badValue, node.position, path, "\(node.kind) is none of \(words.joined(separator: ", "))",
            nearest.map { "did you mean `\($0)`?" } ?? "write one of them")
        return nil
    }

    func folder(_ node: Node, _ path: String) -> String? {
        guard let text = text(node, path) else { return nil }
        let fault: (String, String)? =
            if text.isEmpty {
                ("the path is empty", "write a folder, relative to the root or absolute")
            } else if text.hasPrefix("~") {
                ("`~` is not expanded", "write the path in full, or relative to the root")
            } else if text.contains("${") || text.hasPrefix("$") {
                ("variables are not expanded", "write the path in full, or relative to the root")
            } else if text.utf8.contains(0) || text.contains(where: \.isNewline) {
                ("a path with a line break or a NUL", "write it on one line")
            } else if CanonicalPaths.absolute(text, root: root) == "/" {
                ("this is the root of the file system", "write a folder below it")
            } else {
                nil
            }
        if let (fault, remedy) = fault {
            problems.add(.badValue, node.position, path, fault, remedy)
            return nil
        }
        return CanonicalPaths.absolute(text, root: root)
    }
}
