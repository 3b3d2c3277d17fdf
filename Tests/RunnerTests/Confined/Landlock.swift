import FileSystem
import Glibc
import SystemPackage

/// Asks the kernel to refuse files by their names (landlock(7)), from the calling thread and from those that it starts.
enum Landlock {
    private typealias Syscall = @convention(c) (Int, Int, Int, Int, Int) -> Int
    private typealias Prctl = @convention(c) (Int32, UInt, UInt, UInt, UInt) -> Int32
    private static let call = dlsym(nil, "syscall").map { unsafeBitCast($0, to: Syscall.self) }
    private static let prctl = dlsym(nil, "prctl").map { unsafeBitCast($0, to: Prctl.self) }

    private static let readFile: UInt64 = 1 << 2

    /// The version of the interface; below 1 where the kernel has none.
    static let version = call?(444, 0, 0, 1, 0) ?? -1

    /// Refuses everything but to read what is at these paths and beneath them.
    /// - Returns: whether the kernel does so.
    static func confine(reading paths: [String]) -> Bool {
        guard let call, let prctl else { return false }
        // All rights that the version knows: 13 of the first, then the linking of files, their truncation, and control of devices.
        var handled: UInt64 = (1 << (version >= 5 ? 16 : version >= 3 ? 15 : version == 2 ? 14 : 13)) - 1
        let rules = call(444, withUnsafePointer(to: &handled) { Int(bitPattern: $0) }, 8, 0, 0)
        guard rules >= 0 else { return false }
        for path in paths {
            let file = open(path, O_RDONLY | O_CLOEXEC)
            guard file >= 0 else { return false }
            defer { close(file) }
            var rule = [UInt8](repeating: 0, count: 12)
            withUnsafeBytes(of: readFile) { rule.replaceSubrange(0..<8, with: $0) }
            withUnsafeBytes(of: file) { rule.replaceSubrange(8..<12, with: $0) }
            guard rule.withUnsafeBytes({ call(445, rules, 1, Int(bitPattern: $0.baseAddress), 0) }) == 0 else { return false }
        }
        let noNewPrivileges: Int32 = 38
        return prctl(noNewPrivileges, 1, 0, 0, 0) == 0 && call(446, rules, 0, 0, 0) == 0
    }
}
