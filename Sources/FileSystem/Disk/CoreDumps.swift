import Glibc

/// Forbids core dumps: this process and those that it starts have rows of tables in their memory, which would stand on the disk after a
/// crash, whatever a pipeline says of them.
package enum CoreDumps {
    package static func forbid() {
        // Where `core_pattern` names a program that takes dumps, the kernel gives it one whatever the limit is, unless that is 1. No dump
        // has room in 1 byte of a file either.
        var none = rlimit(rlim_cur: 1, rlim_max: 1)
        setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
    }
}
