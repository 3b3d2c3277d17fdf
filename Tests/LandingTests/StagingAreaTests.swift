import FileSystem
import Foundation
import Landing
import SystemPackage
import TestSupport
import Testing

@Suite struct StagingAreaTests {
    @Test func liesInTheStateFolderOfTheSameMount() throws {
        let scene = try Scene("place")
        #expect(scene.area.path == scene.root.appending(".millrace").appending("staging"))
        #expect(try scene.area.serves(scene.out))
    }

    /// Somebody has deleted it while the daemon runs.
    @Test func isMadeAgain() throws {
        let scene = try Scene("again")
        try scene.area.makeAgain()
        try FileManager.default.removeItem(atPath: scene.area.path.string)
        try scene.area.makeAgain()
        #expect(try FileManager.default.contentsOfDirectory(atPath: scene.area.path.string).sorted() == ["held", "work"])
    }

    @Test func avoidsSpoolsAndOutputsThatHoldTheRoot() throws {
        let scene = try Scene("avoid")
        let area = try StagingArea(for: scene.out, root: scene.root, avoiding: [scene.root])
        let parent = scene.root.removingLastComponent().appending(".millrace-staging")
        #expect(area.path.starts(with: parent) && area.path != parent)
    }

    @Test(.enabled(if: OtherMount.isThere)) func goesToTheMountOfTheTarget() throws {
        let scene = try Scene("mount")
        let other = try #require(try OtherMount())
        let land = FilePath(other.path + "/out")
        let area = try StagingArea(for: land, root: scene.root, avoiding: [land, scene.spool])
        #expect(area.path.starts(with: FilePath(other.path + "/.millrace-staging")))
        try FileManager.default.createDirectory(atPath: land.string, withIntermediateDirectories: true)
        #expect(try area.serves(land) && !area.serves(scene.out))
        #expect(try !scene.area.serves(land))
    }

    @Test(.enabled(if: OtherMount.isThere)) func isRefusedWhenTheWholeMountIsSynced() throws {
        let scene = try Scene("whole")
        let other = try #require(try OtherMount())
        let land = FilePath(other.path + "/out")
        let failure = #expect(throws: FileSystemError.self) {
            _ = try StagingArea(for: land, root: scene.root, avoiding: ["/dev/shm"])
        }
        let text = failure?.description ?? ""
        #expect(text.contains("spool or `land` path") && text.contains("--root"))
    }

    @Test func followsLinksBeforeItDecides() throws {
        let scene = try Scene("links")
        let link = scene.folder("link")
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: scene.root.string)
        let area = try StagingArea(for: FilePath(link + "/out"), root: scene.root, avoiding: [FilePath(link)])
        #expect(!area.path.starts(with: scene.root))
    }

    @Test func sweepRemovesDeadRunsOnly() throws {
        let scene = try Scene("sweep")
        let kept = try scene.stage("a.csv", "a", run: 1)
        _ = try scene.stage("b.csv", "b", run: 2)
        let directory = try scene.area.directory(run: 3, attempt: 1)
        try Data("x".utf8).write(to: URL(fileURLWithPath: directory.appending("c.tmp.4711").string))
        let inner = try scene.area.directory(run: 4, attempt: 2).appending("model.onnx")
        try Data("x".utf8).write(to: URL(fileURLWithPath: inner.string))
        try scene.folder.write("input", to: "root/.millrace/staging/held/1/0")
        #expect(try scene.area.sweep(keeping: [kept.staged, inner]).count == 2)
        #expect(
            scene.staged == [
                "root/.millrace/staging/held/1/0", "root/.millrace/staging/work/1-1-a.csv", "root/.millrace/staging/work/4-2/model.onnx",
            ])
        try scene.area.discard(run: 4, attempt: 2)
        try scene.area.discard(run: 1, attempt: 1)
        #expect(scene.staged == ["root/.millrace/staging/held/1/0"])
    }

    @Test func longNamesAreCutAndStayApart() throws {
        let scene = try Scene("long")
        let one = scene.area.file(run: 1, attempt: 1, name: String(repeating: "ä", count: 120) + "/1.csv")
        let two = scene.area.file(run: 1, attempt: 1, name: String(repeating: "ä", count: 120) + "/2.csv")
        #expect(one != two && one.lastComponent!.string.utf8.count <= 255)
    }
}
