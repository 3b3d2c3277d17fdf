import FileSystem
import Foundation
import Glibc
import SystemPackage
import TestSupport
import Testing

@testable import Landing

/// What leaves a spool, or goes back into it, does not pass a link that leads out of it.
@Suite struct SpoolBoundaryTests {
    private let scene: Scene

    init() throws {
        scene = try Scene("boundary")
        try scene.folder.write("secret", to: "outside/s.csv")
    }

    private func link(_ name: String, to target: String) throws {
        try FileManager.default.createSymbolicLink(atPath: scene.folder("root/spool/" + name), withDestinationPath: target)
    }

    /// A folder that was an ordinary one when its file was numbered, and is a link by the time that the file is removed.
    @Test(arguments: [true, false]) func removalDoesNotLeaveTheSpool(isDeleted: Bool) throws {
        let path = FilePath(try scene.folder.write("same", to: "root/spool/sub/s.csv"))
        let found = try FileDigest.of(path)
        let file = SpoolFile(path: path, relative: "sub/s.csv", digest: found.digest, stamp: found.stamp)
        try scene.folder.write("same", to: "outside/s.csv")
        #expect(rename(scene.folder("root/spool/sub"), scene.folder("elsewhere")) == 0)
        try link("sub", to: scene.folder("outside"))
        let disposal = Disposal(isDeleted ? .delete : .archive(scene.root.appending("archive")), area: scene.area)
        #expect(try disposal.dispose([file]) == .changed)
        #expect(scene.folder.files() == ["elsewhere/s.csv", "outside/s.csv", "root/spool/sub"].filter { $0 != "root/spool/sub" })
    }

    /// The folder becomes a link while the file is on its way out, and the file has to go back.
    @Test func whatGoesBackStaysInTheSpool() throws {
        let path = FilePath(try scene.folder.write("read", to: "root/spool/sub/s.csv"))
        let found = try FileDigest.of(path)
        try scene.folder.write("other", to: "root/spool/s.csv")
        var removal = InputRemoval(destination: nil, area: scene.area, areas: [])
        removal.onTaken = {
            _ = try? scene.folder.write("newer", to: scene.held(0))
            rmdir(scene.folder("root/spool/sub"))
            try? link("sub", to: scene.folder("outside"))
        }
        #expect(try removal.remove([SpoolFile(path: path, relative: "sub/s.csv", digest: found.digest, stamp: found.stamp)]) == .changed)
        #expect(try scene.folder.read("root/spool/s.2.csv") == Array("newer".utf8))
        #expect(try scene.folder.read("root/spool/s.csv") == Array("other".utf8))
        #expect(try scene.folder.read("outside/s.csv") == Array("secret".utf8))
    }
}
