#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The memory that the machine, the control group and the process's own limit leave to this process.
package enum MachineMemory {
    /// Bytes that can be taken now, as far as it can be told. Asking takes some system calls: it is for what is large.
    package static func available() -> Int {
        [availableInMachine(), ControlGroups().available(), availableInAddressSpace()].compactMap { $0 }.min() ?? .max
    }

    /// The bytes of the machine, or of its control group where that has fewer.
    package static let total: Int = [inMachine("MemTotal:"), ControlGroups().limit()].compactMap { $0 }.min() ?? .max

    /// The memory that the kernel could give without swapping.
    private static func availableInMachine() -> Int? { inMachine("MemAvailable:") }

    private static func inMachine(_ fact: String) -> Int? {
        guard let line = Pseudofile.text("/proc/meminfo")?.split(separator: "\n").first(where: { $0.hasPrefix(fact) }) else {
            return nil
        }
        return line.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 }
    }

    private static func availableInAddressSpace() -> Int? {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0, limit.rlim_cur < rlim_t(Int.max) else { return nil }
        return ProcessMemory().map { max(Int(limit.rlim_cur) - $0.addressSpace, 0) }
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
