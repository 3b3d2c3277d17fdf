import FileSystem
import Foundation
import Glibc
import SystemPackage
import TestSupport
import Testing

@testable import Landing

/// The lock of a manifest while another one has it.
@Suite struct ManifestLockTests {
    private let directory: TemporaryDirectory
    private var path: FilePath { FilePath(directory("manifest.jsonl")) }

    init() throws {
        directory = try TemporaryDirectory("manifest")
        try directory.write("one\n", to: "manifest.jsonl")
    }

    private func text() throws -> String { String(decoding: try directory.read("manifest.jsonl"), as: UTF8.self) }

    /// Whoever has the lock for a moment is waited for.
    @Test func aLockThatEndsIsWaitedFor() throws {
        let other = try Manifest.openLocked(path, .standard).descriptor
        Thread.detachNewThread {
            usleep(200_000)
            try? Disk.write(Array("two\n".utf8), to: other, "other")
            Disk.close(other)
        }
        let own = try Manifest.openLocked(path, .standard, within: .seconds(60)).descriptor
        defer { Disk.close(own) }
        #expect(try text() == "one\ntwo\n" && directory.files() == ["manifest.jsonl"])
    }

    /// Who hangs with the lock holds up nobody, and what he writes when he goes on is nowhere.
    @Test func whoHangsWithTheLockWritesNowhere() throws {
        let hanging = try Manifest.openLocked(path, .standard).descriptor
        defer { Disk.close(hanging) }
        let own = try Manifest.openLocked(path, .standard, within: .milliseconds(50)).descriptor
        try Disk.write(Array("two\n".utf8), to: own, path)
        try Disk.write(Array("of a hanging daemon\n".utf8), to: hanging, path)
        #expect(try !Manifest.isStill(hanging, path) && Manifest.isStill(own, path))
        #expect(try text() == "one\ntwo\n" && directory.files() == ["manifest.jsonl"])
        Disk.close(own)
        // He who waits for the lock of the file that was replaced gets the one that is there.
        let next = try Manifest.openLocked(path, .standard, within: .milliseconds(50)).descriptor
        defer { Disk.close(next) }
        #expect(try Manifest.isStill(next, path))
    }
}
