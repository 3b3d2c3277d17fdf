internal import Reasons

/// Reads `notify`, of a pipeline and of `ROOT/millrace.yaml`.
enum NotifyReader {
    // MARK: Of a pipeline

    static func notify(_ top: Section) -> Notify {
        var notify = Notify()
        guard let section = top.section("notify", keys: ["published", "rejected", "quarantined", "waiting_long"]) else { return notify }
        notify.published = targets(section, "published")
        notify.rejected = targets(section, "rejected")
        notify.quarantined = targets(section, "quarantined")
        if let node = section.node("waiting_long"), case .mapping = node.content {
            if refusesCommand(node, "waiting_long", section) { return notify }
            guard let long = section.section("waiting_long", keys: ["tell", "after"]) else { return notify }
            long.require("tell", "name who is told: tell: [NAME]")
            notify.waitingLong = targets(long, "tell")
            notify.waitingLongAfter = long.duration("after", in: .seconds(1) ... .seconds(365 * 86_400)) ?? notify.waitingLongAfter
        } else {
            notify.waitingLong = targets(section, "waiting_long")
        }
        return notify
    }

    private static func targets(_ section: Section, _ key: String) -> [String] {
        if let node = section.node(key), refusesCommand(node, key, section) { return [] }
        let names = section.names(key) ?? []
        // Without millrace.yaml, as for `forward --pipeline`, no notifications are sent.
        guard let known = section.reading.knownTargets else { return names }
        for name in names where !known.contains(name) {
            let nearest = Spelling.nearest(to: name, in: known)
            section.refuse(
                .badValue, key, "ROOT/millrace.yaml names no \"\(name.clipped)\" in `notify`",
                nearest.map { "did you mean `\($0)`?" } ?? (known.isEmpty ? "add it there" : "it names \(known.joined(separator: ", "))"))
        }
        return names
    }

    /// Refuses a command or an address in a pipeline, because someone who may write a pipeline must not be able to run commands as the
    /// daemon.
    private static func refusesCommand(_ node: Node, _ key: String, _ section: Section) -> Bool {
        guard case .mapping(let entries) = node.content, entries.contains(where: { ["command", "post"].contains($0.key) }) else {
            return false
        }
        section.refuse(
            .badValue, key, "commands and addresses do not stand in a pipeline",
            "give it a name in `notify` of ROOT/millrace.yaml, and write that name here")
        return true
    }

    // MARK: Of millrace.yaml

    static func targets(_ top: Section) -> [String: NotifyTarget] {
        guard let entries = top.namedValues("notify", what: "notify: { NAME: { command: [WORD, ...] } }") else { return [:] }
        var targets: [String: NotifyTarget] = [:]
        for entry in entries {
            let path = "notify." + entry.key
            top.reading.note(entry, at: path)
            let isName =
                !entry.key.isEmpty && entry.key.utf8.count <= 64
                && entry.key.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == "-") }
            if !isName {
                top.reading.problems.add(
                    .badValue, entry.position, path, "\"\(entry.key.clipped)\" cannot name who is told",
                    "write letters, digits, - and _, at most 64")
                continue
            }
            guard let section = Section(entry.value, path, keys: ["command", "post", "timeout"], in: top.reading) else { continue }
            if let target = target(section) { targets[entry.key] = target }
        }
        return targets
    }

    private static func target(_ section: Section) -> NotifyTarget? {
        let timeout = section.duration("timeout", in: .seconds(1) ... .seconds(3600)) ?? .seconds(30)
        switch (section.has("command"), section.has("post")) {
        case (true, true):
            section.refuse(.badValue, "post", "there is a command too", "keep one of them, and give the other a name of its own")
            return nil
        case (false, false):
            if !section.hasRefusals {
                section.reading.problems.add(
                    .missingKey, section.position, section.path, "it neither has a command nor an address",
                    "add command: [WORD, ...] or post: URL")
            }
            return nil
        case (true, false): return command(section).map { NotifyTarget(.command($0), timeout: timeout) }
        case (false, true): return address(section).map { NotifyTarget(.post($0), timeout: timeout) }
        }
    }

    private static func command(_ section: Section) -> [String]? {
        guard let node = section.node("command") else { return nil }
        guard case .sequence = node.content else {
            section.refuse(
                .wrongType, "command", "\(node.kind) stands where a list of words belongs", "write [PROGRAM, WORD, ...]: no shell reads it")
            return nil
        }
        guard let words = section.texts("command") else { return nil }
        guard let program = words.first, !program.isEmpty, !words.contains(where: { $0.utf8.contains(0) }) else {
            section.refuse(.badValue, "command", "there is no program", "write [PROGRAM, WORD, ...]")
            return nil
        }
        if program.contains("/"), !program.hasPrefix("/") {
            return [CanonicalPaths.absolute(program, root: section.reading.root)] + words.dropFirst()
        }
        return words
    }

    private static func address(_ section: Section) -> String? {
        guard let text = section.text("post") else { return nil }
        let schemes = ["http://", "https://"]
        let isPlain = text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }
        guard let scheme = schemes.first(where: { text.lowercased().hasPrefix($0) }), text.utf8.count > scheme.utf8.count, isPlain else {
            section.refuse(
                .badValue, "post", "\"\(text.clipped)\" is no address of the web", "write one that begins with http:// or https://")
            return nil
        }
        return text
    }
}
