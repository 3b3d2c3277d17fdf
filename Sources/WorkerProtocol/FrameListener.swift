import Glibc

/// Waits for workers that connect over TCP.
package final class FrameListener: Sendable {
    private let socket: Int32
    /// The port that workers connect to.
    package let port: UInt16

    /// - Parameter address: the address as `HOST:PORT`; port 0 stands for one that is free.
    package init(on address: String) throws(FrameError) {
        let socket = try TCPAddress(address).opened { socket, address, length in
            var yes: Int32 = 1
            setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
            guard bind(socket, address, length) == 0 else { return "bind" }
            return listen(socket, 64) == 0 ? nil : "listen"
        }
        self.socket = socket
        var bound = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let port: UInt16? = withUnsafeMutableBytes(of: &bound) { bytes in
            guard getsockname(socket, bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self), &length) == 0 else { return nil }
            // The port is at the same place in addresses of IPv4 and IPv6.
            return UInt16(bigEndian: bytes.load(fromByteOffset: 2, as: UInt16.self))
        }
        self.port = port ?? 0
    }

    deinit { Glibc.close(socket) }

    /// Waits for a worker to connect.
    /// - Returns: the next connection; nil where none comes within `patience`.
    package func accept(within patience: Duration) throws(FrameError) -> FrameConnection? {
        try acceptSocket(within: patience).map { FrameConnection($0) }
    }

    /// Waits for a worker to connect.
    /// - Returns: the socket of the next connection, which the caller closes; nil where none comes within `patience`.
    package func acceptSocket(within patience: Duration) throws(FrameError) -> Int32? {
        let deadline = ContinuousClock.now + patience
        while true {
            let left = max(deadline - .now, .zero)
            var request = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
            let ready = poll(
                &request, 1, Int32(clamping: left.components.seconds * 1000 + left.components.attoseconds / 1_000_000_000_000_000))
            if ready == 0 { return nil }
            if ready < 0 {
                if errno == EINTR { continue }
                throw .system(call: "poll", errno: errno)
            }
            let accepted = Glibc.accept(socket, nil, nil)
            guard accepted >= 0 else {
                if [EINTR, ECONNABORTED, EAGAIN].contains(errno) { continue }
                throw .system(call: "accept", errno: errno)
            }
            _ = fcntl(accepted, F_SETFD, FD_CLOEXEC)
            TCPAddress.prepare(accepted)
            return accepted
        }
    }
}

/// Holds a host and a port.
private struct TCPAddress {
    private let host: String
    private let port: String

    init(_ address: String) throws(FrameError) {
        guard let colon = address.lastIndex(of: ":"), UInt16(address[address.index(after: colon)...]) != nil else {
            throw .malformed("\(address) is no HOST:PORT")
        }
        host =
            address[..<colon].trimmingPrefix("[").hasSuffix("]")
            ? String(address[..<colon].dropFirst().dropLast()) : String(address[..<colon])
        port = String(address[address.index(after: colon)...])
    }

    /// The time after which the kernel gives up a connection whose other side acknowledges nothing, in milliseconds.
    private static let patience: UInt32 = 15_000

    /// Has the kernel send small packets at once, since frames are small and wanted at once, and give up a connection that leads nowhere.
    static func prepare(_ socket: Int32) {
        var yes: Int32 = 1
        setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
        var patience = patience
        setsockopt(socket, Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, &patience, socklen_t(MemoryLayout<UInt32>.size))
    }

    /// Returns a socket for the first of the host's addresses with which `use` succeeds.
    /// - Parameter use: returns the name of the call that failed; nil where the socket can be used.
    func opened(_ use: (Int32, UnsafePointer<sockaddr>, socklen_t) -> String?) throws(FrameError) -> Int32 {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, port, &hints, &found)
        guard code == 0 else { throw .malformed("\(host): \(String(cString: gai_strerror(code)))") }
        defer { freeaddrinfo(found) }
        var failure = FrameError.malformed("\(host) has no address")
        var next = found
        while let address = next {
            next = address.pointee.ai_next
            let made = socket(address.pointee.ai_family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
            guard made >= 0 else {
                failure = .system(call: "socket", errno: errno)
                continue
            }
            guard let call = use(made, address.pointee.ai_addr, address.pointee.ai_addrlen) else { return made }
            failure = .system(call: call, errno: errno)
            Glibc.close(made)
        }
        throw failure
    }
}

extension FrameConnection {
    /// Connects to a daemon that listens.
    /// - Parameter address: `HOST:PORT`; a host of IPv6 stands in brackets.
    package static func connect(to address: String) throws(FrameError) -> FrameConnection { FrameConnection(try socket(to: address)) }

    /// Connects to a daemon that listens.
    /// - Returns: the socket, which the caller closes.
    package static func socket(to address: String) throws(FrameError) -> Int32 {
        let socket = try TCPAddress(address).opened { socket, address, length in
            Glibc.connect(socket, address, length) == 0 ? nil : "connect"
        }
        TCPAddress.prepare(socket)
        return socket
    }
}
