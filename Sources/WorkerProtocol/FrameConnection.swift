import Foundation
import Glibc
import Synchronization

/// Carries frames, each a line of JSON, between the daemon and a worker in both directions. It is the same over a pair of local sockets and
/// over TCP; but open files go with a frame over local sockets only.
///
/// One thread at a time reads; any thread may send.
package final class FrameConnection: @unchecked Sendable {
    /// The most bytes of a line. A longer one is refused, so that the other side cannot fill the memory.
    package static let largestFrame = 256 << 20

    private let descriptor: Int32
    /// The frames that are to be sent together with the next one.
    private let held = Mutex(Held())
    /// The bytes that were received and not read yet. Only the reading thread uses them.
    private var received: [UInt8] = []
    private var start = 0
    /// The place up to which `received` is known to hold no end of a line.
    private var searched = 0
    /// The files that came with what was received and were not taken yet. Only the reading thread uses them.
    private var receivedFiles: [Int32] = []
    private let decoder: JSONDecoder
    /// Tells whether open files can go with a frame.
    package let isLocal: Bool
    private let mostBytes: Atomic<Int>

    private struct Held {
        var bytes: [UInt8] = []
        var files: [Int32] = []
    }

    /// - Parameter descriptor: a connected stream socket, which this object closes.
    package convenience init(_ descriptor: Int32) {
        self.init(descriptor, isLocal: FrameSocket.isLocal(descriptor), peer: FrameSocket.peer(of: descriptor))
    }

    /// - Parameters:
    ///   - descriptor: a local socket, which this object closes, over which this process reaches another machine.
    ///   - peer: the address of that machine.
    package convenience init(_ descriptor: Int32, leadingTo peer: String) { self.init(descriptor, isLocal: false, peer: peer) }

    private init(_ descriptor: Int32, isLocal: Bool, peer: String) {
        self.descriptor = descriptor
        self.isLocal = isLocal
        self.peer = peer
        mostBytes = Atomic(Self.largestFrame)
        decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    }

    /// The address of the other side, for people.
    package let peer: String
    package static func peer(of socket: Int32) -> String { FrameSocket.peer(of: socket) }

    /// Ends the connection in both directions, so that threads that read or send find it closed.
    package func shutDown() { Glibc.shutdown(descriptor, Int32(SHUT_RDWR)) }

    deinit {
        Glibc.close(descriptor)
        for file in receivedFiles + held.withLock(\.files) { Glibc.close(file) }
    }

    /// Sets the most bytes of a frame that is received from now on: few for as long as it is not known who sends.
    package func setLargestFrame(_ bytes: Int) { mostBytes.store(bytes, ordering: .relaxed) }

    // MARK: Sending

    /// Sends a frame, after those that are held.
    /// - Parameter files: open files that go with it, which this object closes. The connection must be local then.
    package func send(_ frame: some QuickFrame, with files: [Int32] = []) throws(FrameError) {
        try add(frame, files)
        try sendHeld()
    }

    /// Keeps a frame to be sent with the next one, or by `sendHeld`. Several frames that are sent at once wake the other side once.
    /// - Parameter files: at most two open files that go with it, as for `send`.
    package func hold(_ frame: some QuickFrame, with files: [Int32] = []) throws(FrameError) {
        try add(frame, files)
        try write { $0.files.count >= FrameSocket.mostFiles - 2 }
    }

    private func add(_ frame: some QuickFrame, _ files: [Int32]) throws(FrameError) {
        let line: [UInt8]
        do throws(FrameError) { line = try self.line(of: frame) } catch {
            for file in files { Glibc.close(file) }
            throw error
        }
        held.withLock { held in
            held.bytes += line
            held.files += files
        }
    }

    /// Sends the frames that are held, and returns whether there were any.
    @discardableResult
    package func sendHeld() throws(FrameError) -> Bool { try write { !$0.bytes.isEmpty } }

    /// Writes the held frames if `isDue` says so, and returns whether it did.
    @discardableResult
    private func write(_ isDue: (Held) -> Bool) throws(FrameError) -> Bool {
        let (isWritten, failure): (Bool, FrameError?) = held.withLock { held in
            guard isDue(held) else { return (false, nil) }
            defer {
                for file in held.files { Glibc.close(file) }
                held.bytes.removeAll(keepingCapacity: held.bytes.count < 1 << 20)
                held.files = []
            }
            return (true, held.bytes.withUnsafeBytes { write($0, with: held.files) })
        }
        if let failure { throw failure }
        return isWritten
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

    private func write(_ bytes: UnsafeRawBufferPointer, with files: [Int32]) -> FrameError? {
        var rest = bytes
        var files = files
        while !rest.isEmpty {
            let count =
                files.isEmpty
                ? Glibc.send(descriptor, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
                : FrameSocket.send(rest, with: files, on: descriptor)
            if count < 0 {
                if errno == EINTR { continue }
                return errno == EPIPE || errno == ECONNRESET ? .closed : .system(call: "send", errno: errno)
            }
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            files = []
        }
        return nil
    }

    // MARK: Receiving

    /// Returns the next of the open files that came with the frame that was received last, where the frame says that some did. The caller
    /// closes it.
    package func takeFile() -> Int32? { receivedFiles.isEmpty ? nil : receivedFiles.removeFirst() }

    /// Waits for the next frame.
    /// - Parameter patience: the time to wait; nil for as long as it takes.
    /// - Returns: the frame; nil where none has come in that time.
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
            let most = mostBytes.load(ordering: .relaxed)
            guard received.count - start < most else { throw .malformed("a line of more than \(most) bytes") }
            guard try waitForBytes(until: deadline) else { return nil }
            try fill()
        }
    }

    /// Tells whether a whole frame was received that has not been taken yet. Used by the reading thread only.
    package var hasFrame: Bool { nextLine() != nil }

    /// Returns the place of a whole line in `received`, without its end; nil where there is none.
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
            let count = FrameSocket.receive(into: buffer, files: &receivedFiles, on: descriptor)
            if count > 0 { received.append(contentsOf: buffer[..<count]) }
            return count
        }
        if count > 0 || count < 0 && errno == EINTR { return }
        throw count == 0 || errno == ECONNRESET ? .closed : .system(call: "recv", errno: errno)
    }
}
