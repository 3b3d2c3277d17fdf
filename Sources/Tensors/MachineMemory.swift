#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// What the machine, the control group and the process's own limit leave to this process.
package enum MachineMemory {
    /// Bytes that can be taken now, as far as it can be told. Asking takes some system calls: it is for what is large.
    package static func available() -> Int {
        [availableInMachine(), availableInGroup(), availableInAddressSpace()].compactMap { $0 }.min() ?? .max
    }

    /// What the kernel could give without swapping.
    private static func availableInMachine() -> Int? {
        guard let line = text(of: "/proc/meminfo")?.split(separator: "\n").first(where: { $0.hasPrefix("MemAvailable:") }) else { return nil }
        return line.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 }
    }

    /// Of this control group and those above it, the one that leaves least. Cached file pages are given back before anything is refused.
    private static func availableInGroup() -> Int? {
        guard let line = text(of: "/proc/self/cgroup")?.split(separator: "\n").first(where: { $0.hasPrefix("0::") }) else { return nil }
        var path = String(line.dropFirst(3))
        var least: Int?
        while true {
            let folder = "/sys/fs/cgroup" + (path == "/" ? "" : path)
            if let limit = number(in: folder + "/memory.max"), let used = number(in: folder + "/memory.current") {
                let cached = (text(of: folder + "/memory.stat") ?? "").split(separator: "\n")
                    .filter { $0.hasPrefix("inactive_file ") || $0.hasPrefix("active_file ") }
                    .reduce(0) { $0 + ($1.split(separator: " ").last.flatMap { Int($0) } ?? 0) }
                least = min(least ?? .max, max(limit - max(used - cached, 0), 0))
            }
            guard let slash = path.lastIndex(of: "/"), path != "/", !path.isEmpty else { return least }
            path = slash == path.startIndex ? "/" : String(path[..<slash])
        }
    }

    private static func availableInAddressSpace() -> Int? {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0, limit.rlim_cur < rlim_t(Int.max) else { return nil }
        guard let pages = text(of: "/proc/self/statm")?.split(separator: " ").first.flatMap({ Int($0) }) else { return nil }
        return max(Int(limit.rlim_cur) - pages * sysconf(Int32(_SC_PAGESIZE)), 0)
    }

    /// Nil for `max`, and where there is no such file.
    private static func number(in path: String) -> Int? { text(of: path).flatMap { Int($0.prefix { $0 != "\n" }) } }

    private static func text(of path: String) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 8192)
        let count = read(file, &bytes, bytes.count)
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }
}

/// The machine does not have as much memory as something needs.
package struct OutOfMemory: Error, Hashable, Sendable, CustomStringConvertible {
    package let needed: Int
    package let available: Int

    package init(needed: Int, available: Int) {
        self.needed = needed
        self.available = available
    }

    /// Throws where `byteCount` is more than can be had. What is small is not asked for.
    package static func check(_ byteCount: Int) throws(OutOfMemory) {
        guard byteCount > 64 << 20 else { return }
        let available = MachineMemory.available()
        if byteCount > available { throw OutOfMemory(needed: byteCount, available: available) }
    }

    package var description: String { "not enough memory: \(Self.shown(needed)) are needed, and \(Self.shown(available)) are free" }

    /// Such as `4.0 GiB` or `12 MiB`.
    package static func shown(_ byteCount: Int) -> String {
        if byteCount < 1 << 30 { return "\(byteCount >> 20) MiB" }
        let tenths = byteCount / (1 << 30) * 10 + byteCount % (1 << 30) * 10 / (1 << 30)
        return "\(tenths / 10).\(tenths % 10) GiB"
    }
}
