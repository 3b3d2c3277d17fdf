import Attempts
import Glibc
import Machine

/// Sets the limits that the kernel keeps for this process to what an attempt may take. The daemon looks at the memory too, some times a
/// second; these limits hold for what grows faster. Where this process has a control group of its own, the daemon limits its memory by
/// that, and sends an attempt without a limit.
enum ProcessLimits {
    /// The room for address space that is reserved and not used: threads, allocators and mapped files reserve it in large pieces.
    private static let slack = 1 << 30

    static func apply(_ spec: AttemptSpec) {
        if let memory = spec.limits.memoryBytes {
            // Mapped files take address space beside what is made of them.
            set(RLIMIT_AS, (ProcessMemory()?.addressSpace ?? 0) + memory + spec.mappedBytes + slack)
        }
        if let files = spec.limits.openFiles { set(RLIMIT_NOFILE, files) }
    }

    /// Lowers the soft limit, or raises it again as far as the hard one allows.
    private static func set(_ resource: __rlimit_resource, _ value: Int) {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(resource.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = min(rlim_t(value), limit.rlim_max)
        setrlimit(__rlimit_resource_t(resource.rawValue), &limit)
    }
}
