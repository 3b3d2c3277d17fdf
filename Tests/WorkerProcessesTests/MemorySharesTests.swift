import Testing

@testable import WorkerProcesses

@Suite struct MemorySharesTests {
    @Test func anAttemptHasItsOwnLimit() {
        let shares = MemoryShares(allowance: 1000)
        #expect(shares.note(300, of: 1, limit: 300) == nil)
        #expect(shares.note(301, of: 1, limit: 300) == .own)
    }

    @Test func whoHasMostIsEndedWhereAllHaveTooMuch() {
        let shares = MemoryShares(allowance: 1000)
        #expect(shares.note(600, of: 1, limit: 1000) == nil)
        #expect(shares.note(500, of: 2, limit: 1000) == nil)
        #expect(shares.note(600, of: 1, limit: 1000) == .most)
        shares.forget(1)
        #expect(shares.note(900, of: 2, limit: 1000) == nil)
    }

    /// One that runs by itself has its own limit and no other.
    @Test func aloneOnlyTheOwnLimitCounts() {
        let shares = MemoryShares(allowance: 1000)
        #expect(shares.note(1500, of: 1, limit: 2000) == nil)
    }
}
