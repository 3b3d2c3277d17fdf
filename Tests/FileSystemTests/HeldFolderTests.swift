import Foundation
import Glibc
import Synchronization
import SystemPackage
import TestSupport
import Testing

@testable import FileSystem

/// What a folder that was given can be asked for.
@Suite struct HeldFolderTests {
    private let directory: TemporaryDirectory
    private let folder: HeldFolder

    init() throws {
        directory = try TemporaryDirectory("held")
        folder = try HeldFolder(making: FilePath(directory("a/b")))
        try directory.write("one", to: "a/b/one")
        try directory.write("two", to: "a/b/sub/two")
        try directory.write("secret", to: "a/secret")
    }

    private func write(_ text: String, _ name: String, _ kind: NewFile) throws {
        let file = OpenFile(try folder.create(name, kind), named: folder.path(of: name))
        try file.write(Array(text.utf8))
    }

    private func text(_ name: String) throws -> String { String(decoding: try directory.read("a/b/" + name), as: UTF8.self) }

    private func digest(_ name: String) throws -> String {
        try folder.reading(name) { file throws(FileSystemError) in try FileDigest.of(file, named: folder.path(of: name)).digest }
    }

    @Test func filesAreFoundThoughTheFolderGetsAnotherName() throws {
        #expect(rename(directory("a"), directory("c")) == 0)
        try directory.write("other", to: "a/b/one")
        #expect(try digest("one") == FileDigest.of(bytes: "one".utf8))
        try folder.rename("one", to: "three")
        #expect(directory.files() == ["a/b/one", "c/b/sub/two", "c/b/three", "c/secret"])
    }

    @Test func aNameMayHaveSeveralComponents() throws {
        #expect(try digest("sub/two") == FileDigest.of(bytes: "two".utf8))
        #expect(try folder.has("sub/two") && folder.status("sub/none") == nil && folder.status("none/two") == nil)
        try folder.rename("sub/two", to: "two")
        #expect(try text("two") == "two")
        try write("new", "sub/new", .fresh)
        #expect(try text("sub/new") == "new" && Set(folder.names()) == ["one", "two", "sub"])
        try folder.sync("sub")
    }

    @Test(arguments: ["", ".", "..", "../secret", "sub/../../secret", "/etc/passwd", "sub/.."]) func noNameLeadsOut(_ name: String) throws {
        #expect(throws: FileSystemError.self) { try folder.open(name).close() }
        #expect(throws: FileSystemError.self) { try folder.status(name) }
        #expect(throws: FileSystemError.self) { try folder.create(name, .emptied).close() }
        #expect(throws: FileSystemError.self) { try folder.makeFolder(name) }
        #expect(throws: FileSystemError.self) { try folder.rename("one", to: name) }
        #expect(throws: FileSystemError.self) { try folder.remove(name) }
        #expect(directory.files() == ["a/b/one", "a/b/sub/two", "a/secret"])
        #expect(String(decoding: try directory.read("a/secret"), as: UTF8.self) == "secret")
    }

    @Test func noLinkIsFollowed() throws {
        for (name, target) in [("file", "../secret"), ("up", ".."), ("inside", "sub")] {
            #expect(symlink(target, directory("a/b/" + name)) == 0)
        }
        for name in ["file", "up/secret", "inside/two"] {
            #expect(throws: FileSystemError.outsideSpool(folder.path(of: name))) { try folder.open(name).close() }
            #expect(throws: FileSystemError.self) { try folder.create(name, .emptied).close() }
        }
        #expect(throws: FileSystemError.self) { try folder.remove("up/secret") }
        #expect(throws: FileSystemError.self) { try folder.rename("one", to: "up/secret") }
        #expect(try folder.status("file")?.kind == .link)
        // A link is removed itself, and so are those in a folder that is removed.
        #expect(symlink("../..", directory("a/b/sub/up")) == 0)
        for name in ["file", "up", "inside", "sub"] { try folder.remove(name) }
        #expect(directory.files() == ["a/b/one", "a/secret"])
    }

    @Test func aNewFileIsWhatItShouldBe() throws {
        #expect(throws: FileSystemError.system(doing: "write", path: folder.path(of: "one"), errno: .fileExists)) {
            try write("new", "one", .fresh)
        }
        try write("x", "one", .kept)
        #expect(try text("one") == "xne")
        try write("y", "one", .emptied)
        #expect(try text("one") == "y")
    }

    @Test func whatIsNotThereIsMissing() throws {
        for name in ["none", "none/two", "one/two"] {
            #expect(throws: FileSystemError.missing(folder.path(of: name))) { try folder.open(name).close() }
            try folder.remove(name)
        }
        #expect(throws: FileSystemError.missing(folder.path(of: "none"))) { try folder.rename("none", to: "one") }
        #expect(throws: FileSystemError.self) { try HeldFolder(FilePath(directory("none"))) }
    }

    @Test func aDurableFileIsWholeOrAbsent() throws {
        let acts = Mutex<[DiskAct]>([])
        @Sendable func note(_ act: DiskAct) -> Errno? {
            acts.withLock { $0.append(act) }
            return nil
        }
        try DiskObservers.observe(below: folder.path, note) {
            try folder.writeDurably("one") { file throws(FileSystemError) in try file.write(Array("new".utf8)) }
        }
        let (staged, target) = (folder.path(of: ".one.part"), folder.path(of: "one"))
        #expect(acts.withLock { $0 } == [.write(staged), .sync(staged), .rename(staged, to: target), .sync(folder.path)])
        #expect(try text("one") == "new")
        #expect(throws: FileSystemError.self) {
            try folder.writeDurably("one") { _ throws(FileSystemError) in throw .missing("x") }
        }
        #expect(try text("one") == "new" && Set(folder.names()) == ["one", "sub"])
    }

    @Test func aDiskWithoutRoomIsNotWrittenTo() throws {
        try folder.checkRoom(for: 2 << 20, at: "new")
        #expect(throws: FileSystemError.self) { try folder.checkRoom(for: .max, at: "new") }
    }
}
