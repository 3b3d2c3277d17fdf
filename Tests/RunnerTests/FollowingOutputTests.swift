import Attempts
import FileSystem
import Foundation
import Glibc
import SystemPackage
import TestSupport
import Testing
import WorkerProtocol

@testable import Runner

/// The output of an attempt comes to the worker without being asked for, after the order, among answers to questions.
@Suite struct FollowingOutputTests {
    private let directory: TemporaryDirectory
    private let daemon: FrameConnection
    private let asking: FileAsking
    private let attempt = AttemptReference(run: 3, attempt: 1, nonce: .max)

    init() throws {
        directory = try TemporaryDirectory("following")
        let (own, other) = try FrameConnection.pair()
        daemon = FrameConnection(own)
        asking = FileAsking(FrameConnection(other))
    }

    private func opened(_ name: String) throws -> Int32 {
        let file = open(try directory.write(name, to: name), O_RDONLY | O_CLOEXEC)
        try #require(file >= 0)
        return file
    }

    private func files(of attempt: AttemptReference, follows: Bool = true) -> Runner.AskedFiles {
        Runner.AskedFiles(attempt, asking, outputFollows: follows)
    }

    private func text(_ file: FileDescriptor) throws -> String {
        defer { try? file.close() }
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = pread(file.rawValue, &bytes, bytes.count, 0)
        return String(decoding: bytes.prefix(count), as: UTF8.self)
    }

    private func openFiles(_ name: String) throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").filter { entry in
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/" + entry)) == directory(name)
        }.count
    }

    @Test func itIsTakenOnceAndThenAskedFor() throws {
        try daemon.send(FileAnswer.output(attempt, isOpen: true), with: [try opened("followed")])
        let files = files(of: attempt)
        #expect(try text(files.open(.output)) == "followed")
        try daemon.send(FileAnswer.file, with: [try opened("asked")])
        #expect(try text(files.open(.output)) == "asked")
        guard case .open(.output)? = try daemon.receive(FileRequest.self, within: .seconds(30))?.act else {
            Issue.record("the second was not asked for")
            return
        }
        #expect(try daemon.receive(FileRequest.self, within: .zero) == nil, "the first was not asked for")
        files.closeOutput()
    }

    /// Outputs of attempts that were sent together may all come before the answer to a question about the first.
    @Test func answersToQuestionsAreToldFromIt() throws {
        let next = AttemptReference(run: 4, attempt: 1, nonce: 1)
        for (attempt, name) in [(attempt, "first"), (next, "second")] {
            try daemon.send(FileAnswer.output(attempt, isOpen: true), with: [try opened(name)])
        }
        try daemon.send(FileAnswer.file, with: [try opened("data")])
        #expect(try text(files(of: attempt).open(.data)) == "data")
        #expect(try text(files(of: next).open(.output)) == "second")
        #expect(try text(files(of: attempt).open(.output)) == "first")
    }

    @Test func whatCouldNotBeMadeIsAskedFor() throws {
        try daemon.send(FileAnswer.output(attempt, isOpen: false))
        try daemon.send(FileAnswer.failure(.missing("the folder")))
        #expect(throws: FileSystemError.missing("the folder")) { try files(of: attempt).open(.output) }
    }

    @Test func whatNobodyTakesIsClosed() throws {
        try daemon.send(FileAnswer.output(attempt, isOpen: true), with: [try opened("left")])
        let files = files(of: attempt)
        files.closeOutput()
        #expect(try openFiles("left") == 0)
        // Nothing is waited for any more.
        files.closeOutput()
        self.files(of: attempt, follows: false).closeOutput()
    }
}
