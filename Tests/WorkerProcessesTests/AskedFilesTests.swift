import AttemptSupport
import Attempts
import FileSystem
import Foundation
import Glibc
import PipelineConfig
import SystemPackage
import TestSupport
import Testing
import WorkerProtocol

@testable import WorkerProcesses

/// What a worker process gets that asks for files, whatever it asks for: those of the attempts that it executes, and nothing else.
@Suite struct AskedFilesTests {
    private let directory: TemporaryDirectory
    private let worker: FrameConnection
    private let outer: OuterPart
    private let attempt = AttemptReference(run: 1, attempt: 1, nonce: 7)
    /// The digest of the attempt's model.
    private let model: String

    init() throws {
        directory = try TemporaryDirectory("asked")
        let (own, other) = try FrameConnection.pair()
        worker = FrameConnection(other)
        outer = OuterPart(FrameConnection(own), prepared: PreparedFolder(FilePath(directory("prepared"))))
        var spec = try Scoring.spec(rows: "id,x\na,1\n", in: directory)
        if case .score(var files) = spec.work {
            files.parts = directory("parts")
            spec.work = .score(files)
        }
        model = spec.model.digest
        outer.admit(spec, attempt)
        try directory.write("secret", to: "secret")
    }

    private func ask(_ act: FileRequest.Act, of attempt: AttemptReference? = nil) throws -> FileAnswer {
        try worker.send(FileRequest(attempt: attempt ?? self.attempt, act: act))
        let answer = try #require(try worker.receive(FileAnswer.self, within: .seconds(30)))
        if case .file = answer { close(try #require(worker.takeFile())) }
        return answer
    }

    private func folder(_ folder: AttemptFolder) throws -> Int {
        guard case .folder(let number, _) = try ask(.folder(folder)) else { throw POSIXError(.ENOENT) }
        return number
    }

    private func isRefused(_ answer: FileAnswer) -> Bool { if case .failure = answer { true } else { false } }

    @Test func theFilesOfAnAttemptAreGiven() throws {
        for file in [AttemptFile.data, .model(.graph), .output, .temporary] {
            guard case .file = try ask(.open(file)) else {
                Issue.record("\(file) is not given")
                continue
            }
        }
        let parts = try folder(.parts)
        guard case .file = try ask(.inFolder(parts, .create("a.part", .fresh))) else {
            Issue.record("no file is made")
            return
        }
        guard case .names(["a.part"]) = try ask(.inFolder(parts, .names)) else {
            Issue.record("the folder is not listed")
            return
        }
        guard case .status(let status?) = try ask(.inFolder(parts, .status("a.part"))) else {
            Issue.record("the file has no status")
            return
        }
        #expect(status.kind == .regular)
    }

    /// The output comes without being asked for, where the attempt is under way.
    @Test func anOutputIsGiven() throws {
        let over = AttemptReference(run: 1, attempt: 1, nonce: 8)
        for reference in [attempt, over] { outer.giveOutput(of: reference) }
        guard case .output(attempt, isOpen: true)? = try worker.receive(FileAnswer.self, within: .seconds(30)) else {
            Issue.record("no output comes")
            return
        }
        close(try #require(worker.takeFile()))
        guard case .output(over, isOpen: false)? = try worker.receive(FileAnswer.self, within: .seconds(30)) else {
            Issue.record("nothing is said of an attempt that is over")
            return
        }
        #expect(worker.takeFile() == nil)
    }

    /// Neither files that the attempt does not have, nor those of attempts that are over, nor those that were never handed out.
    @Test func otherFilesAreNot() throws {
        for file in [AttemptFile.rows, .labels(0), .written(.graph), .model(.weights(["..", "secret"]))] {
            #expect(try isRefused(ask(.open(file))), "\(file)")
        }
        for wanted in [AttemptFolder.labels, .checkpoints, .version, .arrived, .reference, .form] {
            #expect(try isRefused(ask(.folder(wanted))), "\(wanted)")
        }
        #expect(try isRefused(ask(.open(.data), of: AttemptReference(run: 1, attempt: 1, nonce: 8))))
        let parts = try folder(.parts)
        outer.dismissAll()
        #expect(try isRefused(ask(.open(.data))))
        #expect(try isRefused(ask(.inFolder(parts, .names))))
    }

    /// No name leads out of a folder, and no link.
    @Test func noNameLeadsOutOfAFolder() throws {
        let parts = try folder(.parts)
        symlink(directory("secret"), directory("parts/link"))
        symlink(directory.path, directory("parts/up"))
        for name in ["../secret", directory("secret"), "", "..", "up/secret", "link", "a/../../secret"] {
            #expect(try isRefused(ask(.inFolder(parts, .open(name)))), "open \(name)")
        }
        for name in ["../new", directory("new"), "up/new", "link"] {
            #expect(try isRefused(ask(.inFolder(parts, .create(name, .emptied)))), "create \(name)")
        }
        #expect(try isRefused(ask(.inFolder(parts, .rename("link", to: "../moved")))))
        #expect(try isRefused(ask(.inFolder(parts, .remove("../secret")))))
        #expect(try isRefused(ask(.inFolder(parts + 1, .names))))
        #expect(try directory.read("secret") == Array("secret".utf8))
        #expect(!FileManager.default.fileExists(atPath: directory("new")))
    }

    /// An engine gets the folder of prepared models itself, beneath which it may read, and no other one.
    @Test func onlyTheFolderOfPreparedModelsIsGivenItself() throws {
        guard case .file = try ask(.inFolder(folder(.prepared), .descriptor)) else {
            Issue.record("the folder is not given")
            return
        }
        #expect(try isRefused(ask(.inFolder(folder(.parts), .descriptor))))
    }

    /// Of the prepared models those of the attempt's own model are given: nothing is learnt of others, and nothing becomes of them.
    @Test func preparedModelsOfOthersAreNotGiven() throws {
        let (own, other) = ("\(model)-1", "0\(model.dropFirst())-1")
        for name in ["prepared/\(own)/model.onnx", "prepared/\(other)/model.onnx"] { try directory.write("weights", to: name) }
        let prepared = try folder(.prepared)
        func ask(_ act: FolderAct) throws -> FileAnswer { try self.ask(.inFolder(prepared, act)) }
        for (name, isOthers) in [(own, false), ("." + own, false), (other, true), ("." + other, true), ("x/../\(other)", true)] {
            #expect(try isRefused(ask(.status(name + "/model.onnx"))) == isOthers, "\(name)")
            #expect(try isRefused(ask(.makeFolder(name + "-new"))) == isOthers, "\(name)")
            #expect(try isRefused(ask(.create(name + "-new/file", .fresh))) == isOthers, "\(name)")
        }
        for act in [
            FolderAct.open(other + "/model.onnx"), .remove(other), .rename("." + own + "-new", to: other), .rename(other, to: own + "-2"),
            .sync(other), .create("\(own)/../\(other)/model.onnx", .emptied), .remove("\(own)/../\(other)"),
        ] { #expect(try isRefused(ask(act)), "\(act)") }
        #expect(try directory.read("prepared/\(other)/model.onnx") == Array("weights".utf8))
        guard case .names(let names) = try ask(.names) else { throw POSIXError(.ENOENT) }
        #expect(Set(names) == [own, own + "-new", "." + own + "-new"])
    }
}
