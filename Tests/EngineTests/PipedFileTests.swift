import Foundation
import Glibc
import TestSupport
import Testing

@testable import Engine

/// What is written to a pipe by its name is in the file.
@Suite struct PipedFileTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory("piped") }

    private func write(_ bytes: [UInt8], _ name: String) -> Int {
        let file = open(PipedFile.folder + "/" + name, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        defer { close(file) }
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress! + done, bytes.count - done) }
            if count <= 0 { break }
            done += count
        }
        return done
    }

    @Test(arguments: [0, 1, 5 << 20]) func allOfItIsInTheFile(_ count: Int) throws {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 12) }
        let target = open(directory("file"), O_WRONLY | O_CREAT, 0o644)
        defer { close(target) }
        let written = try PipedFile.writing(to: target) { name throws(EngineError) in write(bytes, name) }
        #expect(written == count)
        #expect(try directory.read("file") == bytes)
    }

    /// Whoever writes is not held up by a disk that takes nothing.
    @Test func aDiskThatIsFullIsSaid() throws {
        let target = open("/dev/full", O_WRONLY)
        defer { close(target) }
        var written = 0
        #expect(throws: EngineError.engine("the prepared model cannot be written: No space left on device")) {
            try PipedFile.writing(to: target) { name throws(EngineError) in written = write(Array(repeating: 7, count: 5 << 20), name) }
        }
        #expect(written == 5 << 20)
    }

    @Test func theErrorOfTheWriterComesFirst() throws {
        #expect(throws: EngineError.cancelled) {
            try PipedFile.writing(to: -1) { name throws(EngineError) in
                _ = write([1, 2, 3], name)
                throw EngineError.cancelled
            }
        }
    }
}
