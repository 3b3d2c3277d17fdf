import FileSystem
import Foundation
import Signatures
import TestSupport
import Testing

/// What somebody tries who may write into the spool, and keys that change.
extension TrustTests {
    /// A key that was replaced in its file counts no more, without a restart.
    @Test func aKeyFileIsReadAgainWhenItIsReplaced() throws {
        let daemon = try world()
        try daemon.drop(try daemon.root.read("stranger.pub"), at: "author.pub")
        try #require(eventually { daemon.logText.contains("pipelines re-read") }, "\(daemon.logText)")
        try daemon.root.write(TinyModel.adding(1), to: "m.onnx")
        try sign("m.onnx", to: "spool/models/m.onnx.sig", in: daemon)
        try daemon.drop(TinyModel.adding(1), at: "spool/models/m.onnx")
        try #require(eventually { reason("m.onnx", daemon)?.contains("trust.invalid") == true }, "\(daemon.logText)")
        #expect(active(daemon) == nil)
        try sign("m.onnx", by: "stranger", to: "spool/models/m.onnx.sig", in: daemon)
        #expect(isPublished(1, daemon), "\(daemon.logText)")
        // One that is gone refuses the edit, and what was in force stays.
        try FileManager.default.removeItem(atPath: daemon.root("author.pub"))
        #expect(eventually { daemon.logText.contains("the edit is refused; what was in force stays") }, "\(daemon.logText)")
    }

    /// Who keeps a file mapped into memory can change it after its signature was checked, and its stamp stays.
    @Test func aModelThatIsChangedUnseenAfterItsCheckIsNotTaken() throws {
        let daemon = try world()
        try daemon.drop(TinyModel.adding(1), at: "spool/models/first.onnx")
        try sign("spool/models/first.onnx", in: daemon)
        try #require(isPublished(1, daemon), "\(daemon.logText)")
        _ = try command(["pause", "p"], daemon)
        let good = TinyModel.adding(2), evil = TinyModel.adding(9)
        #expect(good.count == evil.count)
        let staged = daemon.root("staged")
        try Data(good).write(to: URL(fileURLWithPath: staged))
        let file = open(staged, O_RDWR)
        let mapped = try #require(mmap(nil, good.count, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0))
        defer { munmap(mapped, good.count) }
        close(file)
        // The page is written to, so that the kernel does not hear of the next writing.
        mapped.copyMemory(from: good, byteCount: good.count)
        try daemon.root.write(good, to: "m.onnx")
        try sign("m.onnx", to: "spool/models/m.onnx.sig", in: daemon)
        try #require(rename(staged, daemon.root("spool/models/m.onnx")) == 0)
        try #require(
            eventually { (try? explain("spool/models/m.onnx", daemon).contains("paused")) == true }, "\(daemon.logText)")
        var before = stat(), after = stat()
        stat(daemon.root("spool/models/m.onnx"), &before)
        mapped.copyMemory(from: evil, byteCount: evil.count)
        stat(daemon.root("spool/models/m.onnx"), &after)
        _ = try command(["resume", "p"], daemon)
        // Otherwise the kernel has written the page meanwhile, and this shows nothing.
        if before.st_ctim.tv_nsec != after.st_ctim.tv_nsec { return }
        #expect(eventually { daemon.logText.contains("not the one any more that was numbered") }, "\(daemon.logText)")
        #expect(active(daemon) == "1\n")
        mapped.copyMemory(from: good, byteCount: good.count)
        #expect(isPublished(2, daemon), "\(daemon.logText)")
    }

    /// A signature that is a FIFO, a folder or as large as a model stands for none, and holds nobody up.
    @Test(arguments: ["FIFO", "folder", "empty", "large"]) func whatStandsAsASignatureAndIsNone(what: String) throws {
        let daemon = try world()
        let path = daemon.root("spool/models/m.onnx.sig")
        switch what {
        case "FIFO": #expect(mkfifo(path, 0o666) == 0)
        case "folder": try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        case "empty": try daemon.drop([UInt8](), at: "spool/models/m.onnx.sig")
        default:
            try daemon.root.write("", to: "spool/models/m.onnx.sig")
            #expect(truncate(path, 1 << 40) == 0)
        }
        try daemon.drop(TinyModel.adding(1), at: "spool/models/m.onnx")
        try #require(eventually { reason("m.onnx", daemon)?.contains("trust.missing") == true }, "\(daemon.logText)")
        #expect(reason("m.onnx", daemon)?.contains("m.onnx.sig does not count") == true)
        #expect(active(daemon) == nil)
        if what == "folder" { try FileManager.default.removeItem(atPath: path) }
        try sign("spool/models/m.onnx", in: daemon)
        #expect(isPublished(1, daemon), "\(daemon.logText)")
    }

    /// With `require: false` a file without a signature is admitted, one with a wrong one is not.
    @Test func aSignatureThatIsNotRequiredCountsWhereThereIsOne() throws {
        let daemon = try world("trust: { models: { keys: [author.pub], require: false } }")
        try daemon.drop(TinyModel.adding(1), at: "spool/models/m.onnx")
        try #require(isPublished(1, daemon), "\(daemon.logText)")
        try daemon.root.write(TinyModel.adding(2), to: "n.onnx")
        try sign("n.onnx", by: "stranger", to: "spool/models/n.onnx.sig", in: daemon)
        try daemon.drop(TinyModel.adding(2), at: "spool/models/n.onnx")
        try #require(eventually { reason("n.onnx", daemon)?.contains("trust.invalid") == true }, "\(daemon.logText)")
        #expect(active(daemon) == "1\n")
    }
}
