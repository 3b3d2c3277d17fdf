import Arrivals
import Foundation
import Ledger
import Reasons
import Testing

/// The outbox: what is to be told is there with what it tells of, or not at all.
@Suite struct OutboxTests {
    private let f: Fixture

    init() throws {
        f = try Fixture()
        var routes = NotificationRoutes()
        routes.add(["ops", "chat"], of: .quarantined, in: "digits")
        routes.add(["chat"], of: .published, in: "digits")
        routes.add(["ops"], of: .waitingLong, in: "digits")
        f.ledger.use(routes)
    }

    private func due(_ target: String, at time: UTCTime = OutboxTests.f0.advanced(by: .seconds(3600)), limit: Int = 10) throws -> [Notice] {
        try f.ledger.dueNotifications(for: target, at: time, limit: limit).map {
            try JSONDecoder().decode(Notice.self, from: Data($0.body.utf8))
        }
    }

    fileprivate static let f0 = UTCTime(milliseconds: 1_800_000_000_000)

    private func quarantine(_ path: String, at time: UTCTime = OutboxTests.f0) throws {
        let why = Explanation(reason: "row 3: \(cell: "Zoe1987") is no number", rule: .dataValue, remedy: "Mend it.")
        try f.ledger.write { (tx) throws(LedgerError) in
            let numbers = try tx.refuse(
                [
                    RefusedFile(
                        SpoolPlace(pipeline: "digits", role: .data, path: path), stamp: FileStamp(device: 1, inode: 7, size: 1, changed: 1),
                        explanation: why)
                ],
                at: time)
            try tx.append([NewEvent("refused", pipeline: "digits", arrival: numbers[0])], at: time)
        }
    }

    @Test func eachTargetGetsTheEventUnderOneIDWithoutValues() throws {
        try quarantine("a.csv")
        let ops = try due("ops"), chat = try due("chat")
        #expect(ops == chat && ops.count == 1)
        #expect(ops[0].kind == .quarantined && ops[0].file == "a.csv" && ops[0].rule == .dataValue && ops[0].remedy == "Mend it.")
        #expect(ops[0].reason == "row 3: the value is no number")
        #expect(try !f.ledger.dueNotifications(for: "ops", at: Self.f0, limit: 1)[0].body.contains("Zoe1987"))
    }

    @Test func whatIsRolledBackIsNotTold() throws {
        #expect(throws: LedgerError.self) {
            try f.ledger.write { (tx) throws(LedgerError) in
                try tx.append([NewEvent("refused", pipeline: "digits")], at: Self.f0)
                throw .noSuchRun(1)
            }
        }
        #expect(try due("ops").isEmpty)
    }

    @Test func otherEventsAndPipelinesTellNobody() throws {
        try f.ledger.write { (tx) throws(LedgerError) in
            try tx.append(["arrived", "void", "delayed", "done"].map { NewEvent($0, pipeline: "digits") }, at: Self.f0)
            try tx.append([NewEvent("refused", pipeline: "other"), NewEvent("retry")], at: Self.f0)
        }
        #expect(try f.ledger.untold().isEmpty)
    }

    @Test func whatFailedIsTriedLaterAndWhatIsToldIsGone() throws {
        for name in ["a.csv", "b.csv"] { try quarantine(name) }
        let first = try f.ledger.dueNotifications(for: "ops", at: Self.f0)[0]
        let later = Self.f0.advanced(by: .seconds(8))
        try f.ledger.write { (tx) throws(LedgerError) in try tx.notTold(first.id, error: "no route", next: later, at: Self.f0) }
        // The other one is not held up.
        #expect(try due("ops", at: Self.f0).map(\.file) == ["b.csv"] && due("ops", at: later).count == 2)
        #expect(try f.ledger.untold().first { $0.target == "ops" }?.error == "no route")
        try f.reopen()
        let again = try f.ledger.dueNotifications(for: "ops", at: later, limit: 10).first { $0.id == first.id }
        #expect(again?.attempts == 1 && again?.body == first.body)
        try f.ledger.write { (tx) throws(LedgerError) in try tx.delivered(first.id) }
        #expect(try due("ops", at: later).map(\.file) == ["b.csv"])
        #expect(try f.ledger.write { (tx) throws(LedgerError) in try tx.giveUpNotifications(except: ["chat"], at: later) } == 1)
        #expect(try due("ops", at: later).isEmpty && due("chat", at: later).count == 2)
        #expect(try f.ledger.untold().first { $0.target == "ops" }?.givenUp == 1)
    }

    @Test func aLongWaitIsToldOnceUntilItIsOver() throws {
        _ = try f.arrive("a.csv", "A", in: "digits")
        let arrived = try #require(try f.ledger.arrivals().first).arrivedAt
        func look(_ seconds: Int) throws {
            try f.ledger.write { (tx) throws(LedgerError) in
                try tx.announceLongWaits(["digits": .seconds(60)], at: arrived.advanced(by: .seconds(seconds)))
            }
        }
        try look(59)
        #expect(try due("ops", at: arrived.advanced(by: .seconds(100))).isEmpty)
        for seconds in [61, 70, 80] { try look(seconds) }
        let told = try due("ops", at: arrived.advanced(by: .seconds(100)))
        #expect(told.count == 1 && told[0].kind == .waitingLong && told[0].file == "a.csv" && told[0].rule == .waitFirstVersion)
        try f.ledger.withdraw([1], because: Fixture.explanation)
        try look(90)
        _ = try f.arrive("b.csv", "B", in: "digits")
        try look(100_000_000)
        #expect(try due("ops", at: arrived.advanced(by: .seconds(200_000_000))).map(\.file) == ["a.csv", "b.csv"])
    }
}
