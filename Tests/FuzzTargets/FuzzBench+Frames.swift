import Glibc
import WorkerProtocol

extension FuzzBench {
    /// Receives the bytes as what a daemon and a worker take from one another.
    func readFrames(_ bytes: [UInt8]) throws {
        var failure: FrameError?
        func receive<Frame: QuickFrame>(_ type: Frame.Type) throws {
            let ends = try FrameConnection.pair()
            let connection = FrameConnection(ends.own)
            // An input is smaller than what a socket takes before somebody reads.
            let sent = bytes.withUnsafeBytes { send(ends.other, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)) }
            precondition(sent == bytes.count, "an input that does not fit the socket")
            close(ends.other)
            while true {
                do throws(FrameError) {
                    guard let frame = try connection.receive(type) else { continue }
                    try Self.compare(frame)
                } catch .closed {
                    return
                } catch {
                    failure = error
                }
            }
        }
        try receive(DaemonFrame.self)
        try receive(WorkerFrame.self)
        try receive(FileRequest.self)
        try receive(FileAnswer.self)
        if let failure { throw failure }
    }

    /// What was read and is written again in the short form must be the same when it is read.
    private static func compare<Frame: QuickFrame>(_ frame: Frame) throws(FrameError) {
        guard let line = frame.quickLine() else { return }
        let again = try? line.withUnsafeBytes { try Frame.quick($0) }
        precondition(again?.quickLine().map { $0.count } == line.count, "a frame that is written is another one")
    }
}
