import Foundation
import Glibc
import SystemPackage
import TestSupport
import Testing

@testable import FileSystem

/// What counts as deleted, and what only cannot be seen.
@Suite struct SpoolLookTests {
    private let scene: Scene
    private var device: Int64 { get throws { try Disk.mount(of: scene.spool).device } }

    init() throws {
        scene = try Scene("look")
        for name in ["a.csv", "sub/b.csv", "sub/deep/c.csv"] { try scene.folder.write("x", to: "root/spool/" + name) }
    }

    private func remove(_ name: String) throws { try FileManager.default.removeItem(atPath: scene.folder("root/spool/" + name)) }

    /// Those that are gone; each name is there, or is not.
    private static func lacking(_ names: [String], _ look: borrowing SpoolLook, _ device: Int64) -> [String] {
        names.filter { look.lacks($0, device: device) && !look.has($0) }
    }

    @Test func filesAndFoldersThatAreGone() throws {
        let look = try SpoolLook(scene.spool)
        let device = try device
        let names = ["a.csv", "sub/b.csv", "sub/deep/c.csv"]
        #expect(Self.lacking(names, look, device) == [])
        try remove("a.csv")
        try remove("sub/deep")
        #expect(Self.lacking(names, look, device) == ["a.csv", "sub/deep/c.csv"])
        try remove("sub")
        #expect(Self.lacking(names, look, device) == names)
        // A file has the folder's name.
        try scene.folder.write("x", to: "root/spool/sub")
        #expect(Self.lacking(names, look, device) == names)
        // A link is there, whatever it leads to.
        try FileManager.default.createSymbolicLink(atPath: scene.folder("root/spool/a.csv"), withDestinationPath: "nowhere")
        #expect(Self.lacking(["a.csv"], look, device) == [])
    }

    /// The folder that stands there is on another device than the file was: a mount went away.
    @Test func whatWasOnAnotherDeviceIsNotGone() throws {
        let look = try SpoolLook(scene.spool)
        try remove("a.csv")
        try remove("sub/b.csv")
        #expect(try Self.lacking(["a.csv", "sub/b.csv"], look, device + 1) == [])
    }

    /// The look stays on the folder that it was opened on.
    @Test func anotherFolderInItsPlaceIsAnother() throws {
        let look = try SpoolLook(scene.spool)
        #expect(rename(scene.folder("root/spool"), scene.folder("root/away")) == 0)
        #expect(throws: FileSystemError.self) { _ = try SpoolLook(scene.spool) }
        #expect(mkdir(scene.folder("root/spool"), 0o755) == 0)
        let other = try SpoolLook(scene.spool)
        let inodes = (look.inode, other.inode), have = (look.has("a.csv"), other.has("a.csv"))
        #expect(inodes.0 != inodes.1 && have == (true, false))
    }

    @Test func whatIsNoFolderCannotBeLookedInto() throws {
        #expect(throws: FileSystemError.self) { _ = try SpoolLook(scene.spool.appending("a.csv")) }
    }
}
