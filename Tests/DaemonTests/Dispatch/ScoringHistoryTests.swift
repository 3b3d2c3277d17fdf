import Attempts
import FileSystem
import SystemPackage
import TestSupport
import Testing

@testable import Daemon

@Suite struct ScoringHistoryTests {
    @Test func eachPipelineHasItsOwnPace() {
        let history = ScoringHistory()
        #expect(history.seconds(for: 10, in: "p") == nil)
        history.took(2, byteCount: 10, in: "p")
        #expect(history.seconds(for: 10, in: "p") == 2 && history.seconds(for: 30, in: "p") == 6)
        #expect(history.seconds(for: 10, in: "q") == nil)
    }

    @Test func theNewestRowsAreThoseScoredLast() {
        let history = ScoringHistory()
        #expect(history.newestRows(of: "p") == nil)
        for name in ["a", "b"] { history.scored(.init(path: name, digest: name), rows: 1, in: "p") }
        #expect(history.newestRows(of: "p")?.path == "b" && history.newestRows(of: "q") == nil)
    }

    /// As many files are known as it takes for 512 rows, and of these the ones that are still what they were.
    @Test func rowsOfOlderFilesAreKnown() throws {
        let directory = try TemporaryDirectory("history")
        let history = ScoringHistory()
        func file(_ name: String) throws -> AttemptSpec.InputFile {
            let path = try directory.write(name, to: name)
            return .init(path: path, digest: name, stamp: try FileDigest.stamp(FilePath(path)))
        }
        func older(than newest: AttemptSpec.InputFile) -> [String] { history.rows(of: "p", before: newest).map(\.digest) }
        for name in ["a", "b", "c"] { history.scored(try file(name), rows: 200, in: "p") }
        let newest = try file("d")
        #expect(older(than: newest) == ["c", "b", "a"])
        history.scored(newest, rows: 200, in: "p")
        #expect(older(than: newest) == ["c", "b"], "600 rows are enough")
        try directory.write("another content", to: "b")
        #expect(older(than: newest) == ["c"])
        var same = try file("e")
        same.digest = "c"
        #expect(older(than: same) == ["d"], "the same content again says nothing more")
        // What is scored again is newest, once.
        history.scored(try file("c"), rows: 600, in: "p")
        #expect(older(than: newest) == ["c"])
        for number in 0..<100 { history.scored(try file("\(number)"), rows: 1, in: "q") }
        #expect(history.rows(of: "q", before: newest).count == 64)
    }
}
