import Arrivals
import FileSystem
import Foundation
import Glibc
import SystemPackage
import TestSupport
import Testing

@testable import Landing

@Suite struct DisposalTests {
    private func input(_ scene: Scene, _ name: String, _ text: String) throws -> SpoolFile {
        let path = FilePath(try scene.folder.write(text, to: "root/spool/" + name))
        let found = try FileDigest.of(path)
        return SpoolFile(path: path, relative: FilePath(name), digest: found.digest, stamp: found.stamp)
    }

    private func archive(_ scene: Scene) -> FilePath { scene.root.appending("archive") }

    @Test func keepArchiveDelete() throws {
        let scene = try Scene("after")
        let a = try input(scene, "sub/a.csv", "a")
        #expect(try Disposal(.keep, area: scene.area).dispose([a]) == .kept)
        let rule = Disposal(.archive(archive(scene)), area: scene.area)
        #expect(try rule.dispose([a]) == .archived([archive(scene).pushing("sub/a.csv")]))
        let b = try input(scene, "b.csv", "b")
        #expect(try Disposal(.delete, area: scene.area).dispose([b]) == .deleted)
        #expect(try Disposal(.delete, area: scene.area).dispose([b]) == .gone)
        #expect(scene.folder.files() == ["root/archive/sub/a.csv"])
    }

    @Test func theArchiveNeverLosesAnythingToAName() throws {
        let scene = try Scene("archive")
        let rule = Disposal(.archive(archive(scene)), area: scene.area)
        #expect(try rule.dispose([try input(scene, "a.csv", "one")]) == .archived([archive(scene).appending("a.csv")]))
        #expect(try rule.dispose([try input(scene, "a.csv", "one")]) == .archived([archive(scene).appending("a.csv")]))
        #expect(try rule.dispose([try input(scene, "a.csv", "two")]) == .archived([archive(scene).appending("a.2.csv")]))
        #expect(try rule.dispose([try input(scene, "a.csv", "three")]) == .archived([archive(scene).appending("a.3.csv")]))
        #expect(try rule.dispose([try input(scene, "a.csv", "two")]) == .archived([archive(scene).appending("a.2.csv")]))
        #expect(scene.folder.files() == ["root/archive/a.2.csv", "root/archive/a.3.csv", "root/archive/a.csv"])
        #expect(try scene.folder.read("root/archive/a.csv") == Array("one".utf8))
    }

