import Attempts
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
        for name in ["a", "b"] { history.scored(.init(path: name, digest: name), in: "p") }
        #expect(history.newestRows(of: "p")?.path == "b" && history.newestRows(of: "q") == nil)
    }
}
