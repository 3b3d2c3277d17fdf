import Attempts
import FileSystem
import Foundation
import Glibc
import Recipes
import TestSupport
import Testing

@testable import WorkerProtocol

@Suite struct FrameConnectionTests {
    private func ends() throws -> (FrameConnection, Int32) {
        let (own, other) = try FrameConnection.pair()
        return (FrameConnection(own), other)
    }

    private let reference = AttemptReference(run: 7, attempt: 2, nonce: .max)

    @Test func framesArriveAsTheyWereSent() throws {
        let (own, other) = try FrameConnection.pair()
        let (sender, receiver) = (FrameConnection(own), FrameConnection(other))
        var result = AttemptResult(rowCount: 3, timings: ["run": 0.5])
        var training = TrainingReport(lossPerEpoch: [1, .nan, .infinity])
        training.hyperParameters = ["a": .text("x\ny")]
        result.training = training
        try sender.send(WorkerFrame.answer(reference: reference, result: result))
        try sender.send(WorkerFrame.heartbeat(reference: reference, steps: 12))
        guard case .answer(reference, let answer)? = try receiver.receive(WorkerFrame.self) else {
            Issue.record("no answer")
            return
        }
        #expect(answer.rowCount == 3 && answer.timings == ["run": 0.5])
        let losses = try #require(answer.training?.lossPerEpoch)
        #expect(losses[0] == 1 && losses[1].isNaN && losses[2] == .infinity)
        #expect(answer.training?.hyperParameters == training.hyperParameters)
        guard case .heartbeat(reference, 12)? = try receiver.receive(WorkerFrame.self) else {
            Issue.record("no heartbeat")
            return
        }
        try receiver.send(DaemonFrame.cancel(reference: reference, cause: .stopped))
        guard case .cancel(reference, .stopped)? = try sender.receive(DaemonFrame.self) else {
            Issue.record("no cancel")
            return
        }
    }

    /// A frame is a line, wherever the network cuts it.
    @Test func aFrameMayComeInPieces() throws {
        let (connection, other) = try ends()
        defer { close(other) }
        let line = #"{"heartbeat":{"reference":{"run":7,"attempt":2,"nonce":18446744073709551615},"steps":3}}"# + "\n"
        let bytes = Array((line + line).utf8)
        var received = 0
        for byte in bytes {
            #expect(write(other, [byte], 1) == 1)
            if case .heartbeat(reference, 3)? = try connection.receive(WorkerFrame.self, within: .zero) { received += 1 }
        }
        #expect(received == 2)
    }

    @Test func nothingComesWithinItsTime() throws {
        let (connection, other) = try ends()
        defer { close(other) }
        #expect(try connection.receive(WorkerFrame.self, within: .milliseconds(5)) == nil)
    }

    @Test func theOtherSideIsGone() throws {
        let (connection, other) = try ends()
        close(other)
        #expect(throws: FrameError.closed) { try connection.receive(WorkerFrame.self) }
        #expect(throws: FrameError.closed) { try connection.send(DaemonFrame.goOn(reference: reference)) }
    }

    @Test(arguments: ["\n", "{}\n", "null\n", #"{"unknown":{}}"# + "\n", #"{"heartbeat":{"steps":1}}"# + "\n", "\u{0}\n"])
    func whatIsNoFrameIsRefused(_ text: String) throws {
        let (connection, other) = try ends()
        defer { close(other) }
        #expect(write(other, text, text.utf8.count) == text.utf8.count)
        let error = #expect(throws: FrameError.self) { try connection.receive(WorkerFrame.self, within: .seconds(10)) }
        guard case .malformed? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    /// Large frames go through a socket that takes little at a time.
    @Test func largeFramesArriveWhole() throws {
        let (own, other) = try FrameConnection.pair()
        let (sender, receiver) = (FrameConnection(own), FrameConnection(other))
        let text = String(repeating: "0123456789abcdef", count: 1 << 16)
        var result = AttemptResult()
        result.columns = ["x": [text]]
        let sent = result
        let thread = Thread { [reference] in try? sender.send(WorkerFrame.answer(reference: reference, result: sent)) }
        thread.start()
        guard case .answer(_, let answer)? = try receiver.receive(WorkerFrame.self) else {
            Issue.record("no answer")
            return
        }
        #expect(answer.columns["x"] == [text])
    }
}
