#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Tells what this process has used so far.
package enum ProcessUsage {
    /// The seconds of processor time, of all threads together.
    package static var processorSeconds: Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// The most memory that was resident at any time, in bytes; 0 where the kernel does not tell it.
    package static var peakBytes: Int64 {
        for line in Pseudofile.text("/proc/self/status")?.split(separator: "\n") ?? [] where line.hasPrefix("VmHWM:") {
            return (line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int64($0) } ?? 0) << 10
        }
        return 0
    }
}
