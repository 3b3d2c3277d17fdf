import Glibc

/// Sends and receives over the sockets of connections: local ones, which carry open files too, and TCP.
enum FrameSocket {
    /// The most files that the kernel takes with one message (`SCM_MAX_FD`).
    static let mostFiles = 253
    private static let headerBytes = MemoryLayout<cmsghdr>.size
    private static let closeOnExec: Int32 = 0x4000_0000  // MSG_CMSG_CLOEXEC

    static func isLocal(_ socket: Int32) -> Bool {
        var address = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let known = withUnsafeMutableBytes(of: &address) { bytes in
            getsockname(socket, bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self), &length) == 0
        }
        return known && address.ss_family == sa_family_t(AF_UNIX)
    }

    /// Returns the numeric address of the other side of a socket, such as `10.0.0.7`; `local` for one on this machine without an address.
    static func peer(of socket: Int32) -> String {
        var address = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        let isKnown = withUnsafeMutableBytes(of: &address) { bytes in
            let address = bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self)
            return getpeername(socket, address, &length) == 0 && address.pointee.sa_family != sa_family_t(AF_UNIX)
                && getnameinfo(address, length, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0
        }
        return isKnown ? String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self) : "local"
    }

    /// Sends bytes, and with the first of them the files.
    /// - Returns: the number of bytes that were sent; -1 with `errno`.
    static func send(_ bytes: UnsafeRawBufferPointer, with files: [Int32], on socket: Int32) -> Int {
        guard files.count <= mostFiles else {
            errno = EMFILE
            return -1
        }
        var control = [UInt8](repeating: 0, count: headerBytes + (files.count * 4 + 7) / 8 * 8)
        return control.withUnsafeMutableBytes { control in
            var header = cmsghdr()
            header.cmsg_len = headerBytes + files.count * 4
            header.cmsg_level = SOL_SOCKET
            header.cmsg_type = Int32(SCM_RIGHTS)
            control.storeBytes(of: header, as: cmsghdr.self)
            for (place, file) in files.enumerated() { control.storeBytes(of: file, toByteOffset: headerBytes + place * 4, as: Int32.self) }
            var piece = iovec(iov_base: UnsafeMutableRawPointer(mutating: bytes.baseAddress), iov_len: bytes.count)
            return withUnsafeMutablePointer(to: &piece) { piece in
                var message = msghdr()
                message.msg_iov = piece
                message.msg_iovlen = 1
                message.msg_control = control.baseAddress
                message.msg_controllen = control.count
                return sendmsg(socket, &message, Int32(MSG_NOSIGNAL))
            }
        }
    }

    /// Receives bytes, and appends the files that came with them.
    /// - Returns: the number of bytes that were received, 0 at the end of the connection; -1 with `errno`.
    static func receive(into bytes: UnsafeMutableRawBufferPointer, files: inout [Int32], on socket: Int32) -> Int {
        withUnsafeTemporaryAllocation(byteCount: headerBytes + mostFiles * 4, alignment: 8) { control in
            var piece = iovec(iov_base: bytes.baseAddress, iov_len: bytes.count)
            return withUnsafeMutablePointer(to: &piece) { piece in
                var message = msghdr()
                message.msg_iov = piece
                message.msg_iovlen = 1
                message.msg_control = control.baseAddress
                message.msg_controllen = control.count
                let count = recvmsg(socket, &message, closeOnExec)
                if count >= 0, message.msg_controllen >= headerBytes {
                    let header = control.load(as: cmsghdr.self)
                    if header.cmsg_level == SOL_SOCKET, header.cmsg_type == Int32(SCM_RIGHTS) {
                        for place in stride(from: headerBytes, to: min(Int(header.cmsg_len), Int(message.msg_controllen)), by: 4) {
                            files.append(control.load(fromByteOffset: place, as: Int32.self))
                        }
                    }
                }
                return count
            }
        }
    }
}

extension FrameConnection {
    /// Makes the two ends of a local connection; both are closed on exec.
    package static func pair() throws(FrameError) -> (own: Int32, other: Int32) {
        var ends: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw .system(call: "socketpair", errno: errno)
        }
        return (ends[0], ends[1])
    }
}
