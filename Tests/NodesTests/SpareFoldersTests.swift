import AttemptSupport
import Attempts
import FileSystem
import Foundation
import SystemPackage
import TestSupport
import Testing
import WorkerProtocol

@testable import Nodes

/// Folders of hand-outs that serve for the next one.
@Suite struct SpareFoldersTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory("spares") }

    private func path(_ name: String) -> FilePath { FilePath(directory(name)) }

    private func inode(_ name: String) throws -> UInt64 {
        try #require(FileManager.default.attributesOfItem(atPath: directory(name))[.systemFileNumber] as? UInt64)
    }

    @Test func aFolderServesAgainEmpty() throws {
        let spares = SpareFolders()
        try spares.make(path("away-1-1-a"))
        try directory.write("half", to: "away-1-1-a/out.csv")
        try directory.write("half", to: "away-1-1-a/deep/out.csv")
        let first = try inode("away-1-1-a")
        spares.keep(path("away-1-1-a"))
        #expect(directory.files() == [] && !Disk.isDirectory(path("away-1-1-a")))
        try spares.make(path("away-2-1-b"))
        #expect(try inode("away-2-1-b") == first && directory.files() == [])
        // Another one is made where none is kept, or what was kept is gone.
        try spares.make(path("away-3-1-c"))
        #expect(try inode("away-3-1-c") != first)
        spares.keep(path("away-3-1-c"))
        try FileManager.default.removeItem(atPath: directory("spare-3-1-c"))
        try spares.make(path("away-4-1-d"))
        #expect(Disk.isDirectory(path("away-4-1-d")))
    }

    @Test func fewAreKept() throws {
        let spares = SpareFolders()
        let names = (0..<40).map { "away-\($0)-1-a" }
        for name in names { try spares.make(path(name)) }
        for name in names { spares.keep(path(name)) }
        #expect(try Disk.names(in: path(".")).count == 16)
    }

    /// A daemon that ends leaves none.
    @Test func theyGoWithTheirDaemon() throws {
        let spares = SpareFolders()
        for name in ["away-1-1-a", "away-2-1-b"] { try spares.make(path(name)) }
        spares.keep(path("away-1-1-a"))
        spares.close()
        spares.keep(path("away-2-1-b"))
        #expect(try Disk.names(in: path(".")) == [])
    }

    /// A folder in which somebody may still write does not serve again, nor does one with parts that others may write.
    @Test func whereSomebodyMayWriteNobodyElseDoes() throws {
        let spec = try Scoring.spec(rows: "id,x\na,1\n", in: directory)
        var ranged = spec
        guard case .score(var files) = spec.work else { return }
        files.parts = directory("1-parts")
        ranged.work = .score(files)
        let others = Set(try Disk.names(in: path(".")))
        for (spec, isAnswered, kept) in [(spec, false, 0), (ranged, true, 0), (spec, true, 1)] {
            let spares = SpareFolders()
            let away = try AwayFolder(for: [spec], AttemptReference(run: 1, attempt: 1, nonce: 7), of: spares)
            #expect(try Disk.names(in: path(".")).count == others.count + 1)
            away.giveBack(to: spares, isAnswered: isAnswered)
            #expect(try Disk.names(in: path(".")).count == others.count + kept)
        }
    }

    /// What one attempt has made never stands where the next one writes.
    @Test func attemptsOfOneWorkerFollowOneAnother() throws {
        let fixture = try NodeFixture()
        fixture.join()
        for number in 0..<5 {
            let spec = try Scoring.spec(rows: "id,x\na,\(number)\n", output: "out-\(number).csv", in: fixture.directory)
            let result = fixture.executor.execute(spec, cancellation: AttemptCancellation())
            #expect(result.failure == nil, "\(String(describing: result.failure)) \(fixture.words.all)")
            #expect(String(decoding: try fixture.directory.read("out-\(number).csv"), as: UTF8.self) == "id,y\na,\(number + 2).0\n")
        }
        let folders = try FileManager.default.contentsOfDirectory(atPath: fixture.directory.path)
        #expect(folders.count { $0.hasPrefix("spare-") } == 1 && folders.count { $0.hasPrefix("away-") } == 0, "\(folders)")
    }
}
