import Foundation

/// Identifies the start of this machine.
package enum Boot {
    /// An identifier that changes when the machine starts; nil where the kernel gives none.
    package static let id = (try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8))?
        .trimmingCharacters(in: .whitespacesAndNewlines)
}
