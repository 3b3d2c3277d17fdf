import Attempts
import Columnar
import FileSystem
import Foundation
import Glibc
import PipelineConfig
import Recipes
import SystemPackage
import TestSupport
import Testing

@testable import Runner

/// Claims and parts of the ranges of one file, as several processes see them: each has opened the folder by itself.
@Suite struct PartsFolderTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory("parts") }

    private func folder() throws -> PartsFolder { try PartsFolder(HeldFolder(making: FilePath(directory("7-parts")))) }

    private static let none = AttemptSpec.InputFile(path: "/none", digest: "")

    /// The folder of another attempt must be there, and its parts are found although it gets another name.
    @Test func theFolderOfOthersMayGetAnotherName() throws {
        let files = AttemptSpec.ScoringFiles(
            model: Self.none, data: Self.none, output: directory("out.csv"), format: .csv, parts: directory("ahead-1"))
        func named(_ work: AttemptSpec.Work) -> NamedFiles {
            NamedFiles(AttemptSpec(run: 7, attempt: 1, pipeline: "p", work: work, schema: .init(), stages: []))
        }
        #expect(throws: FileSystemError.self) { try named(.scoreRange(files)).folder(.parts) }
        let own = try PartsFolder(named(.score(files)).folder(.parts)), other = try PartsFolder(named(.scoreAhead(files)).folder(.parts))
        #expect(rename(directory("ahead-1"), directory("7-parts")) == 0)
        try directory.write([1, 2], to: "7-parts/4.new")
        try other.finish(4)
        #expect(own.isFinished(4) && FileManager.default.fileExists(atPath: directory("7-parts/4.part")))
        #expect(!FileManager.default.fileExists(atPath: directory("ahead-1")))
    }

    /// Of a hand-out that nobody wants any more the daemon has removed the folder, and a worker that goes on does not make it again.
    @Test func aFolderThatIsGoneIsNotMadeAgain() throws {
        let gone = directory("away-7-1-ab")
        let scoring = AttemptSpec.ScoringFiles(
            model: Self.none, data: Self.none, output: gone + "/out.csv", format: .csv, parts: gone + "/parts")
        let making = AttemptSpec.ModelFiles(model: Self.none, directory: gone + "/7-1")
        let works: [(AttemptSpec.Work, AttemptFolder)] = [(.score(scoring), .parts), (.validateModel(making, training: nil), .version)]
        for (work, folder) in works {
            let files = NamedFiles(AttemptSpec(run: 7, attempt: 1, pipeline: "p", work: work, schema: .init(), stages: []))
            #expect(throws: FileSystemError.self) { try files.folder(folder) }
            #expect(!FileManager.default.fileExists(atPath: gone))
        }
    }

    @Test func oneClaimsAndOthersSeeIt() throws {
        let (mine, other) = (try folder(), try folder())
        #expect(mine.claim(3) && !mine.isClaimed(3), "its own claim is no other's")
        #expect(!other.claim(3) && other.isClaimed(3))
        #expect(other.claim(2) && mine.isClaimed(2) && !mine.claim(2))
        mine.release(3)
        #expect(!other.isClaimed(3) && other.claim(3))
    }

    @Test func aClaimGoesWithItsProcess() throws {
        let mine = try folder()
        do {
            let other = try folder()
            #expect(other.claim(0) && !mine.claim(0))
        }
        #expect(mine.claim(0))
    }

    @Test func aPartIsThereOnceItIsWhole() throws {
        let folder = try folder()
        try directory.write([1, 2], to: "7-parts/4.new")
        #expect(!folder.isFinished(4))
        try folder.finish(4)
        #expect(folder.isFinished(4) && !folder.isFinished(3))
        #expect(throws: FileSystemError.self) { try folder.finish(3) }
        #expect(!folder.isFinished(3), "what has no name is not said to be there")
        #expect(try self.folder().isFinished(4), "others know it too")
        try folder.remove(4)
        #expect(try !folder.isFinished(4) && !self.folder().isFinished(4))
    }

    @Test func aPlanIsForItsSubject() throws {
        let folder = try folder()
        #expect(folder.plan(for: ["a"]) == nil)
        let plan = try folder.plan(.whole, for: "a", columns: ["x": ["c"]], types: ["k": "int"])
        #expect(try self.folder().plan(for: ["a"]) == plan)
        #expect(folder.plan(for: ["b"]) == nil)
        try directory.write([1, 2], to: "7-parts/4.new")
        try folder.finish(4)
        try folder.clear()
        #expect(!FileManager.default.fileExists(atPath: directory("7-parts/4.part")))
        #expect(folder.plan(for: ["a"]) == nil && !folder.isFinished(4))
    }
}
