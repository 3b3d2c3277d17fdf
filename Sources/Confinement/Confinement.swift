import CConfinement
import Glibc

/// Takes from this process what code that computes has no need of: to open files by their names, to connect, to start programs, to reach
/// other processes. What it may do it does with descriptors that it is given. Nothing of this can be taken back, and all of it holds for
/// every thread that is started later.
///
/// It is not refused to ask whether a name exists, and how large a file is: no rule of the kernel's covers that.
package struct Confinement: Sendable {
    /// The files that may be read by their names, and the folders of which all files may be. What is not there is left out.
    private let readable: [String]
    /// Folders that may be listed too.
    private let listable: [String]
    /// Folders that may be written to as well.
    private let writable: [String]
    /// The descriptors that stay open, beside the standard ones.
    private let kept: Set<Int32>

    /// The files and folders in which engines read about the machine: the kinds of processors, how they share memory, and the rules of time zones.
    package static let ofTheMachine = [
        "/proc/cpuinfo", "/sys/devices/system/cpu", "/sys/devices/system/node", "/sys/fs/cgroup", "/usr/share/zoneinfo",
    ]

    package init(reading readable: [String], listing listable: [String] = [], writing writable: [String] = [], keeping kept: Set<Int32>) {
        self.readable = readable
        self.listable = listable
        self.writable = writable
        self.kept = kept
    }

    /// Puts the confinement in force, as far as the kernel offers it. It is called first thing in a process, before any thread is started:
    /// a thread that runs already would stay free.
    /// - Parameter offer: what the kernel offers.
    package func apply(_ offer: KernelOffer = .here) throws(ConfinementError) {
        guard Self.threadCount == 1 else { throw .threads(Self.threadCount) }
        closeOthers()
        guard confinementForbidPrivileges() == 0 else { throw .refused("PR_SET_NO_NEW_PRIVS", errno) }
        if offer.landlock > 0 { try refuseNames(offer.landlock) }
        if offer.hasFilters, confinementFilter() != 0 { throw .refused("seccomp", errno) }
    }

    // MARK: Descriptors

    /// Closes what was inherited by mistake.
    private func closeOthers() {
        var next: UInt32 = 3
        for kept in kept.sorted() where kept >= 3 {
            if UInt32(kept) > next { confinementClose(next, UInt32(kept) - 1) }
            next = UInt32(kept) + 1
        }
        confinementClose(next, .max)
    }

    /// The number of threads of this process.
    private static var threadCount: Int {
        guard let folder = opendir("/proc/self/task") else { return 1 }
        defer { closedir(folder) }
        var count = 0
        while let entry = readdir(folder) { if entry.pointee.d_name.0 != CChar(UInt8(ascii: ".")) { count += 1 } }
        return count
    }

    // MARK: Landlock

    private static let readFile: UInt64 = 1 << 2, readFolder: UInt64 = 1 << 3
    /// To write, to make and to remove files, and to read them.
    private static let changeFiles: UInt64 = readFile | 1 << 1 | 1 << 5 | 1 << 8

    private func refuseNames(_ version: Int) throws(ConfinementError) {
        // All rights that the version knows: 13 of the first, then to move files between folders, to cut them, and to control devices.
        let rights =
            version >= KernelOffer.deviceControl ? 16 : version >= KernelOffer.truncating ? 15 : version == 2 ? 14 : 13
        // To bind and to connect by TCP. Then signals to others, and connections to sockets with an abstract name.
        let network: UInt64 = version >= KernelOffer.connecting ? 3 : 0, scopes: UInt64 = version >= KernelOffer.scoped ? 3 : 0
        let rules = confinementRules((1 << rights) - 1, network, scopes)
        guard rules >= 0 else { throw .refused("landlock_create_ruleset", errno) }
        defer { close(rules) }
        for path in readable { try allow(Self.readFile, path, rules) }
        for path in listable { try allow(Self.readFile | Self.readFolder, path, rules) }
        for path in writable { try allow(Self.changeFiles, path, rules) }
        guard confinementEnforce(rules) == 0 else { throw .refused("landlock_restrict_self", errno) }
    }

    private func allow(_ rights: UInt64, _ path: String, _ rules: Int32) throws(ConfinementError) {
        let named = open(path, __O_PATH | O_CLOEXEC)
        guard named >= 0 else {
            if [ENOENT, ENOTDIR, EACCES].contains(errno) { return }
            throw .unreadable(path, errno)
        }
        let result = confinementAllow(rules, named, rights), failure = errno
        // A rule holds for the file of this moment. Of files in /proc the kernel makes new ones once nobody has them open, so these stay.
        if !path.hasPrefix("/proc/") { close(named) }
        guard result == 0 else { throw .refused("landlock_add_rule for \(path)", failure) }
    }
}

/// Says why a process is not confined.
package enum ConfinementError: Error, Hashable, Sendable {
    /// The kernel refuses a call that it says it offers.
    case refused(String, Int32)
    /// A path that is to stay readable cannot be looked at.
    case unreadable(String, Int32)
    /// Threads run already, as many as that.
    case threads(Int)
}

extension ConfinementError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .refused(let call, let code): "the kernel refuses \(call): \(String(cString: strerror(code)))"
        case .unreadable(let path, let code): "\(path) cannot be opened: \(String(cString: strerror(code)))"
        case .threads(let count): "\(count) threads run already, which would not be confined"
        }
    }
}
