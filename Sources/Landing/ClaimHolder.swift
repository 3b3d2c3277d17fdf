import FileSystem
import Foundation
import Glibc

/// Identifies the process that holds a claim, well enough to tell from the same machine whether it lives.
package struct ClaimHolder: Codable, Hashable, Sendable, CustomStringConvertible {
    package let host: String
    package let pid: Int32
    /// The root of the daemon.
    package let root: String
    /// The time since which it holds the claim, in UTC and ISO 8601.
    package let since: String
    /// The identifier of this boot of the machine.
    let boot: String
    /// The namespace in which the pid means something.
    let namespace: String
    /// The time when the process started, because a pid is used again.
    let started: String
    package let token: String
    /// The inode of the claim itself: a copy of the claim has another one.
    var inode: Int64 = 0

    /// Describes this process as the holder.
    package init(root: String, since: String) {
        host = ProcessInfo.processInfo.hostName
        pid = getpid()
        self.root = root
        self.since = since
        boot = Self.boot
        namespace = Self.namespace
        started = Self.startTime(of: getpid()) ?? ""
        token = UUID().uuidString
    }

    package var description: String { "pid \(pid) on host \(host), with --root \(shown(root)), since \(since)" }

    /// Tells whether the process lives; nil where that cannot be known from here: on another machine, after another boot, or in another
    /// container.
    var isAlive: Bool? {
        guard boot == Self.boot, !boot.isEmpty, namespace == Self.namespace, !namespace.isEmpty else { return nil }
        return Self.startTime(of: pid) == started
    }

    private static let boot = Boot.id ?? ""

    private static let namespace = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/pid")) ?? ""

    /// Returns the 22nd field of `/proc/PID/stat`, in clock ticks since the boot; nil for a process that has ended. The second field is the
    /// name in parentheses, which may hold any character.
    private static func startTime(of pid: Int32) -> String? {
        guard let text = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8), let end = text.lastIndex(of: ")") else {
            return nil
        }
        let fields = text[end...].split(separator: " ")
        // A zombie counts as ended.
        return fields.count > 20 && fields[1] != "Z" ? String(fields[20]) : nil
    }
}
