import Attempts
import Columnar
import FileSystem
import Foundation
import PipelineConfig
import Recipes
import TestSupport
import Testing

@testable import Runner

/// Claims and parts of the ranges of one file, as several processes see them: each has opened the folder by itself.
@Suite struct PartsFolderTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory("parts") }

    private func folder() throws -> PartsFolder {
        let none = AttemptSpec.InputFile(path: directory("none"), digest: "")
        let files = AttemptSpec.ScoringFiles(
            model: none, data: none, output: directory("out.csv"), format: .csv, parts: directory("7-parts"))
        let spec = AttemptSpec(run: 7, attempt: 1, pipeline: "p", work: .score(files), schema: .init(), stages: [])
        return try PartsFolder(directory("7-parts"), NamedFiles(spec))
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
    }

    @Test func aPlanIsForItsSubject() throws {
        let folder = try folder()
        #expect(folder.plan(for: ["a"]) == nil)
        let plan = try folder.plan(.whole, for: "a", columns: ["x": ["c"]], types: ["k": "int"])
        #expect(try self.folder().plan(for: ["a"]) == plan)
        #expect(folder.plan(for: ["b"]) == nil)
        try directory.write([1, 2], to: "7-parts/4.part")
        try folder.clear()
        #expect(folder.plan(for: ["a"]) == nil && !folder.isFinished(4))
    }
}
