import Glibc
import WorkerProtocol

extension FuzzBench {
    /// Receives the bytes as each kind of frames. Throws where none of them takes all lines.
    func readFrames(_ bytes: [UInt8]) throws {
        let failures = [
            try failure(of: DaemonFrame.self, bytes), try failure(of: WorkerFrame.self, bytes), try failure(of: FileRequest.self, bytes),
            try failure(of: FileAnswer.self, bytes),
        ]
        if let failure = failures[0], !failures.contains(nil) { throw failure }
    }

    /// Returns why a line is no frame of the type; nil where all are.
    private func failure<Frame: QuickFrame>(of type: Frame.Type, _ bytes: [UInt8]) throws -> FrameError? {
        let ends = try FrameConnection.pair()
        let connection = FrameConnection(ends.own)
        // An input is smaller than what a socket takes before somebody reads.
        let sent = bytes.withUnsafeBytes { send(ends.other, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)) }
        precondition(sent == bytes.count, "an input that does not fit the socket")
        close(ends.other)
        var failure: FrameError?
        while true {
            do throws(FrameError) {
                if let frame = try connection.receive(type) { Self.compare(frame) }
            } catch .closed {
                return failure
            } catch {
                failure = error
            }
        }
    }

    /// What was read and is written again in the short form must be the same when it is read.
    private static func compare<Frame: QuickFrame>(_ frame: Frame) {
        guard let line = frame.quickLine() else { return }
        let again = try? line.withUnsafeBytes { try Frame.quick($0) }
        precondition(again?.quickLine()?.count == line.count, "a frame that is written is another one")
    }
}
