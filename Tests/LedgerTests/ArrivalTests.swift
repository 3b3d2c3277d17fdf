import Ledger
import TestSupport
import Testing

/// SEMANTICS 1 to 6, as far as the ledger decides them.
@Suite struct ArrivalTests {
    @Test func theSameContentAgainIsNoNewArrival() throws {
        let f = try Fixture()
        let first = try f.arrive("a.csv", "A")
        #expect(first == .arrived(1, superseded: nil))
        #expect(try f.arrive("a.csv", "A") == .unchanged(1))
        try f.finish(1)
        #expect(try f.arrive("a.csv", "A") == .unchanged(1))
        #expect(try f.counts() == ["data done": 1])
    }

    @Test func contentThatComesBackIsAThirdArrival() throws {
        let f = try Fixture()
        for (number, content) in [(1, "A"), (2, "B"), (3, "A")] as [(Int64, String)] {
            #expect(try f.arrive("a.csv", content) == .arrived(number, superseded: nil))
            try f.finish(number, content: "out \(number)")
        }
        let owner = try #require(try f.ledger.owner(root: "/out", path: "a.parquet"))
        #expect(owner.arrival == 3 && owner.digest == "out 3")
        #expect(try f.ledger.publications(ofRun: 1).map(\.state) == [.replaced])
    }
}
