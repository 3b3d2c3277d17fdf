import AttemptSupport
import Attempts
import FileSystem
import Foundation
import Glibc
import Runner
import Synchronization
import SystemPackage
import TestSupport
import Testing
import WorkerProtocol

@testable import WorkerProcesses

/// How the data of an attempt gets to its worker: as content, as an open file, or by its name; over local sockets and over TCP.
@Suite struct TransportTests {
    private let directory: TemporaryDirectory
    init() throws { directory = try TemporaryDirectory("transport") }

    private static let transports: [WorkerTransport] = [.local, .tcp(host: "127.0.0.1")]

    /// An attempt over a file of a spool, as it was numbered.
    private func spec(_ rows: String, output: String = "out.csv") throws -> AttemptSpec {
        var spec = try Scoring.spec(rows: rows, output: output, in: directory)
        guard case .score(var files) = spec.work else { return spec }
        files.data.path = try directory.write(rows, to: "spool/sub/data.csv")
        files.data.spool = directory("spool")
        files.data.stamp = try FileDigest.of(FilePath(files.data.path)).stamp
        spec.work = .score(files)
        return spec
    }

    private func executor(_ transport: WorkerTransport, _ contents: SmallContents? = nil) -> ProcessExecutor {
        ProcessExecutor(program: BuiltProgram.worker, workers: 1, sessionBytes: 1 << 20, contents: contents, transport: transport)
    }

    private func output(_ name: String = "out.csv") throws -> String { String(decoding: try directory.read(name), as: UTF8.self) }

    @Test(arguments: transports) func smallAndLargeFilesAreScored(_ transport: WorkerTransport) throws {
        let executor = executor(transport)
        for rows in [1, 40_000] {
            let text = "id,x\n" + (0..<rows).map { "r\($0),\($0)\n" }.joined()
            let result = executor.execute(try spec(text), cancellation: AttemptCancellation())
            #expect(result.failure == nil && result.rowCount == Int64(rows), "\(String(describing: result.failure))")
            #expect(try output().hasPrefix("id,y\nr0,2.0\n"))
        }
    }

    /// What was read for its digest is scored, and the file is not opened again: the worker could not read it.
    @Test(arguments: transports) func aSmallFileTravelsAsItWasRead(_ transport: WorkerTransport) throws {
        let contents = SmallContents()
        let executor = executor(transport, contents)
        var spec = try spec("id,x\na,1\n")
        guard case .score(var files) = spec.work else { return }
        contents.keep(Array("id,x\na,5\n".utf8), digest: files.data.digest)
        let first = executor.execute(spec, cancellation: AttemptCancellation())
        #expect(try first.failure == nil && output() == "id,y\na,7.0\n", "what was kept, not what stands there")
        let second = executor.execute(spec, cancellation: AttemptCancellation())
        #expect(try second.failure == nil && output() == "id,y\na,3.0\n", "it is kept once")
        // One that was removed since it was read is not scored.
        contents.keep(Array("id,x\na,5\n".utf8), digest: files.data.digest)
        try FileManager.default.removeItem(atPath: files.data.path)
        #expect(executor.execute(spec, cancellation: AttemptCancellation()).failure?.kind == .inputGone)
        files.data.path = directory("spool/sub/none.csv")
        spec.work = .score(files)
        #expect(executor.execute(spec, cancellation: AttemptCancellation()).failure?.kind == .inputGone)
    }

    /// An open file is compared with what was numbered like any other.
    @Test func anOpenFileThatIsAnotherVoidsTheAttempt() throws {
        let executor = executor(.local)
        let text = "id,x\n" + (0..<40_000).map { "r\($0),\($0)\n" }.joined()
        let spec = try spec(text)
        guard case .score(let files) = spec.work else { return }
        try directory.write(text.replacing("r1,", with: "s1,"), to: "spool/sub/data.csv")
        #expect(executor.execute(spec, cancellation: AttemptCancellation()).failure?.kind == .inputChanged)
        try? FileManager.default.removeItem(atPath: directory("out.csv"))
        // A link that leads out of the spool is not followed by the daemon either.
        try directory.write(text, to: "secret.csv")
        try FileManager.default.removeItem(atPath: files.data.path)
        try FileManager.default.createSymbolicLink(atPath: files.data.path, withDestinationPath: directory("secret.csv"))
        let failure = try #require(executor.execute(spec, cancellation: AttemptCancellation()).failure)
        #expect(failure.kind != .machine && !FileManager.default.fileExists(atPath: directory("out.csv")), "\(failure)")
    }

    /// Somebody else who connects to the port is sent away, whatever he says.
    @Test func strangersAreSentAway() throws {
        let door = try WorkerTransport.tcp(host: "127.0.0.1").open()
        let address = try #require(door.arguments.last)
        let strangers = Mutex<[FrameConnection]>([])
        let machine = LocalExecutor.machine
        func hello(_ token: String) -> WorkerFrame {
            .hello(hello: WorkerHello(build: toolVersion, token: token, machine: machine, process: 1, host: "h", mounts: [:]))
        }
        let silent = try FrameConnection.connect(to: address)
        let wrong = try FrameConnection.connect(to: address)
        try wrong.send(hello("wrong"))
        let right = try FrameConnection.connect(to: address)
        try right.send(hello("right"))
        strangers.withLock { $0 = [silent, wrong] }
        let (connection, said) = try door.door.connection(to: getpid(), token: "right")
        #expect(said?.token == "right")
        try connection.send(DaemonFrame.goOn(reference: AttemptReference(run: 1, attempt: 1, nonce: 1)))
        guard case .goOn? = try right.receive(DaemonFrame.self, within: .seconds(5)) else {
            Issue.record("the connection is another's")
            return
        }
        #expect(throws: FrameError.closed) { try wrong.receive(DaemonFrame.self, within: .seconds(5)) }
    }
}

/// Contents of small files, kept until they are scored.
@Suite struct SmallContentsTests {
    @Test func eachIsTakenOnce() {
        let contents = SmallContents()
        contents.keep([1, 2], digest: "a")
        #expect(contents.take("b") == nil && contents.take("a") == [1, 2] && contents.take("a") == nil)
    }

    @Test func theyAreBounded() {
        let contents = SmallContents(byteLimit: 10)
        contents.keep([UInt8](repeating: 0, count: Int(SmallContents.largest) + 1), digest: "large")
        contents.keep([UInt8](repeating: 1, count: 6), digest: "a")
        contents.keep([UInt8](repeating: 2, count: 6), digest: "b")
        #expect(contents.take("large") == nil && contents.take("b") == nil)
        contents.keep([UInt8](repeating: 3, count: 6), digest: "c", now: .now + .seconds(61))
        #expect(contents.take("a") == nil && contents.take("c")?.count == 6, "what nobody asked for makes room")
        contents.keep([UInt8](repeating: 4, count: 10), digest: "d")
        #expect(contents.take("d")?.count == 10)
    }
}
