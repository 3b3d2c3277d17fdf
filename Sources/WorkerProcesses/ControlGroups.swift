import FileSystem
import Foundation
import Glibc
import Machine
import Synchronization
import SystemPackage

/// Holds the control groups (version 2 of the kernel's interface) of a daemon's workers, one for each, below the group that was delegated
/// to the daemon: the kernel keeps `memory.max` however fast the memory of a worker grows.
///
/// A group whose controllers are used below it may have no process of its own, so the daemon moves into a group `daemon` beside those of
/// its workers. The next daemon removes what one that was killed left.
package final class DelegatedGroup: Sendable {
    private static let own = "daemon"
    private static let controller = "memory"

    /// The folder of the group that was delegated.
    let folder: String
    private let makeFolder: @Sendable (String) -> Bool
    private struct State {
        var made = 0
        /// The groups that could not be removed yet.
        var leftOver: [String] = []
    }
    private let state = Mutex(State())

    /// Moves this process into a group of its own. It returns nil where no group with a memory controller is delegated to the process, or
    /// where other processes are in that group: then nothing has changed.
    package convenience init?() { self.init(root: "") { mkdir($0, 0o755) == 0 } }

    /// - Parameters:
    ///   - root: the path in front of `/proc` and `/sys`; empty except in tests.
    ///   - makeFolder: makes the folder of a worker's group, in which the kernel puts its files.
    init?(root: String, makeFolder: @escaping @Sendable (String) -> Bool) {
        guard let folder = Self.delegated(root) else { return nil }
        self.folder = folder
        self.makeFolder = makeFolder
        let leaf = folder + "/" + Self.own
        guard mkdir(leaf, 0o755) == 0 || errno == EEXIST, Self.write("\(getpid())", to: leaf + "/cgroup.procs") else { return nil }
        guard Self.write("+" + Self.controller, to: folder + "/cgroup.subtree_control") else {
            // Processes that we did not start are in the group. Where it is ours to leave, we go back.
            _ = Self.write("\(getpid())", to: folder + "/cgroup.procs")
            rmdir(leaf)
            return nil
        }
        removeStale()
    }

    /// Tells whether a group with a memory controller is delegated to this process.
    package static var isOffered: Bool { delegated("") != nil }

    /// Returns the folder of this process's group, or of the one above where this process is in `daemon` already, as with systemd's
    /// `DelegateSubgroup=daemon`; nil where no such group is delegated.
    private static func delegated(_ root: String) -> String? {
        let lines = Pseudofile.text(root + "/proc/self/cgroup")?.split(separator: "\n") ?? []
        guard let path = lines.first(where: { $0.hasPrefix("0::/") })?.dropFirst(3) else { return nil }
        let mount = root + "/sys/fs/cgroup"
        var candidates = [mount + (path == "/" ? "" : path)]
        if path.hasSuffix("/" + own) { candidates.append(mount + path.dropLast(own.utf8.count + 1)) }
        return candidates.last { isDelegated($0, isTop: $0 == mount) }
    }

    /// Returns whether a group is ours to divide: it can be written, and somebody said so. systemd marks what it delegates; a container has
    /// its group as the uppermost one, which unlike that of the machine has a type; and a folder of a user who is not root was given to
    /// them.
    private static func isDelegated(_ folder: String, isTop: Bool) -> Bool {
        let controllers = Pseudofile.text(folder + "/cgroup.controllers")?.split(whereSeparator: \.isWhitespace) ?? []
        guard controllers.contains(where: { $0 == controller }),
            ["cgroup.procs", "cgroup.subtree_control"].allSatisfy({ access(folder + "/" + $0, W_OK) == 0 })
        else { return false }
        if isTop { return access(folder + "/cgroup.type", F_OK) == 0 }
        var status = stat()
        if geteuid() != 0, stat(folder, &status) == 0, status.st_uid == geteuid() { return true }
        return ["user.delegate", "trusted.delegate"].contains { LinuxCalls.attribute(FilePath(folder), $0) == "1" }
    }

    // MARK: Groups of workers

    /// Makes a group for one worker; nil where that fails.
    func makeGroup() -> WorkerGroup? {
        let name = state.withLock { state in
            state.leftOver.removeAll(where: Self.remove)
            state.made += 1
            return "\(folder)/worker-\(getpid())-\(state.made)"
        }
        guard makeFolder(name) else { return nil }
        return WorkerGroup(name, of: self)
    }

    fileprivate func remove(_ group: String) {
        if !Self.remove(group) { state.withLock { $0.leftOver.append(group) } }
    }

    /// Removes a group. Returns whether there is no such group any more; one that has processes stays.
    private static func remove(_ group: String) -> Bool { rmdir(group) == 0 || errno == ENOENT }

    /// Removes the groups, and ends the processes, of daemons that are gone. A group with this process's number is of an earlier daemon.
    private func removeStale() {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] where name.hasPrefix("worker-") {
            guard let daemon = name.split(separator: "-").dropFirst().first.flatMap({ pid_t($0) }) else { continue }
            guard daemon == getpid() || Glibc.kill(daemon, 0) != 0 && errno == ESRCH else { continue }
            _ = Self.write("1", to: folder + "/" + name + "/cgroup.kill")
            remove(folder + "/" + name)
        }
    }

    /// Writes a text in one call, since each call is one request to the kernel. Returns whether the kernel took it.
    fileprivate static func write(_ text: String, to path: String) -> Bool {
        let file = open(path, O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return false }
        defer { close(file) }
        return Glibc.write(file, text, text.utf8.count) == text.utf8.count
    }
}

/// Holds the control group of one worker. The group is removed when this value is freed; the process must have ended by then.
final class WorkerGroup: Sendable {
    private let folder: String
    private let delegated: DelegatedGroup

    fileprivate init(_ folder: String, of delegated: DelegatedGroup) {
        self.folder = folder
        self.delegated = delegated
        // The kernel is to end the whole worker, since what is left of one could not answer; and memory that is swapped out is not freed.
        _ = DelegatedGroup.write("1", to: folder + "/memory.oom.group")
        _ = DelegatedGroup.write("0", to: folder + "/memory.swap.max")
    }

    deinit { delegated.remove(folder) }

    /// Takes in a process, with what it starts from now on. Returns whether it is in the group.
    func add(_ process: pid_t) -> Bool { DelegatedGroup.write("\(process)", to: folder + "/cgroup.procs") }

    /// The bytes for what the kernel itself needs for a process, such as page tables and stacks of threads, which count too.
    private static let slack = 64 << 20

    /// Bounds the memory of the group from now on. Returns whether the kernel keeps the bound.
    /// - Parameters:
    ///   - bytes: the size of the process's own memory.
    ///   - mapped: the bytes of files that are read again and again, so that their pages should have room beside it.
    func bound(_ bytes: Int, mapped: Int) -> Bool {
        DelegatedGroup.write("\(bytes + bytes / 64 + mapped + Self.slack)", to: folder + "/memory.max")
    }

    /// The number of processes of the group that the kernel has ended for lack of memory.
    var killsForMemory: Int {
        let lines = Pseudofile.text(folder + "/memory.events")?.split(separator: "\n") ?? []
        return lines.first { $0.hasPrefix("oom_kill ") }.flatMap { Int($0.dropFirst(9)) } ?? 0
    }
}
