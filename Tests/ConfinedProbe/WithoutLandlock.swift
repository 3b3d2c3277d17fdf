import Glibc

/// Runs a program for which the kernel has no Landlock: a filter answers the call that asks for it as older kernels do.
enum WithoutLandlock {
    private typealias Prctl = @convention(c) (Int32, UInt, UInt, UInt, UInt) -> Int32

    /// The steps of the filter, as `struct sock_filter`: load the number of the call; where it is that of landlock_create_ruleset answer
    /// ENOSYS, otherwise allow it.
    private static let steps: [(code: UInt16, ifSo: UInt8, ifNot: UInt8, value: UInt32)] = [
        (0x20, 0, 0, 0), (0x15, 0, 1, 444), (0x06, 0, 0, 0x0005_0000 | UInt32(ENOSYS)), (0x06, 0, 0, 0x7fff_0000),
    ]

    static func run(_ words: [String]) -> Never {
        let prctl = dlsym(nil, "prctl").map { unsafeBitCast($0, to: Prctl.self) }
        let noNewPrivileges: Int32 = 38, seccomp: Int32 = 22
        var filter = steps
        let isSet = filter.withUnsafeMutableBytes { bytes in
            var program = (count: UInt16(steps.count), steps: bytes.baseAddress)
            return withUnsafePointer(to: &program) {
                prctl?(noNewPrivileges, 1, 0, 0, 0) == 0 && prctl?(seccomp, 2, UInt(bitPattern: $0), 0, 0) == 0
            }
        }
        guard isSet else { exit(125) }
        var arguments = words.map { strdup($0) } + [nil]
        execv(words[0], &arguments)
        exit(126)
    }
}
