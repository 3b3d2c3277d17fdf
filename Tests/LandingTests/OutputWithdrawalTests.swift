import FileSystem
import Foundation
import Glibc
import Synchronization
import SystemPackage
import TestSupport
import Testing

@testable import Landing

/// An old output goes only where it is still what was published there.
@Suite struct OutputWithdrawalTests {
    private let scene: Scene

    init() throws {
        scene = try Scene("withdrawal")
        try scene.folder.write("ours", to: "root/out/sub/a.csv")
    }

    private var target: FilePath { scene.out.appending("sub").appending("a.csv") }

    private func remove() throws -> OutputWithdrawal.Outcome { try OutputWithdrawal.remove(target, digest: digest("ours")) }

    @Test func whatWasPublishedGoesAndItsFolderStays() throws {
        #expect(try remove() == .removed)
        #expect(scene.outputs.isEmpty && FileManager.default.fileExists(atPath: scene.folder("root/out/sub")))
        #expect(try remove() == .removed, "what is gone is gone")
    }

    @Test func whatSomeoneChangedStays() throws {
        try scene.folder.write("theirs", to: "root/out/sub/a.csv")
        #expect(try remove() == .notOurs)
        #expect(scene.text("sub/a.csv") == "theirs")
    }

    @Test func aLinkToTheSameContentStays() throws {
        #expect(rename(target.string, scene.folder("root/elsewhere.csv")) == 0)
        #expect(symlink(scene.folder("root/elsewhere.csv"), target.string) == 0)
        #expect(try remove() == .notOurs)
        #expect(try Disk.status(target)?.kind == .link)
    }

    /// Someone puts a file of theirs there while ours is hashed.
    @Test func whatAppearsWhileItIsHashedStays() throws {
        try scene.folder.write("theirs", to: "root/theirs.csv")
        let looks = Mutex(0)
        let (target, theirs) = (target, scene.folder("root/theirs.csv"))
        let outcome = try Acts().record(
            below: scene.folder.path,
            refusing: { act in
                guard act == .look(target),
                    looks.withLock({
                        $0 += 1; return $0
                    }) == 2
                else { return nil }
                return rename(theirs, target.string) == 0 ? nil : .ioError
            }
        ) { try remove() }
        #expect(outcome == .notOurs)
        #expect(scene.text("sub/a.csv") == "theirs")
    }
}
