import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Reads the small files in which the kernel tells about itself.
package enum Pseudofile {
    /// The files of this process and of the machine's memory that are read again and again.
    private static let ofThisProcess = ["/proc/meminfo", "/proc/self/statm", "/proc/self/status", "/proc/self/cgroup"]
    private static let kept = Mutex<[String: Int32]>([:])

    /// Opens the files that are read again and again and keeps them open, for a process that is about to be unable to open them.
    /// - Returns: their descriptors.
    package static func keepOpen() -> [Int32] {
        kept.withLock { kept in
            for path in ofThisProcess where kept[path] == nil {
                let file = open(path, O_RDONLY | O_CLOEXEC)
                if file >= 0 { kept[path] = file }
            }
            return Array(kept.values)
        }
    }

    /// Nil where the file cannot be read or is empty.
    package static func text(_ path: String) -> String? {
        if let file = kept.withLock({ $0[path] }) { return text(of: file) }
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        return text(of: file)
    }

    private static func text(of file: Int32) -> String? {
        var bytes = [UInt8](repeating: 0, count: 8192)
        let count = pread(file, &bytes, bytes.count, 0)
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }

    /// Nil for a word, such as `max`, and where there is no such file.
    package static func number(_ path: String) -> Int? { text(path).flatMap { Int($0.prefix { $0 != "\n" }) } }
}
