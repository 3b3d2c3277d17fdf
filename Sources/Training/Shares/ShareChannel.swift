import Glibc
import SystemPackage

/// Carries what one who trains and one who helps tell each other, over a connected stream socket: messages of a head and some bytes. Bytes go
/// in pieces, between which it is looked whether the training is to end.
final class ShareChannel: @unchecked Sendable {
    /// Says what a message is; the numbers and bytes of its head and body follow in brackets.
    enum Kind: UInt64 {
        /// The helper says on what it computes (a JSON text).
        case hello
        /// The trainer says what is trained (a JSON text).
        case welcome
        /// The helper can compute shares.
        case ready
        /// Shares of this batch follow, and these are the parameters for them (batch, try; the parameters).
        case values
        /// These are sums of a phase that later ones read (phase; the sums).
        case totals
        /// A share is to be computed (phase, share).
        case share
        /// A share adds this to the sums of the phase (phase, share; the parts).
        case parts
        /// The helper cannot go on (a text).
        case failure
    }

    struct Head: Equatable {
        var kind: Kind
        var first = 0
        var second = 0
        var byteCount = 0
    }

    /// Says why nothing more can be told.
    enum Lost: Error, Equatable {
        case closed
        /// The other side has taken or said nothing for too long.
        case silent
        case malformed
        /// This side is to end.
        case ended
    }

    private let socket: Int32
    private let isEnded: @Sendable () -> Bool

    private static let headBytes = 32
    private static let piece = 1 << 20
    /// The most milliseconds for which it is not looked whether this side is to end.
    private static let tick: Int32 = 50
    /// The most bytes of a text.
    private static let longestText = 1 << 16

    /// - Parameters:
    ///   - descriptor: a connected stream socket, which this object closes.
    ///   - isEnded: tells whether this side is to end.
    init(_ descriptor: FileDescriptor, isEnded: @escaping @Sendable () -> Bool) {
        socket = descriptor.rawValue
        // Small messages do not wait for others. Local sockets have no such thing.
        var yes: Int32 = 1
        setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
        self.isEnded = isEnded
    }

    deinit { Glibc.close(socket) }

    /// Ends the connection, so that threads that read or send find it closed.
    func close() { shutdown(socket, Int32(SHUT_RDWR)) }

    // MARK: Sending

    /// - Parameter patience: the time for which the other side may take nothing.
    func send(_ head: Head, _ parts: [UnsafeRawBufferPointer] = [], within patience: Duration) throws(Lost) {
        var head = head
        head.byteCount = parts.reduce(0) { $0 + $1.count }
        let numbers = [head.kind.rawValue, UInt64(head.first), UInt64(head.second), UInt64(head.byteCount)].map(\.littleEndian)
        let failure: Lost? = numbers.withUnsafeBytes { bytes in
            do throws(Lost) {
                try send(bytes, within: patience)
                return nil
            } catch { return error }
        }
        if let failure { throw failure }
        for part in parts { try send(part, within: patience) }
    }

    func send(_ kind: Kind, _ text: [UInt8], within patience: Duration) throws(Lost) {
        let failure: Lost? = text.withUnsafeBytes { bytes in
            do throws(Lost) {
                try send(Head(kind: kind), [bytes], within: patience)
                return nil
            } catch { return error }
        }
        if let failure { throw failure }
    }

    private func send(_ bytes: UnsafeRawBufferPointer, within patience: Duration) throws(Lost) {
        var rest = bytes
        while !rest.isEmpty {
            try wait(for: Int16(POLLOUT), within: patience)
            let count = Glibc.send(socket, rest.baseAddress, min(rest.count, Self.piece), Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
            if count < 0 {
                if errno == EINTR || errno == EAGAIN { continue }
                throw .closed
            }
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
        }
    }

    // MARK: Receiving

    /// Waits for the next message. Its bytes are received next.
    /// - Parameter patience: the time to wait; nil for as long as it takes.
    func next(within patience: Duration?) throws(Lost) -> Head {
        var numbers = [UInt64](repeating: 0, count: Self.headBytes / 8)
        let failure: Lost? = numbers.withUnsafeMutableBytes { bytes in
            do throws(Lost) {
                try receive(into: bytes, within: patience)
                return nil
            } catch { return error }
        }
        if let failure { throw failure }
        let known = numbers.map { UInt64(littleEndian: $0) }
        guard let kind = Kind(rawValue: known[0]), let first = Int(exactly: known[1]), let second = Int(exactly: known[2]),
            let byteCount = Int(exactly: known[3])
        else { throw .malformed }
        return Head(kind: kind, first: first, second: second, byteCount: byteCount)
    }

    func text(of head: Head, within patience: Duration) throws(Lost) -> [UInt8] {
        guard head.byteCount <= Self.longestText else { throw .malformed }
        var text = [UInt8](repeating: 0, count: head.byteCount)
        let failure: Lost? = text.withUnsafeMutableBytes { bytes in
            do throws(Lost) {
                try receive(into: bytes, within: patience)
                return nil
            } catch { return error }
        }
        if let failure { throw failure }
        return text
    }

    /// - Parameter patience: the time for which nothing may come; nil for as long as it takes.
    func receive(into bytes: UnsafeMutableRawBufferPointer, within patience: Duration?) throws(Lost) {
        var rest = bytes
        while !rest.isEmpty {
            try wait(for: Int16(POLLIN), within: patience)
            let count = recv(socket, rest.baseAddress, min(rest.count, Self.piece), Int32(MSG_DONTWAIT))
            if count == 0 { throw .closed }
            if count < 0 {
                if errno == EINTR || errno == EAGAIN { continue }
                throw .closed
            }
            rest = UnsafeMutableRawBufferPointer(rebasing: rest.dropFirst(count))
        }
    }

    private func wait(for events: Int16, within patience: Duration?) throws(Lost) {
        let deadline = patience.map { ContinuousClock.now + $0 }
        while true {
            var request = pollfd(fd: socket, events: events, revents: 0)
            let ready = poll(&request, 1, Self.tick)
            if isEnded() { throw .ended }
            if ready > 0 { return }
            if ready < 0, errno != EINTR { throw .closed }
            if let deadline, .now >= deadline { throw .silent }
        }
    }
}
