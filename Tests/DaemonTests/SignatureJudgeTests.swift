import Arrivals
import FileSystem
import Foundation
import PipelineConfig
import Signatures
import SystemPackage
import TestSupport
import Testing

@testable import Daemon
@testable import Watcher

/// A signature is compared with the digest of what was read, and it must be the one that the watcher saw.
@Suite struct SignatureJudgeTests {
    private let folder: TemporaryDirectory
    private let key = SigningKey()
    private let digest = FileDigest.of(bytes: "a model".utf8)

    init() throws {
        folder = try TemporaryDirectory("judged")
        let files = SignedFiles(.init(name: "m.onnx", digest: digest))
        try folder.write(try key.signature(of: files.statement()), to: "m.onnx.sig")
    }

    private func judge(_ signature: FileStamp?, digest: String? = nil, isRequired: Bool = true) throws -> Bool {
        var file = CompleteFile(
            place: SpoolPlace(SpoolID("p", .model), "m.onnx"), stamp: .init(device: 1, inode: 1, size: 7, changed: 1), format: nil,
            settledBy: .renamed, companions: [], endsWithNewline: nil, sequence: 0, settledIn: .zero)
        file.signature = signature
        let judge = SignatureJudge(TrustedSigners(keys: [key.publicKey], isRequired: isRequired))
        let access = SpoolAccess(root: FilePath(folder.path))
        return try judge.distrust(of: file, access, digest: digest ?? self.digest, companions: []) == nil
    }

    private func stamp() throws -> FileStamp { try #require(FileStamp(path: folder("m.onnx.sig"))) }

    @Test func whatWasSignedIsAdmitted() throws {
        #expect(try judge(stamp()))
        #expect(try !judge(stamp(), digest: FileDigest.of(bytes: "a modem".utf8)))
    }

    /// Otherwise the file would be remembered with a signature that it was not judged by.
    @Test func aSignatureThatWasReplacedIsLookedAtAgain() throws {
        var before = try stamp()
        before.changed -= 1
        #expect(throws: FileSystemError.changedWhileRead(FilePath(folder("m.onnx.sig")))) { try judge(before) }
        let gone = try stamp()
        try FileManager.default.removeItem(atPath: folder("m.onnx.sig"))
        #expect(throws: FileSystemError.changedWhileRead(FilePath(folder("m.onnx.sig")))) { try judge(gone) }
    }

    /// The watcher may have found the file complete before it heard that signatures count.
    @Test func withoutASignatureAFileIsLookedAtAgainWhereOneIsRequired() throws {
        #expect(throws: FileSystemError.changedWhileRead(FilePath(folder("m.onnx")))) { try judge(nil) }
        #expect(try judge(nil, isRequired: false))
    }
}
