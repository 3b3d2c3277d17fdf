import Glibc

/// Forbids core dumps: this process and those that it starts have rows of tables in their memory, which would stand on the disk after a
/// crash, whatever a pipeline says of them.
package enum CoreDumps {
    package static func forbid() {
        var none = rlimit(rlim_cur: 0, rlim_max: 0)
        setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
    }
}
