#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The memory of a process, in bytes, as the kernel tells it.
package struct ProcessMemory {
    /// The address space that is reserved.
    package let addressSpace: Int
    /// The memory that is the process's own: neither files that are mapped nor what it shares.
    package let own: Int

    private static let pageBytes = sysconf(Int32(_SC_PAGESIZE))

    /// Nil where there is no such process.
    /// - Parameter process: this process where it is left out.
    package init?(of process: Int32? = nil) {
        let facts = Pseudofile.text("/proc/\(process.map(String.init) ?? "self")/statm")?.split(separator: " ").compactMap { Int($0) } ?? []
        guard facts.count > 2 else { return nil }
        addressSpace = facts[0] * Self.pageBytes
        own = max(facts[1] - facts[2], 0) * Self.pageBytes
    }
}
