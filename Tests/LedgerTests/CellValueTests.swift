import Arrivals
import Foundation
import Ledger
import LedgerSupport
import Reasons
import TestSupport
import Testing

/// What cells of tables hold is kept apart from the reasons, and a ledger that hides it reads nothing of it.
@Suite struct CellValueTests {
    private static let why = Explanation(reason: "row 3: \(cell: "Zoe1987") is no number", rule: .dataValue, remedy: "Mend it.")

    /// A data file that failed, and then failed for good; a model and labels that were rejected.
    private func told() throws -> Fixture {
        let f = try Fixture()
        try f.arrive("a.csv", "A")
        let run = try #require(try f.open(1)).number
        try f.ledger.attemptFailed(
            [FailedAttempt(run: run, outcome: "resource", error: Self.why.fullReason, nextAttemptAt: nil)], at: f.now)
        _ = try f.open(1)
        try f.ledger.close([RunClosing(run: run, outcome: .quarantined(Self.why))], at: f.now)
        try f.arrive("m.onnx", "M", role: .model)
        let model = try #require(try f.open(2, version: nil)).number
        try f.ledger.write { (tx) throws(LedgerError) in
            try tx.close([RunClosing(run: model, outcome: .rejected(Self.why))], at: f.now)
            try tx.rejectVersion(
                run: model, reason: Self.why.fullReason, training: TrainingRecord(rejection: Self.why.fullReason), at: f.now)
        }
        try f.arrive("again.onnx", "M", role: .model)
        return f
    }

    private func everything(_ ledger: RunLedger, _ f: Fixture) throws -> String {
        let encoder = JSONEncoder()
        var all = Data()
        for path in ["a.csv", "m.onnx", "again.onnx"] { all += try encoder.encode(ledger.explain(path: path, now: f.now)) }
        all += try encoder.encode(ledger.status(now: f.now))
        all += try encoder.encode(ledger.runs())
        all += try encoder.encode(ledger.versions(pipeline: "p"))
        return String(decoding: all, as: UTF8.self)
    }

    @Test func valuesAreAFieldOfTheirOwn() throws {
        let f = try told()
        let visit = try #require(try f.ledger.explain(path: "a.csv", now: f.now).first?.visits.first)
        #expect(visit.arrival.explanation == Self.why)
        #expect(
            visit.arrival.explanation?.reason == "row 3: the value is no number" && visit.arrival.explanation?.cells?.values == ["Zoe1987"])
        #expect(visit.runs[0].run.explanation == Self.why)
        #expect(visit.runs[0].attempts.map(\.fullReason?.sentence) == [Self.why.fullReason.sentence, Self.why.fullReason.sentence])
        let version = try #require(try f.ledger.versions(pipeline: "p").first)
        #expect(version.fullReason == Self.why.fullReason && version.training?.fullReason == Self.why.fullReason)
        // The same content again says why it was rejected before.
        let again = try #require(try f.ledger.explain(path: "again.onnx", now: f.now).first?.visits.first?.arrival.explanation)
        #expect(
            again.cells?.values == ["Zoe1987"] && !again.reason.contains("Zoe1987")
                && again.fullReason.sentence.contains("\"Zoe1987\" is no number"))
        let json = try JSONEncoder().encode(visit)
        #expect(try JSONDecoder().decode(FileExplanation.Visit.self, from: json) == visit)
        #expect(try everything(f.ledger, f).components(separatedBy: "Zoe1987").count > 10)
    }

    @Test func aLedgerThatHidesReadsNoValue() throws {
        let f = try told()
        let hiding = try RunLedger(stateDirectory: f.stateDirectory, readOnly: true, hidesValues: true)
        let all = try everything(hiding, f)
        #expect(!all.contains("Zoe1987") && all.contains("the value is no number"))
        #expect(try hiding.attempts(ofRun: 1).allSatisfy { $0.cells == nil && $0.error != nil })
    }

    /// A value goes with the reason that it belongs to.
    @Test func aRetryForgetsTheValue() throws {
        let f = try told()
        _ = try f.ledger.submit(.retry(Selection(path: "a.csv")), at: f.now)
        for pending in try f.ledger.pendingRequests() { _ = try f.ledger.answer(pending, at: f.now) }
        #expect(try f.ledger.arrival(1)?.explanation == nil)
        _ = try f.open(1)
        #expect(try f.ledger.run(1)?.explanation == nil)
    }

    /// What a pipeline does not show any more is erased, in the file and in its log; what others show stays.
    @Test func whatIsNotShownAnyMoreIsErased() throws {
        let f = try told()
        try f.arrive("other.csv", "O", in: "q")
        let run = try #require(try f.open(4)).number
        let other = Explanation(reason: "row 1: \(cell: "Max1988") is no number", rule: .dataValue, remedy: "Mend it.")
        try f.ledger.close([RunClosing(run: run, outcome: .quarantined(other))], at: f.now)
        func onDisk(_ text: String) throws -> [String] {
            try f.directory.files().filter { try Data(f.directory.read($0)).range(of: Data(text.utf8)) != nil }
        }
        #expect(try f.ledger.pipelinesWithValues(exceptOf: []) == ["p", "q"] && !onDisk("Zoe1987").isEmpty)
        #expect(try f.ledger.pipelinesWithValues(exceptOf: ["q"]) == ["p"])
        // An earlier release left the place of what it removed as it was.
        try f.execute("PRAGMA secure_delete = OFF; UPDATE arrivals SET cells = NULL WHERE number = 1; PRAGMA wal_checkpoint(TRUNCATE)")
        try f.ledger.eraseValues(of: ["p"])
        try f.ledger.compact()
        #expect(try onDisk("Zoe1987") == [] && !everything(f.ledger, f).contains("Zoe1987"))
        #expect(try f.ledger.pipelinesWithValues(exceptOf: []) == ["q"] && !onDisk("Max1988").isEmpty)
        // Reasons stay, and the ledger works on.
        #expect(try f.ledger.arrival(1)?.explanation?.reason == "row 3: the value is no number")
        #expect(try f.ledger.versions(pipeline: "p").first?.training?.rejection == "row 3: the value is no number")
        try f.reopen()
        #expect(try f.ledger.arrival(4)?.explanation == other)
        try f.arrive("b.csv", "B")
    }

    /// Nothing of a value is left in the file where its arrival is forgotten.
    @Test func whatIsForgottenIsNotOnTheDisk() throws {
        let f = try Fixture()
        try f.arrive("a.csv", "A")
        let run = try #require(try f.open(1)).number
        try f.ledger.close([RunClosing(run: run, outcome: .quarantined(Self.why))], at: f.now)
        let old = try f.ledger.oldArrivals(of: "p", before: f.now.advanced(by: .seconds(1)))
        try #require(old.count == 1)
        try f.ledger.write { (tx) throws(LedgerError) in try tx.forget(old, of: "p") }
        try f.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for file in f.directory.files() { #expect(try Data(f.directory.read(file)).range(of: Data("Zoe1987".utf8)) == nil, "\(file)") }
    }

    /// Explanations from before have no such field.
    @Test func olderJSONIsRead() throws {
        let old = #"{"reason":"row 3: \"abc\" is no number","rule":"bad-input","remedy":"Mend it."}"#
        let read = try JSONDecoder().decode(Explanation.self, from: Data(old.utf8))
        #expect(read.cells == nil && read.fullReason.sentence == "row 3: \"abc\" is no number" && read.rule == .dataInvalid)
    }
}
