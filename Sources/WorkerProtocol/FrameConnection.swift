import Foundation
import Glibc
import Synchronization

/// One connection between the daemon and a worker: frames, each a line of JSON, in both directions. It is the same over a pair of local
/// sockets and over TCP.
///
/// One thread at a time reads; any thread may send.
package final class FrameConnection: @unchecked Sendable {
    /// A longer line is refused, so that the other side cannot fill the memory.
    package static let largestFrame = 256 << 20

    private let descriptor: Int32
    /// What is to be sent together with the next frame.
    private let held = Mutex<[UInt8]>([])
    /// Bytes that were received and not read yet. Touched by the reading thread only.
    private var received: [UInt8] = []
    private var start = 0
    /// How far `received` is known to hold no end of a line.
    private var searched = 0
    private let decoder: JSONDecoder

    /// - Parameter descriptor: a connected stream socket, which this object closes.
    package init(_ descriptor: Int32) {
        self.descriptor = descriptor
        decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    }

    deinit { Glibc.close(descriptor) }

    // MARK: Sending

    /// Sends a frame, after those that are held.
    package func send(_ frame: some QuickFrame) throws(FrameError) {
        let line = try line(of: frame)
        try write { held in
            held += line
            return true
        }
    }

    /// Keeps a frame to be sent with the next one, or by `sendHeld`. Several frames that are sent at once wake the other side once.
    /// - Returns: how many bytes are held.
    @discardableResult
    package func hold(_ frame: some QuickFrame) throws(FrameError) -> Int {
        let line = try line(of: frame)
        return held.withLock { held in
            held += line
            return held.count
        }
    }

    package func sendHeld() throws(FrameError) { try write { !$0.isEmpty } }

    /// Writes what is held, where `prepare` says so.
    private func write(_ prepare: (inout [UInt8]) -> Bool) throws(FrameError) {
        let failure: FrameError? = held.withLock { held in
            guard prepare(&held) else { return nil }
            defer { held.removeAll(keepingCapacity: held.count < 1 << 20) }
            return held.withUnsafeBytes { write($0) }
        }
        if let failure { throw failure }
    }

    private func line(of frame: some QuickFrame) throws(FrameError) -> [UInt8] {
        if let line = frame.quickLine() { return line }
        return Array(try encoded(frame))
    }

    private func encoded(_ frame: some Encodable) throws(FrameError) -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        encoder.nonConformingFloatEncodingStrategy = .convertToString(positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        var line: Data
        do { line = try encoder.encode(frame) } catch { throw .malformed("\(error)") }
        line.append(UInt8(ascii: "\n"))
        return line
    }

    private func write(_ bytes: UnsafeRawBufferPointer) -> FrameError? {
        var rest = bytes
        while !rest.isEmpty {
            let count = Glibc.send(descriptor, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
            if count < 0 {
                if errno == EINTR { continue }
                return errno == EPIPE || errno == ECONNRESET ? .closed : .system(call: "send", errno: errno)
            }
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
        return nil
    }

    // MARK: Receiving

    /// Waits for the next frame.
    /// - Parameter patience: how long to wait; nil: as long as it takes.
    /// - Returns: nil where none has come in that time.
    package func receive<Frame: QuickFrame>(_ type: Frame.Type, within patience: Duration? = nil) throws(FrameError) -> Frame? {
        let deadline = patience.map { ContinuousClock.now + $0 }
        while true {
            if let line = nextLine() {
                let frame: Result<Frame, any Error> = received[line].withUnsafeBytes { bytes in
                    Result { try Frame.quick(bytes) ?? decoder.decode(type, from: Data(bytes)) }
                }
                defer { take(line) }
                do { return try frame.get() } catch {
                    throw .malformed("\(error): \(String(decoding: received[line].prefix(200), as: UTF8.self))")
                }
            }
            guard received.count - start < Self.largestFrame else { throw .malformed("a line of more than \(Self.largestFrame) bytes") }
            guard try waitForBytes(until: deadline) else { return nil }
            try fill()
        }
    }

    /// Returns the place of a whole line in `received`, without its end.
    private func nextLine() -> Range<Int>? {
        guard let end = received[searched...].firstIndex(of: UInt8(ascii: "\n")) else {
            searched = received.count
            return nil
        }
        return start..<end
    }

    private func take(_ line: Range<Int>) {
        start = line.upperBound + 1
        searched = start
        if start == received.count {
            received.removeAll(keepingCapacity: received.count < 1 << 20)
            (start, searched) = (0, 0)
        }
    }

    private func waitForBytes(until deadline: ContinuousClock.Instant?) throws(FrameError) -> Bool {
        while true {
            var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            var milliseconds: Int32 = -1
            if let deadline {
                let left = max(deadline - .now, .zero)
                milliseconds = Int32(
                    clamping: left.components.seconds * 1000 + (left.components.attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
            }
            let ready = poll(&request, 1, milliseconds)
            if ready > 0 { return true }
            if ready == 0 { return false }
            guard errno == EINTR else { throw .system(call: "poll", errno: errno) }
        }
    }

    private func fill() throws(FrameError) {
        if start > 0 {
            received.removeFirst(start)
            searched -= start
            start = 0
        }
        let count = withUnsafeTemporaryAllocation(byteCount: 1 << 16, alignment: 16) { buffer in
            let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
            if count > 0 { received.append(contentsOf: buffer[..<count]) }
            return count
        }
        if count > 0 || count < 0 && errno == EINTR { return }
        throw count == 0 || errno == ECONNRESET ? .closed : .system(call: "recv", errno: errno)
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
