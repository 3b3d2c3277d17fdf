import Arrivals
import FileSystem
import Foundation
import Reasons
import SystemPackage
import TestSupport
import Testing

@testable import Landing

/// Inputs with columns that others may not read go to the archive and to quarantine with mode 0600, and stand in one place only.
@Suite struct PrivateInputTests {
    private let scene: Scene
    init() throws { scene = try Scene("private") }

    private func input(_ name: String, _ text: String = "secret") throws -> SpoolFile {
        let path = FilePath(try scene.folder.write(text, to: "root/spool/" + name))
        #expect(chmod(path.string, 0o644) == 0)
        let found = try FileDigest.of(path)
        return SpoolFile(path: path, relative: FilePath(name), digest: found.digest, stamp: found.stamp)
    }

    private func status(_ path: String) throws -> stat {
        var found = stat()
        try #require(stat(path, &found) == 0, "\(path)")
        return found
    }

    private let reason = QuarantineReason(
        pipeline: "p", path: "sub/a.csv", digest: nil, what: "why", place: nil, rule: .dataInvalid, remedy: "mend", attempts: [],
        quarantinedAt: "2031-01-01T00:00:00Z")

    @Test func theArchiveHasTheFileItselfAndNobodyElseReadsIt() throws {
        let rule = Disposal(.archive(scene.root.appending("archive")), area: scene.area, mode: 0o600)
        let a = try input("sub/a.csv"), before = try status(a.path.string)
        _ = try rule.dispose([a])
        let after = try status(scene.root.string + "/archive/sub/a.csv")
        #expect(after.st_ino == before.st_ino && after.st_nlink == 1 && after.st_mode & 0o777 == 0o600)
        #expect(scene.folder.files() == ["root/archive/sub/a.csv"])
        // The same content stood there before, for everybody.
        #expect(chmod(scene.root.string + "/archive/sub/a.csv", 0o644) == 0)
        _ = try rule.dispose([try input("sub/a.csv")])
        #expect(try status(scene.root.string + "/archive/sub/a.csv").st_mode & 0o777 == 0o600)
    }

    @Test func quarantineHasTheFileItselfAndTheReasonIsForAllWhoMayReadReasons() throws {
        let quarantine = Quarantine(path: scene.root.appending("bad"), area: scene.area, mode: 0o600)
        let a = try input("sub/a.csv"), before = try status(a.path.string)
        _ = try quarantine.take([a], reason: reason, spoolArea: scene.area)
        let after = try status(scene.root.string + "/bad/sub/a.csv")
        #expect(after.st_ino == before.st_ino && after.st_nlink == 1 && after.st_mode & 0o777 == 0o600)
        #expect(try status(scene.root.string + "/bad/sub/a.csv.reason.json").st_mode & 0o777 == 0o640)
        #expect(scene.folder.files() == ["root/bad/sub/a.csv", "root/bad/sub/a.csv.reason.json"])
    }

    /// A process that is killed when the file has left the spool: the next one gives it the same mode.
    @Test func aKilledMoveIsFinishedWithTheSameMode() throws {
        var removal = InputRemoval(destination: scene.root.appending("archive"), area: scene.area, areas: [], mode: 0o600)
        removal.onChecked = { () throws(FileSystemError) -> Void in throw .missing("a process that was killed") }
        let a = try input("a.csv")
        #expect(throws: FileSystemError.self) { try removal.remove([a]) }
        try Disposal.recover(area: scene.area)
        #expect(try status(scene.root.string + "/archive/a.csv").st_mode & 0o777 == 0o600)
        #expect(scene.folder.files() == ["root/archive/a.csv"])
    }

    @Test(.enabled(if: OtherMount.isThere)) func anotherMountHasItAloneToo() throws {
        let other = try #require(try OtherMount()), path = FilePath(other.path + "/archive")
        let there = try StagingArea(for: path, root: scene.root, avoiding: [path, scene.spool])
        _ = try Disposal(.archive(path), area: scene.area, areas: [there], mode: 0o600).dispose([try input("a.csv")])
        #expect(try status(path.string + "/a.csv").st_mode & 0o777 == 0o600)
        #expect(scene.folder.files().isEmpty)
        #expect(try FileManager.default.subpathsOfDirectory(atPath: there.path.string).sorted() == ["held", "work"])
    }
}
