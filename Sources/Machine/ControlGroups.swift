/// The memory that the control groups of this process leave to it, of either version of the kernel's interface.
struct ControlGroups {
    /// The path in front of `/proc` and `/sys`; empty except in tests.
    var root = ""

    /// The files of one version's memory controller, by name.
    private struct Interface {
        let limit: String
        let used: String
        /// The size of cached file pages, as `memory.stat` gives it. They are given back before anything is refused.
        let cached: [String]
    }

    private static let second = Interface(limit: "memory.max", used: "memory.current", cached: ["inactive_file", "active_file"])
    private static let first = Interface(
        limit: "memory.limit_in_bytes", used: "memory.usage_in_bytes", cached: ["total_inactive_file", "total_active_file"])

    /// Returns the bytes that the group with the least to give leaves; nil where none has a limit. Both versions can be in use at once,
    /// each with controllers of its own.
    func available() -> Int? { least(Self.left) }

    /// Returns the least limit of the groups, in bytes; nil where none has one.
    func limit() -> Int? { least(Self.limit) }

    private func least(_ measure: (String, Interface) -> Int?) -> Int? {
        let lines = Pseudofile.text(root + "/proc/self/cgroup")?.split(separator: "\n") ?? []
        return lines.compactMap { line -> Int? in
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { return nil }
            // Version 2 names no controllers; version 1 mounts them under their names.
            if parts[0] == "0", parts[1].isEmpty { return least(below: "/sys/fs/cgroup", path: parts[2], Self.second, measure) }
            guard parts[1].split(separator: ",").contains("memory") else { return nil }
            return least(below: "/sys/fs/cgroup/" + parts[1], path: parts[2], Self.first, measure)
        }.min()
    }

    /// The limits of this group and of those above it. A container may see its own group as the uppermost one, under another path than it
    /// is told.
    private func least(
        below mount: String, path: Substring, _ interface: Interface, _ measure: (String, Interface) -> Int?
    ) -> Int? {
        var path = String(path)
        var least: Int?
        while true {
            if let bytes = measure(root + mount + (path == "/" ? "" : path), interface) { least = min(least ?? .max, bytes) }
            guard let slash = path.lastIndex(of: "/"), path != "/", !path.isEmpty else { return least }
            path = slash == path.startIndex ? "/" : String(path[..<slash])
        }
    }

    private static func left(in folder: String, _ interface: Interface) -> Int? {
        let facts = facts(in: folder)
        guard let used = Pseudofile.number(folder + "/" + interface.used), let limit = limit(in: folder, interface, facts) else {
            return nil
        }
        let cached = interface.cached.reduce(0) { $0 + (facts[Substring($1)] ?? 0) }
        return max(limit - max(used - cached, 0), 0)
    }

    private static func limit(in folder: String, _ interface: Interface) -> Int? { limit(in: folder, interface, facts(in: folder)) }

    private static func limit(in folder: String, _ interface: Interface, _ facts: [Substring: Int]) -> Int? {
        // The second is told by version 1 only: the least limit of the groups above, also of those that a container does not see.
        let limits = [Pseudofile.number(folder + "/" + interface.limit), facts["hierarchical_memory_limit"]].compactMap { $0 }
        return limits.min()
    }

    private static func facts(in folder: String) -> [Substring: Int] {
        var facts: [Substring: Int] = [:]
        for line in (Pseudofile.text(folder + "/memory.stat") ?? "").split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count == 2 { facts[words[0]] = Int(words[1]) }
        }
        return facts
    }
}
