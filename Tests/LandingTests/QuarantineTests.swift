import FileSystem
import Foundation
import Landing
import Reasons
import SystemPackage
import TestSupport
import Testing

@Suite struct QuarantineTests {
    private func reason(_ path: String, _ what: Reason = "row 3 has 4 columns") -> QuarantineReason {
        QuarantineReason(
            pipeline: "digits", path: path, digest: "d", what: what, place: "row 3, column pixel_2", rule: .dataColumns,
            remedy: "Add the column.",
            attempts: [.init(number: 1, error: "first"), .init(number: 2, startedAt: "2026-11-23T00:00:00Z", error: "second")],
            quarantinedAt: "2026-11-23T00:00:01Z")
    }

    private func quarantine(_ scene: Scene) -> Quarantine { Quarantine(path: scene.root.appending("bad"), area: scene.area) }

    private func input(_ scene: Scene, _ name: String, _ text: String) throws -> SpoolFile {
        let path = FilePath(try scene.folder.write(text, to: "root/spool/" + name))
        let found = try FileDigest.of(path)
        return SpoolFile(path: path, relative: FilePath(name), digest: found.digest, stamp: found.stamp)
    }

    @Test func underKeepOnlyTheReasonIsWrittenAndTheLatestStands() throws {
        let scene = try Scene("keep")
        let quarantine = quarantine(scene)
        try quarantine.explain(reason("sub/a.csv"), relative: "sub/a.csv")
        let path = try quarantine.explain(reason("sub/a.csv", "still wrong"), relative: "sub/a.csv")
        #expect(path == quarantine.path.pushing("sub/a.csv.reason.json"))
        #expect(try quarantine.reason(relative: "sub/a.csv") == reason("sub/a.csv", "still wrong"))
        let text = String(decoding: try scene.folder.read("root/bad/sub/a.csv.reason.json"), as: UTF8.self)
        #expect(text.contains("\"where\" : \"row 3, column pixel_2\"") && !text.contains("null"))
        try Quarantine.clear("sub/a.csv", of: "spool/sub/a.csv", in: quarantine.path)
        #expect(scene.folder.files().count == 1, "it is about another place")
        try Quarantine.clear("sub/a.csv", of: "row 3, column pixel_2", in: quarantine.path)
        #expect(scene.folder.files().isEmpty)
    }

    @Test func reasonsOfAPipelineLoseTheirValues() throws {
        let scene = try Scene("values")
        let quarantine = quarantine(scene)
        let bad: Reason = "\(cell: "Zoe") is no number"
        try quarantine.explain(reason("sub/a.csv", bad), relative: "sub/a.csv")
        try quarantine.explain(reason("b.csv"), relative: "b.csv")
        let plain = try scene.folder.read("root/bad/b.csv.reason.json")
        try scene.folder.write("{\"what\": \"Zoe\"}", to: "root/bad/c.reason.json")
        try quarantine.hideValues(of: "letters")
        #expect(try quarantine.reason(relative: "sub/a.csv").cells?.values == ["Zoe"])
        try quarantine.hideValues(of: "digits")
        #expect(try quarantine.reason(relative: "sub/a.csv") == reason("sub/a.csv", "the value is no number"))
        #expect(try scene.folder.read("root/bad/b.csv.reason.json") == plain)
        #expect(try scene.folder.read("root/bad/c.reason.json").count == 15, "it is not ours")
        #expect(scene.folder.files().count == 3)
    }

    @Test func aFileThatIsNotAReasonKeepsItsName() throws {
        let scene = try Scene("name")
        try scene.folder.write("notes", to: "root/bad/a.csv.reason.json")
        let path = try quarantine(scene).explain(reason("a.csv"), relative: "a.csv")
        #expect(path == scene.root.pushing("bad/a.csv.reason.2.json"))
        try Quarantine.clear("a.csv", of: "row 3, column pixel_2", in: scene.root.pushing("bad"))
        #expect(try scene.folder.read("root/bad/a.csv.reason.json") == Array("notes".utf8))
    }

