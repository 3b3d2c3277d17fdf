import Arrivals
import Attempts
import FileSystem
import Foundation
import Glibc
import ONNX
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

    // MARK: Signed files

    /// As somebody leaves it who changes a file that is mapped into memory: the stamp is that of the changed file.
    @Test func aSignedFileMustHaveItsDigestWhateverItsStampSays() throws {
        var input = try numbered()
        try rewrite("id,x\na,2\n")
        input.stamp = FileStamp(path: path)
        #expect(throws: Never.self, "the stamp is all that is looked at elsewhere") { _ = try opened(input) }
        input.isSigned = true
        expectChanged { _ = try opened(input) }
    }

    @Test func whatIsRewrittenMeanwhileDoesNotReachASignedModel() throws {
        try directory.write("weights", to: "spool/w.bin")
        var input = try numbered(companions: ["w.bin"])
        input.isSigned = true
        let opened = try opened(input)
        try rewrite("id,x\na,2\n")
        try rewrite("others!", "w.bin")
        try opened.verifyUnchanged()
        #expect(try content(opened.file.rawValue) == "id,x\na,1\n")
        #expect(try content(opened.externalData.open("w.bin").get()) == "weights")
        // The copies have no names.
        #expect(directory.files().filter { $0.hasPrefix("version/") } == [])
    }

    /// A file that the signature is not of is no part of the model, whatever the model says.
    @Test func whatWasNotSignedIsNoExternalData() throws {
        for name in ["w.bin", "more.bin"] { try directory.write(name, to: "spool/" + name) }
        var input = try numbered(companions: ["w.bin"])
        let external = try opened(input).externalData
        #expect(throws: Never.self) { close(try external.open("more.bin").get()) }
        input.isSigned = true
        let signed = try opened(input).externalData
        #expect(throws: ExternalDataDirectory.Refusal.self) { try signed.open("more.bin").get() }
        #expect(throws: Never.self) { close(try signed.open("./w.bin").get()) }
    }

    /// A folder that takes the place of another for a while changes the stamp of no file.
    @Test func externalDataIsReadFromTheFilesThatWereOpened() throws {
        try directory.write("weights", to: "spool/sub/w.bin")
        try directory.write("others!", to: "spool/evil/w.bin")
        let opened = try opened(numbered(companions: ["sub/w.bin"]))
        func swap() {
            for (from, to) in [("sub", "aside"), ("evil", "sub"), ("aside", "evil")] {
                #expect(rename(directory("spool/" + from), directory("spool/" + to)) == 0)
            }
        }
        swap()
        #expect(try content(opened.externalData.open("sub/w.bin").get()) == "weights")
        swap()
        try opened.verifyUnchanged()
    }

    private func content(_ file: CInt) throws -> String {
        var bytes = [UInt8](repeating: 0, count: 100)
        let count = pread(file, &bytes, bytes.count, 0)
        return String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
    }
}
