import Foundation
import Glibc
import SystemPackage
import TestSupport
import Testing

@testable import FileSystem

@Suite struct SpoolAccessTests {
    private let scene: Scene
    private let access: SpoolAccess

    init() throws {
        scene = try Scene("beneath")
        access = SpoolAccess(root: scene.spool)
        try scene.folder.write("secret", to: "outside/s.csv")
    }

    private func content(_ name: String) throws -> String {
        let file = try access.open(FilePath(name))
        defer { try? file.close() }
        return try FileDigest.of(file, named: FilePath(name)).digest
    }

    private func link(_ name: String, to target: String) throws {
        try FileManager.default.createSymbolicLink(atPath: scene.folder("root/spool/" + name), withDestinationPath: target)
    }

    @Test func filesAndLinksWithinTheSpoolAreOpened() throws {
        try scene.folder.write("a", to: "root/spool/sub/a.csv")
        #expect(try content("sub/a.csv") == digest("a"))
        // As Kubernetes lays out a volume: a link to a link to a folder.
        try scene.folder.write("k", to: "root/spool/..2026/k.csv")
        try link("..data", to: "..2026")
        try link("k.csv", to: "..data/k.csv")
        #expect(try content("k.csv") == digest("k"))
        try link("absolute.csv", to: scene.folder("root/spool/sub/a.csv"))
        #expect(try content("absolute.csv") == digest("a"))
    }

    @Test(arguments: [
        ("l.csv", "../../outside/s.csv"), ("l.csv", "ABSOLUTE/outside/s.csv"), ("sub/s.csv", "../../outside"),
        ("sub/s.csv", "ABSOLUTE/outside"),
        ("l.csv", "l.csv"),
    ])
    func nothingOutsideIsOpened(name: String, target: String) throws {
        try link(
            name.split(separator: "/").first.map(String.init)!, to: target.replacingOccurrences(of: "ABSOLUTE", with: scene.folder.path))
        #expect(throws: FileSystemError.outsideSpool(scene.spool.pushing(FilePath(name)))) { try access.open(FilePath(name)) }
        #expect(throws: FileSystemError.self) { try access.status(FilePath("../../outside/s.csv")) }
    }

    /// What stands under a name is looked at itself, wherever it leads.
    @Test func aLinkIsALinkAndHasNoDigest() throws {
        try scene.folder.write("a", to: "root/spool/a.csv")
        try link("inside.csv", to: "a.csv")
        try link("outside.csv", to: scene.folder("outside/s.csv"))
        for name in ["inside.csv", "outside.csv"] {
            #expect(try access.status(FilePath(name))?.kind == .link, "\(name)")
            #expect(try access.digest(FilePath(name)) == nil, "\(name)")
        }
        #expect(try access.status("a.csv")?.kind == .regular && access.digest("a.csv") == digest("a"))
    }

    /// Kernels before 5.6, and containers that know no openat2(2): name by name, and no link is followed.
    @Test func withoutTheSystemCallNothingOutsideIsOpenedEither() throws {
        try scene.folder.write("a", to: "root/spool/sub/a.csv")
        let folder = try Disk.open(scene.spool, .readOnly, .directory, doing: "read")
        defer { Disk.close(folder) }
        func walked(_ name: String, _ flags: Int32 = O_RDONLY | O_CLOEXEC) throws -> String {
            let file = try access.walk(FilePath(name), in: folder, flags: flags)
            defer { Disk.close(file) }
            return try FileDigest.of(file, named: FilePath(name)).digest
        }
        #expect(try walked("sub/a.csv") == digest("a"))
        try link("l.csv", to: scene.folder("outside/s.csv"))
        try link("away", to: scene.folder("outside"))
        for name in ["l.csv", "away/s.csv", "sub/../../../outside/s.csv", "../../outside/s.csv"] {
            #expect(throws: FileSystemError.outsideSpool(scene.spool.pushing(FilePath(name))), "\(name)") { try walked(name) }
        }
        #expect(throws: FileSystemError.missing(scene.spool.appending("none.csv"))) { try walked("none.csv") }
    }

    @Test func whatIsNotThereIsMissing() throws {
        for name in ["a.csv", "sub/a.csv"] {
            #expect(throws: FileSystemError.missing(scene.spool.pushing(FilePath(name)))) { try access.open(FilePath(name)) }
        }
    }

    @Test func aDigestIsMadeInPieces() throws {
        let bytes = (0..<700_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let path = FilePath(try scene.folder.write(bytes, to: "root/spool/large"))
        let file = try FileDigest.open(path)
        defer { try? file.close() }
        var hashing = try FileHashing(file, named: path)
        var pieces = 0
        while true {
            pieces += 1
            guard let digested = try hashing.advance(by: 100_000) else { continue }
            #expect(digested.digest == FileDigest.of(bytes: bytes))
            break
        }
        #expect(pieces == 3)
        // A file that grows between two pieces is not the one that was begun.
        var again = try FileHashing(file, named: path)
        #expect(try again.advance(by: 1) == nil)
        try scene.folder.write(bytes + [1], to: "root/spool/large")
        #expect(throws: FileSystemError.changedWhileRead(path)) { while try again.advance(by: 1 << 20) == nil {} }
    }
}