    @Test func theInputMovesBesideItsReason() throws {
        let scene = try Scene("move")
        let quarantine = quarantine(scene)
        let one = try quarantine.take([try input(scene, "sub/a.csv", "one")], reason: reason("sub/a.csv"), spoolArea: scene.area)
        #expect(
            one == .moved([quarantine.path.pushing("sub/a.csv")], reason: quarantine.path.pushing("sub/a.csv.reason.json")))
        let two = try quarantine.take([try input(scene, "sub/a.csv", "two")], reason: reason("sub/a.csv"), spoolArea: scene.area)
        #expect(
            two == .moved([quarantine.path.pushing("sub/a.2.csv")], reason: quarantine.path.pushing("sub/a.2.csv.reason.json")))
        #expect(
            scene.folder.files() == [
                "root/bad/sub/a.2.csv", "root/bad/sub/a.2.csv.reason.json", "root/bad/sub/a.csv", "root/bad/sub/a.csv.reason.json",
            ])
        #expect(try quarantine.reason(relative: "sub/a.2.csv").input == quarantine.path.pushing("sub/a.2.csv").string)
    }

    /// A daemon that was killed after it had moved the input does so again, and finds it there.
    @Test func anInputThatIsThereAlreadyKeepsItsReason() throws {
        let scene = try Scene("again")
        let quarantine = quarantine(scene), bad = try input(scene, "sub/a.csv", "bad")
        for _ in 0..<2 {
            let outcome = try quarantine.take([bad], reason: reason("sub/a.csv"), spoolArea: scene.area)
            #expect(outcome == .moved([quarantine.path.pushing("sub/a.csv")], reason: quarantine.path.pushing("sub/a.csv.reason.json")))
            #expect(scene.folder.files() == ["root/bad/sub/a.csv", "root/bad/sub/a.csv.reason.json"])
        }
    }

    @Test func newerContentStaysInTheSpoolWithoutAReason() throws {
        let scene = try Scene("newer")
        let a = try input(scene, "a.csv", "bad")
        try scene.folder.write("repaired", to: "root/spool/a.csv")
        #expect(try quarantine(scene).take([a], reason: reason("a.csv"), spoolArea: scene.area) == .changed)
        #expect(scene.folder.files() == ["root/spool/a.csv"])
    }

    @Test(.enabled(if: OtherMount.isThere)) func quarantineMayBeOnAnotherMount() throws {
        let scene = try Scene("cross")
        let other = try #require(try OtherMount())
        let path = FilePath(other.path + "/bad")
        let area = try StagingArea(for: path, root: scene.root, avoiding: [path, scene.spool])
        let quarantine = Quarantine(path: path, area: area)
        let outcome = try quarantine.take([try input(scene, "a.csv", "bad")], reason: reason("a.csv"), spoolArea: scene.area)
        #expect(outcome == .moved([path.appending("a.csv")], reason: path.appending("a.csv.reason.json")))
        #expect(scene.folder.files().isEmpty)
    }

    @Test func longNamesHaveReasonsToo() throws {
        let scene = try Scene("long")
        let name = String(repeating: "n", count: 250) + ".csv"
        let path = try quarantine(scene).explain(reason(name), relative: FilePath(name))
        #expect(path.lastComponent!.string.utf8.count <= 255 && path.lastComponent!.string.hasSuffix(".reason.json"))
        #expect(try QuarantineReason(at: path).path == name)
    }
}

extension QuarantineReason {
    fileprivate init(at file: FilePath) throws {
        self = try JSONDecoder().decode(QuarantineReason.self, from: Data(contentsOf: URL(fileURLWithPath: file.string)))
    }
}

extension Quarantine {
    /// The reason that stands beside an input of a short name.
    fileprivate func reason(relative: FilePath) throws -> QuarantineReason {
        try QuarantineReason(at: FilePath(path.pushing(relative).string + ".reason.json"))
    }
}
