import Glibc

/// Describes the socket beside the state folder, `ROOT/.millrace.sock`, where a daemon answers users of its group, who may not enter that
/// folder.
package struct LedgerSocket: Sendable {
    private let stateDirectory: String

    package init(stateDirectory: String) { self.stateDirectory = stateDirectory }

    package var path: String { stateDirectory + ".sock" }

    /// The mode of the socket: only the daemon's user and group may connect.
    private static let mode: mode_t = 0o660

    // MARK: Both ends

    /// Returns a listening socket under the path, in place of one that an earlier daemon left. Only the holder of the `DaemonLock` may call
    /// it.
    func listen() throws(LedgerError) -> Int32 {
        var found = stat()
        if lstat(path, &found) == 0 {
            guard found.st_mode & S_IFMT == S_IFSOCK else {
                throw .socket(path: path, message: "something else has that name; move it away")
            }
            unlink(path)
        }
        let descriptor = try Self.make(path)
        guard withAddress({ Glibc.bind(descriptor, $0, $1) }) == 0, chmod(path, Self.mode) == 0, Glibc.listen(descriptor, 16) == 0 else {
            let failure = errno
            close(descriptor)
            throw .socket(path: path, message: StateFolder.message(failure))
        }
        return descriptor
    }

    /// Connects to the daemon, and returns nil where none listens. Refuses a daemon that runs neither as the owner of the state folder nor
    /// as root.
    func connect() throws(LedgerError) -> Int32? {
        let descriptor = try Self.make(path)
        guard withAddress({ Glibc.connect(descriptor, $0, $1) }) == 0 else {
            let failure = errno
            close(descriptor)
            if failure == ENOENT || failure == ECONNREFUSED { return nil }
            throw .socket(path: path, message: StateFolder.message(failure))
        }
        var folder = stat()
        guard let peer = LedgerPeer(descriptor), stat(stateDirectory, &folder) == 0, peer.user == folder.st_uid || peer.user == 0 else {
            close(descriptor)
            throw .socket(path: path, message: "who listens there is not the user that the state folder belongs to")
        }
        return descriptor
    }

    private static func make(_ path: String) throws(LedgerError) -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw .socket(path: path, message: StateFolder.message(errno)) }
        return descriptor
    }

    /// Calls `body` with the address of the socket. An address has room for 107 bytes, so it names the folder by a descriptor.
    private func withAddress(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        let name = path.split(separator: "/").last ?? ""
        let parent = String(path.dropLast(name.utf8.count))
        guard name.utf8.count <= 80 else {
            errno = ENAMETOOLONG
            return -1
        }
        let folder = open(parent.isEmpty ? "." : parent, LinuxPath.flag | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { return -1 }
        let failure: Int32
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: "/proc/self/fd/\(folder)/\(name)".utf8) }
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
        failure = errno
        close(folder)
        errno = failure
        return result
    }
}

private enum LinuxPath {
    /// The flag O_PATH, which Glibc hides without _GNU_SOURCE.
    static let flag: Int32 = 0o10000000
}

/// Describes the process at the other end, as the kernel reports it.
struct LedgerPeer {
    let user: uid_t
    private let group: gid_t
    private let otherGroups: [gid_t]

    private static let credentials: Int32 = 17  // SO_PEERCRED
    private static let groups: Int32 = 59  // SO_PEERGROUPS

    init?(_ descriptor: Int32) {
        var process: (pid: Int32, user: UInt32, group: UInt32) = (0, 0, 0)
        var length = socklen_t(12)
        guard getsockopt(descriptor, SOL_SOCKET, Self.credentials, &process, &length) == 0, length == 12 else { return nil }
        user = process.user
        group = process.group
        var others = [gid_t](repeating: 0, count: 65_536)
        var size = socklen_t(others.count * MemoryLayout<gid_t>.size)
        let known = getsockopt(descriptor, SOL_SOCKET, Self.groups, &others, &size) == 0
        otherGroups = known ? Array(others.prefix(Int(size) / MemoryLayout<gid_t>.size)) : []
    }

    /// Tells whether it may ask this process: it is of the same user, of root, or of a member of the process's group.
    var isOperator: Bool { user == geteuid() || user == 0 || group == getegid() || otherGroups.contains(getegid()) }
}

extension Int32 {
    // MARK: Messages through a connected socket

    /// Receives one message; returns nil at the end, for bytes that are no message, and for a message longer than `longest`.
    func receiveMessage(longest: Int = LedgerMessage.longest) -> LedgerMessage? {
        guard let head = receive(5) else { return nil }
        let length = Int(head[1]) | Int(head[2]) << 8 | Int(head[3]) << 16 | Int(head[4]) << 24
        guard length <= longest, let body = receive(length) else { return nil }
        return LedgerMessage(kind: head[0], body)
    }

    private func receive(_ count: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            let got = bytes.withUnsafeMutableBytes { recv(self, $0.baseAddress! + done, count - done, 0) }
            if got < 0, errno == EINTR { continue }
            guard got > 0 else { return nil }
            done += got
        }
        return bytes
    }

    /// Sends a message; returns false where the other end is gone or does not take it in time.
    func sendMessage(_ message: LedgerMessage) -> Bool {
        let bytes = message.encoded()
        var done = 0
        while done < bytes.count {
            let sent = bytes.withUnsafeBytes { send(self, $0.baseAddress! + done, bytes.count - done, Int32(MSG_NOSIGNAL)) }
            if sent < 0, errno == EINTR { continue }
            guard sent > 0 else { return false }
            done += sent
        }
        return true
    }

    /// Limits the time that the other end may take: `seconds` until it says something, 10 seconds until it takes what is sent to it.
    func limitWaiting(seconds: Int) {
        for (direction, seconds) in [(SO_RCVTIMEO, seconds), (SO_SNDTIMEO, 10)] {
            var time = timeval(tv_sec: seconds, tv_usec: 0)
            _ = setsockopt(self, SOL_SOCKET, direction, &time, socklen_t(MemoryLayout<timeval>.size))
        }
    }
}
