import Arrivals
import Ledger
import LedgerSupport
import Testing

@Suite struct ConditionTests {
    private func condition(_ kind: Condition.Kind, _ pipeline: String, _ subject: String, _ text: String, _ facts: String? = nil)
        -> Condition
    {
        Condition(
            .init(kind, pipeline: pipeline, subject: subject), text: text, facts: facts, since: UTCTime(milliseconds: 1_900_000_000_000))
    }

    @Test func aConditionStandsUntilItIsReplacedOrTakenBack() throws {
        let f = try Fixture()
        let hashing = condition(.hashing, "a", "large.csv", "1 of 4 GB", "{\"read\":1}")
        let ignored = condition(.ignored, "b", "data", "2 files")
        try f.ledger.write { (tx) throws(LedgerError) in try tx.set([ignored, hashing]) }
        #expect(try f.ledger.conditions() == [hashing, ignored])
        #expect(try f.ledger.conditions(pipeline: "b") == [ignored])
        let further = condition(.hashing, "a", "large.csv", "2 of 4 GB")
        try f.ledger.write { (tx) throws(LedgerError) in
            try tx.set([further])
            try tx.clear([ignored.key])
        }
        try f.reopen()
        #expect(try f.ledger.conditions() == [further])
        try f.ledger.write { (tx) throws(LedgerError) in try tx.clearConditions() }
        #expect(try f.ledger.conditions().isEmpty)
    }

    /// A kind that a newer daemon wrote is shown as it stands.
    @Test func kindsOfNewerDaemonsAreKept() throws {
        let f = try Fixture()
        let other = condition(.init(rawValue: "dreaming"), "a", "", "of sheep")
        try f.ledger.write { (tx) throws(LedgerError) in try tx.set([other]) }
        #expect(try f.ledger.conditions() == [other])
        #expect(!other.key.kind.outlivesDaemon)
    }

    @Test func anArrivalTellsHowItWasFoundComplete() throws {
        let f = try Fixture()
        var file = f.file("a.csv", "A")
        file.settledBy = "renamed"
        let numbers = try f.ledger.arrive([file, f.file("b.csv", "B")], at: f.now).map(\.number)
        #expect(try f.ledger.arrival(numbers[0])?.settledBy == "renamed")
        #expect(try f.ledger.arrival(numbers[1])?.settledBy == nil)
    }
}