    /// A model and its data were read under one digest, and each file is compared with its own.
    @Test func aModelAndItsDataGoTogether() throws {
        let scene = try Scene("model")
        func model(_ graph: String, _ data: String) throws -> [SpoolFile]? {
            let own = try input(scene, "sub/m.onnx", graph), weights = try input(scene, "sub/w/m.data", data)
            return try SpoolFile.files(
                of: ArrivedFile(
                    SpoolPlace(pipeline: "p", role: .model, path: "sub/m.onnx"),
                    digest: FileDigest.ofModel(digest: own.digest, companions: [("w/m.data", weights.digest)]),
                    stamp: .whole([own.stamp, weights.stamp]),
                    companions: [Companion(path: "w/m.data", digest: weights.digest, stamp: weights.stamp)]),
                in: scene.spool)
        }
        let rule = Disposal(.archive(archive(scene)), area: scene.area)
        let first = try #require(try model("graph", "one"))
        #expect(try rule.dispose(first) == .archived(["sub/m.onnx", "sub/w/m.data"].map { archive(scene).pushing($0) }))
        // The same graph with other weights: neither replaces the other, nor are they mixed up.
        let second = try #require(try model("graph", "two"))
        #expect(try rule.dispose(second) == .archived(["2/sub/m.onnx", "2/sub/w/m.data"].map { archive(scene).pushing($0) }))
        for (data, folder) in [("one", ""), ("two", "2/")] {
            let companions = [(name: "w/m.data", digest: digest(data))]
            let found = try PutAway.find(
                "sub/m.onnx", digest: FileDigest.ofModel(digest: digest("graph"), companions: companions), companions: companions,
                below: [archive(scene)])
            #expect(found == archive(scene).pushing(FilePath(folder + "sub/m.onnx")))
        }
        #expect(
            try PutAway.find("sub/m.onnx", digest: "x", companions: [(name: "w/m.data", digest: digest("one"))], below: [archive(scene)])
                == nil)
        // The same content again is there already.
        #expect(
            try rule.dispose(try #require(try model("graph", "two")))
                == .archived(["2/sub/m.onnx", "2/sub/w/m.data"].map { archive(scene).pushing($0) }))
        #expect(try model("graph", "three") != nil)
        // Newer weights, or a newer graph, stay.
        let third = try #require(try model("graph", "three"))
        try scene.folder.write("newer", to: "root/spool/sub/w/m.data")
        #expect(try Disposal(.delete, area: scene.area).dispose(third) == .changed)
        #expect(
            try scene.folder.read("root/spool/sub/w/m.data") == Array("newer".utf8)
                && FileManager.default.fileExists(atPath: scene.folder("root/spool/sub/m.onnx")))
    }

    @Test func newerContentIsLeftAlone() throws {
        let scene = try Scene("newer")
        let a = try input(scene, "a.csv", "read")
        try scene.folder.write("newer", to: "root/spool/a.csv")
        #expect(try Disposal(.delete, area: scene.area).dispose([a]) == .changed)
        #expect(try scene.folder.read("root/spool/a.csv") == Array("newer".utf8))
    }

    @Test func aNewModeIsNoNewContent() throws {
        let scene = try Scene("mode")
        let a = try input(scene, "a.csv", "read")
        #expect(chmod(a.path.string, 0o600) == 0)
        #expect(try Disposal(.delete, area: scene.area).dispose([a]) == .deleted)
    }

    @Test func contentThatChangesOnTheWayOutGoesBack() throws {
        let scene = try Scene("back")
        let a = try input(scene, "a.csv", "read")
        var removal = InputRemoval(destination: nil, area: scene.area, areas: [])
        removal.onTaken = {
            // Through a descriptor that a writer had open all along.
            let held = scene.held(0)
            _ = try? scene.folder.write("later", to: held)
        }
        #expect(try removal.remove([a]) == .changed)
        #expect(try scene.folder.read("root/spool/a.csv") == Array("later".utf8))
        #expect(scene.staged.isEmpty)
    }

    @Test func aFileThatSomeoneWritesToStays() throws {
        let scene = try Scene("writer")
        let a = try input(scene, "a.csv", "read")
        let writer = try #require(FileHandle(forWritingAtPath: a.path.string))
        #expect(try Disposal(.delete, area: scene.area).dispose([a]) == .changed)
        try writer.close()
        #expect(try Disposal(.delete, area: scene.area).dispose([a]) == .deleted)
        #expect(scene.folder.files().isEmpty)
    }

    @Test func aNewFileUnderTheNameMeanwhileIsNotTouched() throws {
        let scene = try Scene("meanwhile")
        let a = try input(scene, "a.csv", "read")
        var removal = InputRemoval(destination: nil, area: scene.area, areas: [])
        removal.onTaken = { _ = try? scene.folder.write("next", to: "root/spool/a.csv") }
        #expect(try removal.remove([a]) == .removed([]))
        #expect(try scene.folder.read("root/spool/a.csv") == Array("next".utf8))
    }

    @Test func changedContentIsNotPutOverWhatCameAfterIt() throws {
        let scene = try Scene("over")
        let a = try input(scene, "a.csv", "read")
        var removal = InputRemoval(destination: nil, area: scene.area, areas: [])
        removal.onTaken = {
            _ = try? scene.folder.write("later", to: scene.held(0))
            _ = try? scene.folder.write("newest", to: "root/spool/a.csv")
        }
        #expect(try removal.remove([a]) == .changed)
        #expect(try scene.folder.read("root/spool/a.csv") == Array("newest".utf8))
        #expect(scene.staged.isEmpty)
    }

    @Test(arguments: [true, false]) func aCrashOnTheWayOutIsFinishedOrTakenBack(isChanged: Bool) throws {
        let scene = try Scene("crash")
        let files = [try input(scene, "m.onnx", "graph"), try input(scene, "m.data", "weights")]
        var removal = InputRemoval(destination: archive(scene), area: scene.area, areas: [])
        removal.onTaken = { () throws(FileSystemError) in
            if isChanged {
                let held = scene.held(1)
                _ = try? scene.folder.write("newer", to: held)
            }
            throw .ledger(step: "", cause: "stopped")
        }
        #expect(throws: FileSystemError.self) { try removal.remove(files) }
        #expect(!scene.folder.files().contains { $0.hasPrefix("root/spool") })
        try scene.area.sweep()
        for _ in 0..<2 { try Disposal.recover(area: scene.area) }
        #expect(scene.staged.isEmpty)
        let place = isChanged ? "root/spool/" : "root/archive/"
        #expect(scene.folder.files() == [place + "m.data", place + "m.onnx"])
        #expect(try scene.folder.read(place + "m.data") == Array((isChanged ? "newer" : "weights").utf8))
    }

    @Test func aCrashAfterTheDecisionIsFinishedThoughANewFileIsThere() throws {
        let scene = try Scene("decided")
        let files = [try input(scene, "m.onnx", "graph"), try input(scene, "m.data", "weights")]
        var removal = InputRemoval(destination: nil, area: scene.area, areas: [])
        removal.onChecked = { () throws(FileSystemError) in
            // As if the first had been deleted and a new one had come.
            let held = scene.held(0)
            try Disk.remove(FilePath(scene.folder(held)))
            _ = try? scene.folder.write("next", to: "root/spool/m.onnx")
            throw .ledger(step: "", cause: "stopped")
        }
        #expect(throws: FileSystemError.self) { try removal.remove(files) }
        try Disposal.recover(area: scene.area)
        #expect(scene.folder.files() == ["root/spool/m.onnx"])
        #expect(try scene.folder.read("root/spool/m.onnx") == Array("next".utf8))
    }

    @Test(.enabled(if: OtherMount.isThere)) func theArchiveMayBeOnAnotherMount() throws {
        let scene = try Scene("cross")
        let other = try #require(try OtherMount())
        let archive = FilePath(other.path + "/archive")
        let a = try input(scene, "sub/a.csv", String(repeating: "x", count: (2 << 20) + 5))
        #expect(throws: FileSystemError.self) { try Disposal(.archive(archive), area: scene.area).dispose([a]) }
        let there = try StagingArea(for: archive, root: scene.root, avoiding: [scene.spool, archive])
        try Disposal.recover(area: scene.area, areas: [there])
        #expect(try FileDigest.of(archive.pushing("sub/a.csv")).digest == a.digest)
        #expect(scene.folder.files().isEmpty)
        #expect(try FileManager.default.subpathsOfDirectory(atPath: there.path.string).sorted() == ["held", "work"])
    }

    @Test func namesNeedNotBeUTF8() throws {
        let scene = try Scene("bytes")
        let name = (Array("root/spool/b\u{7}".utf8).map { CChar(bitPattern: $0) } + [-1, 0])
        let path = scene.folder.path + "/"
        let whole = path.utf8.map { CChar(bitPattern: $0) } + name
        let file = whole.withUnsafeBufferPointer { FilePath(platformString: $0.baseAddress!) }
        let descriptor = try FileDescriptor.open(file, .writeOnly, options: .create, permissions: [.ownerReadWrite])
        try descriptor.writeAll("x".utf8)
        try descriptor.close()
        let found = try FileDigest.of(file)
        let input = SpoolFile(path: file, relative: FilePath(root: nil, [file.lastComponent!]), digest: found.digest, stamp: found.stamp)
        let outcome = try Disposal(.archive(archive(scene)), area: scene.area).dispose([input])
        #expect(outcome == .archived([archive(scene).appending(file.lastComponent!)]))
        #expect(try FileDigest.of(archive(scene).appending(file.lastComponent!)).digest == found.digest)
    }
}
