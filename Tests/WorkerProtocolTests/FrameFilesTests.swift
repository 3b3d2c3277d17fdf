import Attempts
import Foundation
import Glibc
import Recipes
import TestSupport
import Testing

@testable import WorkerProtocol

/// Open files that go with frames, and connections over TCP.
@Suite struct FrameFilesTests {
    private let directory: TemporaryDirectory
    init() throws { directory = try TemporaryDirectory("frames") }

    private func order(_ number: Int, hasFile: Bool) -> DaemonFrame {
        var order = ScoreOrder()
        order.reference = AttemptReference(run: Int64(number), attempt: 1, nonce: 1)
        order.hasFile = hasFile
        return .score(order)
    }

    private func opened(_ name: String, _ text: String) throws -> Int32 { open(try directory.write(text, to: name), O_RDONLY | O_CLOEXEC) }

    private func text(of file: Int32) -> String {
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 100)
        let count = pread(file, &bytes, bytes.count, 0)
        return String(decoding: bytes[..<max(count, 0)], as: UTF8.self)
    }

    /// Each frame gets its own file, however the frames are put together and however late they are read.
    @Test func filesComeWithTheirFrames() throws {
        let (own, other) = try FrameConnection.pair()
        let (sender, receiver) = (FrameConnection(own), FrameConnection(other))
        #expect(sender.isLocal && receiver.isLocal)
        for number in 0..<40 {
            if number.isMultiple(of: 3) {
                try sender.hold(order(number, hasFile: false))
            } else {
                let file = try opened("\(number)", "content \(number)")
                if number.isMultiple(of: 2) {
                    try sender.hold(order(number, hasFile: true), with: [file])
                } else {
                    try sender.send(order(number, hasFile: true), with: [file])
                }
            }
        }
        #expect(try sender.sendHeld())
        #expect(try !sender.sendHeld(), "everything is sent once")
        for number in 0..<40 {
            guard case .score(let order)? = try receiver.receive(DaemonFrame.self, within: .seconds(5)) else {
                Issue.record("no frame \(number)")
                return
            }
            #expect(order.reference.run == Int64(number) && order.hasFile == !number.isMultiple(of: 3))
            guard order.hasFile else { continue }
            let file = try #require(receiver.takeFile())
            #expect(fcntl(file, F_GETFD) & FD_CLOEXEC != 0, "a process that is started inherits none")
            #expect(text(of: file) == "content \(number)")
        }
        #expect(receiver.takeFile() == nil)
    }

    /// More files than the kernel takes with one message are sent in several.
    @Test func manyFilesAreSentInSeveralMessages() throws {
        let (own, other) = try FrameConnection.pair()
        let (sender, receiver) = (FrameConnection(own), FrameConnection(other))
        for number in 0..<300 { try sender.hold(order(number, hasFile: true), with: [try opened("many", "many")]) }
        try sender.sendHeld()
        for number in 0..<300 {
            guard case .score(let order)? = try receiver.receive(DaemonFrame.self, within: .seconds(5)) else {
                Issue.record("no frame \(number)")
                return
            }
            #expect(order.reference.run == Int64(number))
            #expect(text(of: try #require(receiver.takeFile())) == "many")
        }
    }

    /// A connection that ends closes the files that nobody took.
    @Test func filesThatNobodyTakesAreClosed() throws {
        var taken: Int32 = -1
        do {
            let (own, other) = try FrameConnection.pair()
            let (sender, receiver) = (FrameConnection(own), FrameConnection(other))
            for _ in 0..<2 { try sender.send(order(1, hasFile: true), with: [try opened("a", "a")]) }
            try sender.hold(order(1, hasFile: true), with: [try opened("a", "a")])
            _ = try receiver.receive(DaemonFrame.self)
            taken = try #require(receiver.takeFile())
            _ = try receiver.receive(DaemonFrame.self)
        }
        #expect(text(of: taken) == "a")
        let open = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").filter { entry in
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/" + entry)) == directory("a")
        }
        #expect(open.isEmpty)
    }

    @Test(arguments: [0, 1, 3000, 65_536]) func contentComesInTheFrame(_ count: Int) throws {
        var order = ScoreOrder()
        order.content = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 7) }
        let line = try #require(DaemonFrame.score(order).quickLine())
        #expect(try JSONSerialization.jsonObject(with: Data(line)) is [String: Any])
        guard case .score(let read)? = try line.withUnsafeBytes({ try DaemonFrame.quick($0) }) else {
            Issue.record("no order")
            return
        }
        #expect(read.content == order.content && !read.hasFile)
    }

    @Test(arguments: ["127.0.0.1", "[::1]", "localhost"]) func framesGoOverTCP(_ host: String) throws {
        let listener = try FrameListener(on: host + ":0")
        let worker = try FrameConnection.connect(to: "\(host):\(listener.port)")
        let daemon = try #require(try listener.accept(within: .seconds(5)))
        #expect(!worker.isLocal && !daemon.isLocal)
        let reference = AttemptReference(run: 7, attempt: 2, nonce: .max)
        let text = String(repeating: "ü\n\"", count: 100_000)
        let sending = Thread { [daemon] in
            try? daemon.send(
                DaemonFrame.attempt(
                    reference: reference,
                    spec: AttemptSpec(
                        run: 7, attempt: 2, pipeline: text,
                        work: .validateModel(.init(model: .init(path: "m", digest: "d"), directory: "x"), training: nil), schema: .init(),
                        stages: []),
                    hasFile: false))
        }
        sending.start()
        guard case .attempt(reference, let spec, false)? = try worker.receive(DaemonFrame.self, within: .seconds(30)) else {
            Issue.record("no attempt")
            return
        }
        #expect(spec.pipeline == text)
        try worker.send(WorkerFrame.heartbeat(reference: reference, steps: 3))
        guard case .heartbeat(reference, 3)? = try daemon.receive(WorkerFrame.self, within: .seconds(5)) else {
            Issue.record("no heartbeat")
            return
        }
        #expect(try listener.accept(within: .milliseconds(1)) == nil)
    }

    @Test func wrongAddressesAreSaid() throws {
        for address in ["nowhere", "127.0.0.1:", "127.0.0.1:x", "no such host.invalid:1", "127.0.0.1:1"] {
            #expect(throws: FrameError.self, "\(address)") { try FrameConnection.connect(to: address) }
        }
    }

    /// As long as nobody knows who speaks, few bytes are read.
    @Test func aLongFirstFrameIsRefused() throws {
        let (own, other) = try FrameConnection.pair()
        let receiver = FrameConnection(own)
        receiver.setLargestFrame(1000)
        let bytes = [UInt8](repeating: UInt8(ascii: "{"), count: 5000)
        #expect(write(other, bytes, bytes.count) == bytes.count)
        #expect(throws: FrameError.malformed("a line of more than 1000 bytes")) { try receiver.receive(WorkerFrame.self) }
        close(other)
    }
}
