import Foundation
import PipelineConfig
import TestSupport
import Testing

/// The keys of one of the two kinds of files. They are asked of its reader, which says what may stand in place of a key that it does not
/// know.
enum ConfigurationKeys: String, CaseIterable, Sendable {
    case pipeline
    case settings

    struct Key {
        /// From the file's beginning: `stages[].forward.batch_size`. `NAME` stands for a name that the file gives.
        let path: String
        var isSection = false
        /// What may be written, where that is one of some words.
        var words: [String] = []
    }

    private static let unknown = "zzqqq"
    private static let stages = ["deserialize", "optimize", "forward"]

    private static let found = Dictionary(uniqueKeysWithValues: allCases.map { kind in (kind, Result { try kind.ask() }) })

    /// All keys that the reader takes.
    func keys() throws -> [Key] { try Self.found[self]!.get() }

    private func ask() throws -> [Key] {
        var found: [Key] = []
        var open = try begin()
        while let path = open.popLast() {
            let key = try look(at: path, &open)
            found.append(key)
        }
        return found.sorted { $0.path < $1.path }
    }

    private func begin() throws -> [String] {
        let top = try #require(try problems("\(Self.unknown): 1").compactMap(\.keysThere).first)
        return top.filter { $0 != "stages" } + (top.contains("stages") ? Self.stages.map { "stages[].\($0)" } : [])
    }

    /// Finds out what a key takes by giving it what it does not know.
    private func look(at path: String, _ open: inout [String]) throws -> Key {
        let place = path.replacing("NAME", with: Self.unknown)
        let one = try problems(document(path, "{ \(Self.unknown): 1 }"))
        let inner = one.first { $0.path == "\(place).\(Self.unknown)" }
        if var keys = inner?.keysThere {
            if Self.inBothStages.contains(path) {
                let other = try problems(document(path, "{ \(Self.unknown): 1 }", isFaster: true))
                keys += other.first { $0.path == "\(place).\(Self.unknown)" }?.keysThere ?? []
            }
            open += Set(keys).map { "\(path).\($0)" }
            return Key(path: path, isSection: !keys.isEmpty)
        }
        // Each word may have options of its own.
        if let words = one.first(where: { $0.path == place })?.wordsThere {
            open += words.map { "\(path).\($0)" }
            return Key(path: path)
        }
        let two = try problems(document(path, "{ \(Self.unknown): { \(Self.unknown): 1 } }"))
        if let keys = two.first(where: { $0.path == "\(place).\(Self.unknown).\(Self.unknown)" })?.keysThere {
            open += keys.map { "\(path).NAME.\($0)" }
            return Key(path: path, isSection: true)
        }
        if let words = inner?.wordsThere { return Key(path: path + ".NAME", words: words) }
        return Key(path: path, words: one.first { $0.path == place || $0.path.hasPrefix(place + "[") }?.wordsWanted ?? [])
    }

    private func problems(_ text: String) throws -> [Found] {
        switch self {
        case .pipeline:
            do {
                _ = try read(text)
                return []
            } catch { return error.problems.map(Found.init) }
        case .settings:
            let folder = try TemporaryDirectory("settings-keys")
            try folder.write(text, to: "millrace.yaml")
            return RootFile.load(root: folder.path).problems.map(Found.init)
        }
    }

    /// A problem, and what it says could be written.
    private struct Found {
        let path: String
        let keysThere: [String]?
        let wordsThere: [String]?
        let wordsWanted: [String]?

