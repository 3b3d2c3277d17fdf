import Arrivals
import Attempts
import FileSystem
import Foundation
import Glibc
import Recipes
import SystemPackage
import TestSupport
import Testing

@testable import Runner

/// What is read must be what was numbered, before the first byte and after the last.
@Suite struct OpenedInputTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory("opened")
        try directory.write("id,x\na,1\n", to: "spool/a.csv")
    }

    private var path: String { directory("spool/a.csv") }

    /// As it stands now.
    private func numbered(companions: [String] = []) throws -> AttemptSpec.InputFile {
        let own = try FileDigest.of(FilePath(path))
        var stamps = [own.stamp]
        var named: [(name: String, digest: String)] = []
        for name in companions {
            let found = try FileDigest.of(FilePath(directory("spool/" + name)))
            stamps.append(found.stamp)
            named.append((name, found.digest))
        }
        return .init(
            path: path, digest: FileDigest.ofModel(digest: own.digest, companions: named), companions: companions,
            spool: directory("spool"),
            stamp: FileStamp.whole(stamps))
    }

    /// Opens the file as a model that arrived.
    private func opened(_ input: AttemptSpec.InputFile) throws -> OpenedInput {
        let work = AttemptSpec.Work.validateModel(.init(model: input, directory: directory("version")), training: nil)
        let spec = AttemptSpec(run: 1, attempt: 1, pipeline: "p", work: work, schema: .init(), stages: [])
        return try OpenedInput(input, as: .model(.graph), from: NamedFiles(spec))
    }

    private func rewrite(_ text: String, _ name: String = "a.csv") throws {
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: directory("spool/" + name)))
        try file.truncate(atOffset: 0)
        try file.write(contentsOf: Data(text.utf8))
        try file.close()
    }

    private func expectChanged(_ body: () throws -> Void) {
        let failure = #expect(throws: Failure.self) { try body() }
        #expect(failure?.kind == .inputChanged, "\(String(describing: failure))")
    }

    @Test func whatWasRewrittenBeforeIsNotRead() throws {
        let input = try numbered()
        try rewrite("id,x\na,2\n")
        expectChanged { _ = try opened(input) }
    }

    @Test func whatIsRewrittenMeanwhileIsVoid() throws {
        let opened = try opened(numbered())
        try opened.verifyUnchanged()
        try rewrite("id,x\na,2\n")
        expectChanged { try opened.verifyUnchanged() }
    }

    /// What has its name by now is another file; what was read is the one that was opened.
    @Test func whatIsRenamedAwayMeanwhileStaysWhatItWas() throws {
        let opened = try opened(numbered())
        try directory.write("id,x\na,2\n", to: "new.csv")
        #expect(rename(directory("new.csv"), path) == 0)
        try opened.verifyUnchanged()
    }

    /// A stamp says that something happened, the digest what: a `chmod`, or the same bytes once more, change nothing.
    @Test func anotherStampWithTheSameContentIsTheSameFile() throws {
        let input = try numbered()
        #expect(chmod(path, 0o600) == 0)
        let opened = try opened(input)
        try rewrite("id,x\na,1\n")
        try opened.verifyUnchanged()
        try opened.verifyUnchanged()
    }

    /// External data is read by its name, so that other bytes may have stood there for a while.
    @Test func externalDataThatWasTouchedMeanwhileIsVoid() throws {
        try directory.write("weights", to: "spool/w.bin")
        let opened = try opened(numbered(companions: ["w.bin"]))
        try opened.verifyUnchanged()
        try rewrite("weights", "w.bin")
        expectChanged { try opened.verifyUnchanged() }
    }

    @Test func whatLeadsOutOfTheSpoolIsNotRead() throws {
        let input = try numbered()
        try directory.write("id,x\na,1\n", to: "outside/a.csv")
        #expect(unlink(path) == 0 && symlink(directory("outside/a.csv"), path) == 0)
        expectChanged { _ = try opened(input) }
    }
}
