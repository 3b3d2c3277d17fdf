import FileSystem
import Foundation
import Glibc
import SystemPackage
import TestSupport
import Testing

@Suite struct FileDigestTests {
    @Test(arguments: [
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ])
    func knownDigests(text: String, digest: String) throws {
        let folder = try TemporaryDirectory("digest")
        let path = FilePath(try folder.write(text, to: "file"))
        #expect(try FileDigest.of(path).digest == digest)
        #expect(FileDigest.of(bytes: text.utf8) == digest)
        #expect(try FileDigest.of(path).stamp == FileDigest.stamp(path))
    }

    @Test func manyBuffersGiveTheDigestOfTheBytes() throws {
        let folder = try TemporaryDirectory("digest")
        var generator = SeededGenerator(seed: 1)
        let bytes = (0..<(1 << 20) + 17).map { _ in UInt8.random(in: 0...255, using: &generator) }
        let path = FilePath(try folder.write(bytes, to: "large"))
        #expect(try FileDigest.of(path).digest == FileDigest.of(bytes: bytes))
    }

    @Test func whatWasHashedWhileItWasWrittenIsNotReadAgain() throws {
        let folder = try TemporaryDirectory("digest")
        let path = FilePath(try folder.write("written", to: "file"))
        let file = try FileDigest.open(path)
        defer { Disk.close(file) }
        func appended(_ texts: String...) -> AppendedDigest {
            var digest = AppendedDigest()
            for text in texts { Array(text.utf8).withUnsafeBytes { digest.append($0, to: file) } }
            return digest
        }
        let whole = try FileDigest.ofWritten(file, named: path, appended: appended("writ", "ten"))
        #expect(whole == (try FileDigest.of(path)))
        // Other bytes of the same number show that it believes what was hashed.
        #expect(try FileDigest.ofWritten(file, named: path, appended: appended("WRITTEN")).digest == FileDigest.of(bytes: "WRITTEN".utf8))
        // A part is not the file: it is read.
        #expect(try FileDigest.ofWritten(file, named: path, appended: appended("writ")) == whole)
        #expect(try FileDigest.ofWritten(file, named: path) == whole)
    }

    @Test func theStampMovesWithEveryWriteAndWithTheMode() throws {
        let folder = try TemporaryDirectory("stamp")
        let path = FilePath(try folder.write("one", to: "file"))
        let first = try #require(try FileDigest.stamp(path))
        #expect(chmod(path.string, 0o600) == 0)
        #expect(try FileDigest.stamp(path) != first)
        #expect(try FileDigest.stamp(FilePath(folder("absent"))) == nil)
    }

    @Test func whatIsNotARegularFileIsRefusedWithoutWaiting() throws {
        let folder = try TemporaryDirectory("fifo")
        let fifo = FilePath(folder("fifo"))
        #expect(mkfifo(fifo.string, 0o600) == 0)
        #expect(throws: FileSystemError.notRegular(fifo)) { try FileDigest.of(fifo) }
        #expect(throws: FileSystemError.notRegular(FilePath(folder.path))) { try FileDigest.of(FilePath(folder.path)) }
        #expect(throws: FileSystemError.missing(FilePath(folder("absent")))) { try FileDigest.of(FilePath(folder("absent"))) }
    }

    /// A writer rewrites the file all the time: a digest comes out only of a moment when it was still.
    @Test func aChangeDuringHashingIsReported() throws {
        let folder = try TemporaryDirectory("change")
        let path = FilePath(try folder.write("", to: "large"))
        #expect(truncate(path.string, 64 << 20) == 0)
        let (begun, done) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        let stop = Flag()
        Thread.detachNewThread {
            let file = FileHandle(forUpdatingAtPath: path.string)!
            var byte: UInt8 = 0
            while !stop.isSet {
                byte &+= 1
                file.seek(toFileOffset: 0)
                file.write(Data([byte]))
                if byte == 1 { begun.signal() }
            }
            done.signal()
        }
        begun.wait()
        #expect(throws: FileSystemError.changedWhileRead(path)) { try FileDigest.of(path) }
        stop.set()
        done.wait()
        #expect(throws: Never.self) { try FileDigest.of(path) }
    }

    @Test func aModelIsOneArrivalWithWhatItNames() throws {
        let folder = try TemporaryDirectory("model")
        let model = FilePath(try folder.write("graph", to: "m.onnx"))
        let renamed = FilePath(try folder.write("graph", to: "other.onnx"))
        let first = FilePath(try folder.write("weights", to: "a.data"))
        let second = FilePath(try folder.write("more", to: "b.data"))
        #expect(try FileDigest.ofModel(at: model, companions: []).digest == FileDigest.of(model).digest)
        let both = try FileDigest.ofModel(at: model, companions: [("b.data", second), ("a.data", first)])
        #expect(try both.digest == FileDigest.ofModel(at: renamed, companions: [("a.data", first), ("b.data", second)]).digest)
        #expect(both.files.count == 3)
        let swapped = try FileDigest.ofModel(at: model, companions: [("a.data", second), ("b.data", first)])
        #expect(swapped.digest != both.digest)
    }
}

private final class Flag: @unchecked Sendable {
    private let lock = NSLock()
    private var value = false
    var isSet: Bool { lock.withLock { value } }
    func set() { lock.withLock { value = true } }
}