        init(_ problem: Problem) {
            path = problem.key.replacing(#/\[\d+\]/#, with: "[]")
            let list = { (text: Substring) in text.components(separatedBy: ", ") }
            keysThere =
                problem.remedy == "this takes no keys" ? [] : problem.remedy.firstMatch(of: #/the keys here are (.*)/#).map { list($0.1) }
            wordsThere =
                problem.fault.firstMatch(of: #/`zzqqq` is none of (.*)/#).map { list($0.1) }
                ?? problem.fault.firstMatch(of: #/`1` is none of (.*)/#).map { list($0.1) }
            wordsWanted = problem.remedy.firstMatch(of: #/write one of ([a-z0-9_, ]+)$/#).map { list($0.1) }
        }
    }

    // MARK: Documents

    private static let publicKey = "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="

    /// The keys that an optimize stage has only where it makes the model faster, and those that each kind of stage has with other keys in
    /// them.
    private static let faster = ["graph", "precision", "budget", "gate.cosine", "gate.same_top"].map { "stages[].optimize.\($0)" }
    private static let inBothStages = ["stages[].optimize.gate"]

    /// What must stand beside some keys, by the mapping that they are in.
    private static let beside: [(mapping: String, entries: [String: String])] = [
        ("spool.models", ["path": "in/models"]), ("spool.data", ["path": "in/data"]), ("spool.labelled", ["path": "in/labelled"]),
        ("land.models", ["path": "out/models"]), ("land.outputs", ["path": "out/rows"]),
        ("stages[].optimize.gradient.early_stopping", ["patience": "3"]),
        ("stages[].optimize.gradient.adapters", ["rank": "8", "targets": "[a]"]), ("stages[].forward.outputs.NAME", ["columns": "c"]),
        ("notify.waiting_long", ["tell": "[ops]"]),
        ("trust.models", ["keys": "[\(publicKey)]"]), ("trust.labelled", ["keys": "[\(publicKey)]"]),
    ]

    /// A file with a value at one key; without a value the key is absent, and its mapping is there. A pipeline is one that trains, unless
    /// it is one that makes its model faster.
    func document(_ path: String, _ value: String?, isFaster: Bool = false) -> String {
        let isFaster = isFaster || Self.faster.contains(path)
        var tree =
            self == .settings
            ? Tree.mapping([:])
            : Tree.mapping([
                "name": .value("p"),
                "spool": .mapping(["models": .value("in/models"), "labelled": .value("in/labelled"), "data": .value("in/data")]),
                "schema": .mapping(["label": .value("y")]),
                "land": .mapping(["models": .value("out/models"), "outputs": .value("out/rows")]),
                "stages": .mapping([
                    "deserialize": .mapping([:]), "forward": .mapping([:]),
                    "optimize": .mapping(["gradient": .mapping(["loss": .value("mean_squared_error")])]),
                ]),
            ])
        func parts(_ path: String) -> [String] {
            path.replacing("stages[]", with: "stages").replacing("NAME", with: Self.unknown).split(separator: ".").map(String.init)
        }
        if isFaster, self == .pipeline {
            tree.set(["stages", "optimize"], .mapping(["precision": .value("auto")]))
            tree.set(["spool"], .mapping(["models": .value("in/models"), "data": .value("in/data")]))
            tree.set(["schema"], .mapping([:]))
        }
        for (mapping, entries) in Self.beside where self == .pipeline && path.hasPrefix(mapping + ".") {
            for (key, value) in entries { tree.set(parts(mapping) + [key], .value(value)) }
        }
        if let value { tree.set(parts(path), .value(value)) } else { tree.set(parts(path).dropLast(), nil) }
        return tree.lines
    }
}

/// A YAML document that is built key by key.
private indirect enum Tree {
    case value(String)
    case mapping([String: Tree])

    /// Puts `tree` at the end of the path; nil makes sure that a mapping is there.
    mutating func set(_ path: some Collection<String>, _ tree: Tree?) {
        var entries: [String: Tree] = [:]
        if case .mapping(let known) = self { entries = known }
        guard let first = path.first else {
            self = tree ?? .mapping(entries)
            return
        }
        var inner = entries[first] ?? .mapping([:])
        inner.set(Array(path.dropFirst()), tree)
        entries[first] = inner
        self = .mapping(entries)
    }

    /// The document, one line for each key at the top.
    var lines: String {
        guard case .mapping(let entries) = self else { return "" }
        return entries.sorted { $0.key < $1.key }.map { key, tree in
            guard key == "stages", case .mapping(let stages) = tree else { return "\(key): \(tree.flow)" }
            let list = ["deserialize", "optimize", "forward"].compactMap { name in stages[name].map { "{ \(name): \($0.flow) }" } }
            return "stages: [\(list.joined(separator: ", "))]"
        }.joined(separator: "\n")
    }

    private var flow: String {
        switch self {
        case .value(let text): text
        case .mapping(let entries):
            "{ " + entries.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value.flow)" }.joined(separator: ", ") + " }"
        }
    }
}
