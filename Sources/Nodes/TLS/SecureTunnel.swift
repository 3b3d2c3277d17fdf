import Foundation
import Glibc
import WorkerProtocol

/// Carries bytes between a TLS connection and a local socket, so that whoever uses the socket needs to know nothing of TLS. A thread of its
/// own does so until either side ends.
final class SecureTunnel: @unchecked Sendable {
    /// Holds bytes that were received on one side and are not sent on the other one yet.
    private struct Bytes {
        private var storage = [UInt8](repeating: 0, count: 1 << 16)
        private var rest = 0..<0

        var isEmpty: Bool { rest.isEmpty }

        mutating func fill(_ receive: (UnsafeMutableRawBufferPointer) -> SecureSession.Progress) -> SecureSession.Progress {
            let progress = storage.withUnsafeMutableBytes { receive($0) }
            if case .moved(let count) = progress { rest = 0..<count }
            return progress
        }

        mutating func drain(_ send: (UnsafeRawBufferPointer) -> SecureSession.Progress) -> SecureSession.Progress {
            let progress = storage.withUnsafeBytes { send(UnsafeRawBufferPointer(rebasing: $0[rest])) }
            if case .moved(let count) = progress { rest = rest.lowerBound + count..<rest.upperBound }
            return progress
        }
    }

    private let session: SecureSession
    private let local: Int32
    // Only the tunnel's thread uses them.
    private var incoming = Bytes()
    private var outgoing = Bytes()

    /// Returns a connection for frames that goes through TLS.
    static func open(_ session: SecureSession) throws(FrameError) -> FrameConnection {
        let peer = FrameConnection.peer(of: session.socket)
        let ends = try FrameConnection.pair()
        let tunnel = SecureTunnel(session, ends.other)
        let thread = Thread { tunnel.run() }
        thread.name = "tls"
        thread.start()
        return FrameConnection(ends.own, leadingTo: peer)
    }

    private init(_ session: SecureSession, _ local: Int32) {
        (self.session, self.local) = (session, local)
        _ = fcntl(local, F_SETFL, fcntl(local, F_GETFL) | O_NONBLOCK)
    }

    deinit { Glibc.close(local) }

    private func run() {
        while true {
            guard let moved = move() else { break }
            if !moved { wait() }
        }
        session.end()
        Glibc.shutdown(local, Int32(SHUT_RDWR))
    }

    /// Moves what can be moved without waiting.
    /// - Returns: whether anything was; nil where a side has ended.
    private func move() -> Bool? {
        var steps: [SecureSession.Progress] = []
        if incoming.isEmpty { steps.append(incoming.fill { session.read(into: $0) }) }
        if !incoming.isEmpty { steps.append(incoming.drain { progress(of: send(local, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))) }) }
        if outgoing.isEmpty { steps.append(outgoing.fill { progress(of: recv(local, $0.baseAddress, $0.count, 0)) }) }
        if !outgoing.isEmpty { steps.append(outgoing.drain { session.write($0) }) }
        if steps.contains(.ended) { return nil }
        return steps.contains { $0 != .waits }
    }

    private func progress(of count: Int) -> SecureSession.Progress {
        if count > 0 { return .moved(count) }
        return count < 0 && [EAGAIN, EWOULDBLOCK, EINTR].contains(errno) ? .waits : .ended
    }

    private func wait() {
        // What is full on one side waits for the other. A side of which nothing is awaited is left out: its end would be told again and again.
        func request(_ socket: Int32, receives: Bool, sends: Bool) -> pollfd {
            let events = (receives ? POLLIN : 0) | (sends ? POLLOUT : 0)
            return pollfd(fd: events == 0 ? -1 : socket, events: Int16(events), revents: 0)
        }
        var requests = [
            request(session.socket, receives: incoming.isEmpty, sends: !outgoing.isEmpty),
            request(local, receives: outgoing.isEmpty, sends: !incoming.isEmpty),
        ]
        poll(&requests, 2, -1)
    }
}
