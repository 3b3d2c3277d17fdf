import Arrivals
import Foundation
import Ledger
import LedgerSupport
import Reasons
import TestSupport
import Testing

/// What the commands read and ask for.
@Suite struct CommandTests {
    @Test func requestsWaitForTheDaemonAndAreAnswered() throws {
        let f = try Fixture()
        try f.arrive("a.csv", "A")
        try f.finish(1)
        let requests: [Request] = [
            .pause(pipeline: "p"), .replay(Selection(path: "a.csv", since: UTCTime(milliseconds: 5))), .activate(pipeline: "p", version: 4),
            .resume(pipeline: nil),
        ]
        let client = try RunLedger(stateDirectory: f.stateDirectory)
        let ids = try requests.map { try client.submit($0, at: f.now) }
        try f.reopen()
        let pending = try f.ledger.pendingRequests()
        #expect(pending.map(\.request) == requests && pending.map(\.id) == ids)
        #expect(try client.answer(to: ids[0]) == nil)
        for request in pending { _ = try f.ledger.answer(request, at: f.now) }
        #expect(try f.ledger.pendingRequests().isEmpty)
        #expect(try ids.map { try client.answer(to: $0)?.isRefused } == [false, false, true, false])
        #expect(try client.answer(to: ids[1])?.affected.map(\.path) == ["a.csv"])
        #expect(try f.waiting() == [1])
    }

    @Test func pausesLastUntilResumed() throws {
        let f = try Fixture()
        _ = try f.apply(.pause(pipeline: "p"))
        _ = try f.apply(.pause(pipeline: nil))
        try f.reopen()
        #expect(try f.ledger.pauses().includes("q"))
        #expect(try f.apply(.resume(pipeline: "p")).isRefused, "all are paused")
        _ = try f.apply(.resume(pipeline: nil))
        let pauses = try f.ledger.pauses()
        #expect(!pauses.includes("p") && !pauses.includes("q"))
    }

