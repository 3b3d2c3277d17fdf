import Ledger
import Reasons
import Testing

/// Runs and pins that were recorded under a former digest of a revision count under the present one.
@Suite struct RevisionTests {
    private func carryOver(_ f: Fixture) throws -> Bool {
        try f.ledger.write { (ledger) throws(LedgerError) in try ledger.carryOver(from: "old", to: "new", at: f.now) }
    }

    private func pin(_ columns: [String: [String]], _ revision: String, arrival: Int64, _ f: Fixture) throws {
        _ = try f.ledger.write { (ledger) throws(LedgerError) in
            try ledger.pinColumns(columns, pipeline: "p", revision: revision, arrival: arrival)
        }
    }

    @Test func runsAndPinnedColumnsAreCarriedOver() throws {
        let f = try Fixture()
        try f.finish(try f.arrive("a.csv", "A").number, revision: "old")
        try pin(["x": ["b", "a"]], "old", arrival: 1, f)
        let waits = try f.arrive("b.csv", "B").number
        _ = try f.open(waits, revision: "old")
        #expect(try carryOver(f))
        #expect(try f.ledger.outdated(pipeline: "p", revision: "new", former: "").isEmpty)
        #expect(try f.ledger.columnOrders(pipeline: "p", revision: "new") == ["x": ["b", "a"]])
        #expect(try f.ledger.runs(RunFilter(pipeline: "p")).map(\.revision) == ["new", "new"])
        #expect(try f.ledger.events(after: 0, limit: 10).last?.kind == "revision")
        #expect(try !carryOver(f), "there is nothing left to carry over")
        // New work under the present digest, on the connection that did it and on another.
        try f.finish(try f.arrive("c.csv", "C").number, revision: "new")
        try f.reopen()
        #expect(try f.ledger.outdated(pipeline: "p", revision: "new", former: "").isEmpty)
    }

    @Test func whereBothAreKnownTheyBecomeOneAndTheFirstPinsStay() throws {
        let f = try Fixture()
        try f.finish(try f.arrive("a.csv", "A").number, revision: "old")
        try pin(["x": ["b", "a"]], "old", arrival: 1, f)
        try f.finish(try f.arrive("b.csv", "B").number, revision: "new")
        try pin(["x": ["a", "b"], "y": ["c"]], "new", arrival: 2, f)
        try f.finish(try f.arrive("c.csv", "C").number, revision: "other")
        #expect(try carryOver(f))
        #expect(try f.ledger.outdated(pipeline: "p", revision: "new", former: "").map(\.arrival) == [3])
        #expect(try f.ledger.runs(RunFilter(pipeline: "p")).map(\.revision).sorted() == ["new", "new", "other"])
        #expect(try f.ledger.columnOrders(pipeline: "p", revision: "new") == ["x": ["b", "a"], "y": ["c"]])
        #expect(try f.ledger.columnOrders(pipeline: "p", revision: "old").isEmpty)
    }

    /// `retry` binds a run to the revision that is in force when it starts, once: later attempts of its keep that one.
    @Test func aRetryBindsARunOnce() throws {
        let f = try Fixture()
        let number = try f.arrive("a.csv", "A").number
        func attempt(_ revision: String) throws -> String? {
            let run = try #require(try f.open(number, revision: revision))
            let now = f.now
            try f.ledger.write { (tx) throws(LedgerError) in
                try tx.attemptFailed(
                    [FailedAttempt(run: run.number, outcome: "resource", error: "no memory", nextAttemptAt: now, counts: true)], at: now)
            }
            return run.revision
        }
        #expect(try attempt("r1") == "r1")
        #expect(try attempt("r2") == "r1")
        #expect(try !f.apply(.retry(Selection(pipeline: "p", path: "a.csv"))).isRefused)
        #expect(try attempt("r3") == "r3")
        #expect(try attempt("r4") == "r3")
        try f.reopen()
        #expect(try attempt("r5") == "r3")
    }

    private func pinTypes(_ types: [String: String], _ revision: String, arrival: Int64, _ f: Fixture) throws -> [String: String] {
        try f.ledger.write { (ledger) throws(LedgerError) in try ledger.pinTypes(types, pipeline: "p", revision: revision, arrival: arrival)
        }
    }

    /// The types of kept columns are pinned like their order: by the first arrival, and carried over, whether the present digest is known
    /// or not.
    @Test(arguments: [false, true]) func pinnedTypesStayAndAreCarriedOver(isNewKnown: Bool) throws {
        let f = try Fixture()
        try f.finish(try f.arrive("a.csv", "A").number, revision: "old")
        #expect(try pinTypes(["id": "int64"], "old", arrival: 1, f) == ["id": "int64"])
        #expect(try pinTypes(["id": "string", "day": "string"], "old", arrival: 2, f) == ["id": "int64", "day": "string"])
        #expect(try f.ledger.pinningArrivals(pipeline: "p", revision: "old") == [1, 2])
        if isNewKnown {
            try f.finish(try f.arrive("b.csv", "B").number, revision: "new")
            _ = try pinTypes(["id": "string", "flag": "bool"], "new", arrival: 3, f)
        }
        #expect(try carryOver(f))
        let flag = isNewKnown ? ["flag": "bool"] : [:]
        #expect(try f.ledger.keptTypes(pipeline: "p", revision: "new") == ["id": "int64", "day": "string"].merging(flag) { $1 })
        #expect(try f.ledger.keptTypes(pipeline: "p", revision: "old").isEmpty)
    }
}
