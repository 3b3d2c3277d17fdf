import Arrivals
import FileSystem
import Foundation
import SystemPackage
import TestSupport
import Testing

@testable import Landing

@Suite struct LandingRoundTests {
    @Test(arguments: [1, 20])
    func stepsComeInOrder(count: Int) throws {
        let scene = try Scene("order")
        var seen: [LandingStep] = []
        var calls: [String] = []
        var round = scene.round()
        round.onStep = { step in
            seen.append(step)
            // Nothing is visible before the ledger knows of it, and nothing is closed before the manifest stands.
            if step == .intended { #expect(scene.outputs.isEmpty) }
            let lines = try scene.manifest().count
            if step == .directoriesSynced { #expect(lines == 0) }
            if step == .manifestAppended { #expect(lines == count) }
        }
        let outputs = try (0..<count).map { try scene.stage("sub/\($0).csv", "row \($0)", run: Int64($0)) }
        let results = try round.publish(
            outputs,
            intend: { intended in
                calls.append("intend \(intended.count)")
                #expect(intended == outputs)
                return allow(intended)
            })
        #expect(calls == ["intend \(count)"] && results.landed.count == count)
        #expect(seen.first == .start && seen.last == .manifestAppended)
        #expect(seen.count == 4 + 2 * count)
        for (index, result) in results.enumerated() {
            let landed = try result.get()
            #expect(landed.file.digest == digest("row \(index)") && landed.isNew && landed.run == Int64(index))
            #expect(scene.text("sub/\(index).csv") == "row \(index)")
            #expect(try FileDigest.stamp(landed.file.target) == landed.stamp)
        }
        #expect(scene.staged.isEmpty)
        let lines = try scene.manifest()
        try #require(lines.map(\.path).sorted() == (0..<count).map { "sub/\($0).csv" }.sorted())
        #expect(lines[0].outputDigest == digest("row 0") && lines[0].bytes == 5 && lines[0].modelVersion == 2 && lines[0].arrival == 0)
        #expect(lines[0].publishedAt == "2026-11-23T21:40:00.123Z")
    }

    @Test func aFileThatIsNotOursIsNeverReplacedAndHindersNobody() throws {
        let scene = try Scene("foreign")
        try scene.folder.write("theirs", to: "root/out/a.csv")
        try scene.folder.write("edited since", to: "root/out/b.csv")
        try FileManager.default.createDirectory(atPath: scene.folder("root/out/d.csv"), withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(
            atPath: scene.folder("root/out/e.csv"), withDestinationPath: scene.folder("root/spool/elsewhere"))
        let results = try scene.round().publish(
            [
                scene.stage("a.csv", "ours", run: 1), scene.stage("b.csv", "ours", run: 2, replaces: digest("old")),
                scene.stage("c.csv", "ours", run: 3), scene.stage("d.csv", "ours", run: 4), scene.stage("e.csv", "ours", run: 5),
            ], intend: allow)
        #expect(results.landed.map(\.run) == [3])
        #expect(results[0] == .failure(.targetNotOurs(scene.out.appending("a.csv"), found: digest("theirs"), published: nil)))
        #expect(
            results[1]
                == .failure(.targetNotOurs(scene.out.appending("b.csv"), found: digest("edited since"), published: digest("old"))))
        #expect(throws: FileSystemError.self) { try results[3].get() }
        #expect(throws: FileSystemError.self) { try results[4].get() }
        #expect(scene.text("a.csv") == "theirs" && scene.text("b.csv") == "edited since" && scene.text("c.csv") == "ours")
        #expect(try scene.manifest().map(\.path) == ["c.csv"])
    }

    @Test func newContentReplacesWhatWePublished() throws {
        let scene = try Scene("replace")
        _ = try scene.round().publish([scene.stage("a.csv", "one", run: 1)], intend: allow)
        let again = try scene.round().publish(
            [scene.stage("a.csv", "two", run: 2, replaces: digest("one"))], intend: allow)
        #expect(try again[0].get().isNew)
        #expect(scene.text("a.csv") == "two" && scene.staged.isEmpty)
        #expect(try scene.manifest().map(\.outputDigest) == [digest("one"), digest("two")])
    }

    @Test func theLedgerRefusesASecondInputForOneOutput() throws {
        let scene = try Scene("owned")
        let results = try scene.round().publish(
            [scene.stage("a.csv", "one", run: 1), scene.stage("b.csv", "two", run: 2)],
            intend: { _ in [.refuse(owner: "a.jsonl"), .publish(replacing: [])] })
        #expect(results.landed.map(\.run) == [2])
        #expect(
            results[0] == .failure(.targetOwned(scene.out.appending("a.csv"), by: "a.jsonl", refused: "a.csv")))
        #expect(scene.outputs == ["b.csv"])
    }

    @Test func sameBytesThatAreThereAlreadyCountAsLanded() throws {
        let scene = try Scene("same")
        try scene.folder.write("one", to: "root/out/a.csv")
        let result = try scene.round().publish([scene.stage("a.csv", "one", run: 1)], intend: allow)
        #expect(try result[0].get().isNew == false)
        #expect(scene.staged.isEmpty)
    }

    @Test func whatCannotBePublishedIsReportedByItself() throws {
        let scene = try Scene("partial")
        let lost = try scene.stage("lost.csv", "x", run: 1)
        try FileManager.default.removeItem(atPath: lost.staged.string)
        try scene.folder.write("a file", to: "root/out/blocked")
        let results = try scene.round().publish(
            [
                lost, scene.stage("twice.csv", "a", run: 2), scene.stage("twice.csv", "b", run: 3),
                scene.stage("blocked/c.csv", "c", run: 4), scene.stage("good.csv", "d", run: 5),
            ],
            intend: {
                #expect($0.map(\.run) == [2, 4, 5])
                return allow($0)
            })
        #expect(results.landed.map(\.run) == [2, 5])
        #expect(results[0] == .failure(.missing(lost.staged)))
        #expect(results[2] == .failure(.targetTwice(scene.out.appending("twice.csv"))))
        #expect(throws: FileSystemError.self) { try results[3].get() }
        #expect(scene.outputs == ["blocked", "good.csv", "twice.csv"])
    }

    @Test func linkAndUnlinkServeWhereRenameCannotKeep() throws {
        let scene = try Scene("link")
        let staged = try scene.stage("a.csv", "one", run: 1)
        let result = try Placement.placeByLink(staged.staged, at: staged.target, digest: digest("one"), replaces: [])
        #expect(result == .placed && scene.text("a.csv") == "one" && scene.staged.isEmpty)
        let second = try scene.stage("a.csv", "two", run: 2)
        #expect(throws: FileSystemError.self) {
            try Placement.placeByLink(second.staged, at: second.target, digest: digest("two"), replaces: [])
        }
        #expect(
            try Placement.placeByLink(second.staged, at: second.target, digest: digest("two"), replaces: [digest("zero"), digest("one")])
                == .replaced)
        #expect(scene.text("a.csv") == "two" && scene.staged.isEmpty)
    }