    @Test func statusSaysWhatWaitsAndWhy() throws {
        let f = try Fixture()
        try f.arrive("a.csv", "A")
        f.now = f.now.advanced(by: .seconds(7))
        func reasons() throws -> [WaitReason] { try #require(try f.ledger.status(now: f.now).first).waiting.map(\.reason) }
        #expect(try reasons() == [.forFirstModel])
        try f.arrive("m.onnx", "M", role: .model)
        try f.arrive("b.csv", "B")
        #expect(try reasons() == [.forFirstModel, .forRoom, .forModel(arrival: 2, path: "m.onnx")])
        let run = try #require(try f.open(2, version: nil)).number
        #expect(try reasons() == [.forFirstModel, .forModel(arrival: 2, path: "m.onnx")])
        try f.ledger.write { (ledger) throws(LedgerError) in
            _ = try ledger.intendVersion(run: run)
            _ = try ledger.publishVersion(run: run, modelDigest: "d", card: nil, at: f.now)
            try ledger.close([RunClosing(run: run, outcome: .done(verdict: "published 1"))], at: f.now)
        }
        #expect(try reasons() == [.forRoom, .forRoom])
        _ = try f.apply(.pause(pipeline: "p"))
        #expect(try reasons() == [.paused, .paused])
        let status = try #require(try f.ledger.status(naming: ["zero"], now: f.now).first)
        #expect(status.isPaused && status.activeVersion == 1 && status.oldestWaitingAge == 7000)
        #expect(status.count(.waiting, role: .data) == 2 && status.count(.done) == 1 && status.count(.quarantined) == 0)
        #expect(try f.ledger.status(naming: ["zero"], now: f.now).map(\.pipeline) == ["p", "zero"])
    }

    @Test func statusShowsTheOldestFew() throws {
        let f = try Fixture()
        _ = try f.ledger.arrive((0..<50).map { f.file("f\($0).csv", "\($0)") }, at: f.now)
        let status = try #require(try f.ledger.status(now: f.now, samples: 3).first)
        #expect(status.waiting.map(\.arrival) == [1, 2, 3] && status.count(.waiting) == 50)
    }

    @Test func explainTellsTheWholeStory() throws {
        let f = try Fixture()
        try f.arrive("a.csv", "A")
        let run = try #require(try f.open(1)).number
        try f.ledger.attemptFailed([FailedAttempt(run: run, outcome: "resource", error: "disk full", nextAttemptAt: nil)], at: f.now)
        _ = try f.open(1)
        try f.ledger.close([RunClosing(run: run, outcome: .quarantined(Fixture.explanation))], at: f.now)
        try f.arrive("a.csv", "labels", role: .labelled)
        let found = try f.ledger.explain(path: "a.csv", now: f.now)
        #expect(found.map(\.role) == [.labelled, .data])
        let data = try #require(try f.ledger.explain(path: "a.csv", role: .data, now: f.now).first)
        try #require(data.wait == nil && data.visits.count == 1)
        #expect(data.visits[0].arrival.explanation == Fixture.explanation && data.visits[0].arrival.state == .quarantined)
        #expect(data.visits[0].runs.first?.attempts.map(\.outcome) == ["resource", "quarantined"])
        #expect(data.visits[0].runs.first?.attempts.map(\.error) == ["disk full", "row 3 has no number"])
        #expect(try f.ledger.explain(path: "unknown.csv", now: f.now).isEmpty)
        let json = try JSONEncoder().encode(found)
        #expect(try JSONDecoder().decode([FileExplanation].self, from: json) == found)
    }

    @Test func runsAreFilteredAndPaged() throws {
        let f = try Fixture()
        for index in 0..<6 {
            try f.finish(try f.arrive("f\(index).csv", "\(index)", in: index < 4 ? "p" : "q").number, content: "\(index)")
        }
        try f.arrive("bad.csv", "bad")
        let run = try #require(try f.open(7)).number
        try f.ledger.close([RunClosing(run: run, outcome: .quarantined(Fixture.explanation))], at: f.now)
        #expect(try f.ledger.runs().map(\.number) == [7, 6, 5, 4, 3, 2, 1])
        #expect(try f.ledger.runs(RunFilter(pipeline: "q")).map(\.path) == ["f5.csv", "f4.csv"])
        #expect(try f.ledger.runs(RunFilter(state: .quarantined)).map(\.path) == ["bad.csv"])
        #expect(try f.ledger.runs(RunFilter(path: "f1.csv")).map(\.number) == [2])
        #expect(try f.ledger.runs(RunFilter(before: 4, limit: 2)).map(\.number) == [3, 2])
        #expect(try f.ledger.runs(RunFilter(openedSince: f.now.advanced(by: .seconds(1)))).isEmpty)
        #expect(try f.ledger.runs(RunFilter(pipeline: "none")).isEmpty)
    }

    @Test func eventsAreNumberedAndBounded() throws {
        let f = try Fixture()
        let events = (0..<90).map { NewEvent("done", pipeline: "p", arrival: Int64($0), payload: "{\"n\":\($0)}") }
        for start in stride(from: 0, to: 90, by: 9) {
            try f.ledger.write { (ledger) throws(LedgerError) in try ledger.append(Array(events[start..<start + 9]), at: f.now, keeping: 32)
            }
        }
        let kept = try f.ledger.events(after: 0)
        #expect(kept.last?.sequence == 90 && kept.count >= 32 && kept.count <= 32 + 9)
        #expect(kept.last?.payload == "{\"n\":89}" && kept.last?.pipeline == "p" && kept.last?.at == f.now)
        #expect(try f.ledger.events(after: 88).map(\.sequence) == [89, 90])
        #expect(try f.ledger.events(after: 60, limit: 2).map(\.sequence) == [61, 62])
        try f.reopen()
        try f.ledger.append([NewEvent("more")], at: f.now)
        #expect(try f.ledger.events(after: 0).last?.sequence == 91)
    }

    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (951_782_399_999, "2000-02-28T23:59:59.999Z"), (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_900_000_000_123, "2030-03-17T17:46:40.123Z"), (-1, "1969-12-31T23:59:59.999Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] as [(Int64, String)])
    func timesAreISO8601(milliseconds: Int64, text: String) throws {
        let time = UTCTime(milliseconds: milliseconds)
        #expect("\(time)" == text)
        #expect(UTCTime(text) == time)
        #expect(String(text.prefix(10)) == time.date)
        #expect(try JSONDecoder().decode([UTCTime].self, from: JSONEncoder().encode([time])) == [time])
    }
}