    /// Made visible, but in no manifest, and then the ledger was lost: nobody but the file itself knows whose it is.
    @Test func anOutputKnowsWhoseItIs() throws {
        let scene = try Scene("mark")
        var round = scene.round()
        round.onStep = { if $0 == .directoriesSynced { throw Stopped() } }
        #expect(throws: FileSystemError.self) {
            try round.publish([scene.stage("a.csv", "one", run: 1), scene.stage("b.csv", "one", run: 2)], intend: allow)
        }
        #expect(scene.outputs == ["a.csv", "b.csv"])
        // What somebody has edited since is not ours any more; nor is the output of another input.
        try scene.folder.write("edited", to: "root/out/b.csv")
        try FileManager.default.copyItem(atPath: scene.folder("root/out/a.csv"), toPath: scene.folder("root/out/c.csv"))
        let results = try scene.round().publish(
            ["a.csv", "b.csv", "c.csv"].enumerated().map { try scene.stage($1, "two", run: Int64(3 + $0)) }, intend: allow)
        #expect(try results[0].get().isNew && scene.text("a.csv") == "two")
        for result in results[1...] { #expect(throws: FileSystemError.self) { try result.get() } }
        #expect(scene.text("b.csv") == "edited" && scene.text("c.csv") == "one")
    }

    /// Lines that a failing disk took, and that nobody acknowledged, do not stand twice when they come again.
    @Test(arguments: [false, true]) func manifestLinesComeOnce(isKilled: Bool) throws {
        let scene = try Scene("once")
        _ = try scene.round().publish([scene.stage("a.csv", "one", run: 1)], intend: allow)
        if isKilled {
            // Between the manifest and the ledger; then the run was not closed by the next start either, since the disk failed.
            #expect(try scene.round().publish([scene.stage("b.csv", "two", run: 2)], intend: allow).landed.map(\.run) == [2])
        } else {
            try DiskObservers.observe(
                below: FilePath(scene.folder.path),
                { act in
                    if case .sync(let path) = act, path.lastComponent?.string.hasPrefix("manifest-") == true { .noSpace } else { nil }
                }
            ) {
                let failed = try scene.round().publish([scene.stage("b.csv", "two", run: 2)], intend: allow)
                #expect(throws: FileSystemError.self) { try failed[0].get() }
            }
            #expect(try scene.manifest().map(\.path) == ["a.csv"])
        }
        let results = try scene.round().publish(
            [scene.stage("b.csv", "two", run: 2, attempt: 2), scene.stage("c.csv", "three", run: 3)], intend: allow)
        for result in results { _ = try result.get() }
        #expect(try scene.manifest().map(\.path) == ["a.csv", "b.csv", "c.csv"])
    }

    @Test func aTornManifestLineIsCutBeforeTheNext() throws {
        let scene = try Scene("torn")
        _ = try scene.round().publish([scene.stage("a.csv", "one", run: 1)], intend: allow)
        let file = try #require(try Manifest(outputRoot: scene.out, pipeline: "digits").files().first)
        let whole = try Data(contentsOf: URL(fileURLWithPath: file.string))
        try (whole + Data((String(repeating: "x", count: 9000) + "{\"path\":\"b.cs").utf8)).write(to: URL(fileURLWithPath: file.string))
        _ = try scene.round().publish([scene.stage("b.csv", "two", run: 2)], intend: allow)
        #expect(try scene.manifest().map(\.path) == ["a.csv", "b.csv"])
        let text = try String(contentsOfFile: file.string, encoding: .utf8)
        #expect(text.split(separator: "\n").count == 2 && text.hasSuffix("\n"))
    }
}
