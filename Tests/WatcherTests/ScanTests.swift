import Arrivals
import Foundation
import Glibc
import Logging
import Synchronization
import TestSupport
import Testing

@testable import Watcher

/// Scans that take long: time goes on by a twentieth of a second with each look at the clock, so that a second is some hundred names.
@Suite struct ScanTests {
    /// Events that the test makes up.
    private final class Events: DirectoryEvents {
        var tokens: [String: Int] = [:]
        var heard: [DirectoryEvent] = []

        var wakeTime: Duration? { nil }
        func watch(_ path: String, token: Int, now: Duration) { tokens[path] = token }
        func forget(token: Int) { tokens = tokens.filter { $0.value != token } }
        func take(into events: inout [DirectoryEvent], now: Duration) {
            events += heard
            heard = []
        }
        func close() {}
    }

    private let events = Events()
    private let base: TemporaryDirectory

    init() throws { base = try TemporaryDirectory("scan") }

    private func loop(_ spools: [SpoolDirectory], step: Duration = .milliseconds(50)) -> WatchLoop {
        let time = Mutex(Duration.seconds(100))
        let clock = WatchClock(
            now: {
                time.withLock { time in
                    time += step
                    return time
                }
            }, wallNanoseconds: { 0 })
        let loop = WatchLoop(
            settings: .init(
                clock: clock, pollInterval: .seconds(1_000_000), safetyInterval: .seconds(1_000_000), isKnown: { _, _ in false },
                logger: Logger(label: "scan") { _ in SwiftLogNoOpLogHandler() }), events: events)
        loop.replace(with: spools)
        return loop
    }

    private func spool(_ id: String, order: Int = 2) throws -> SpoolDirectory {
        try FileManager.default.createDirectory(atPath: base(id), withIntermediateDirectories: true)
        return SpoolDirectory(
            id: SpoolID(id, .data), path: base(id), include: ["*.csv"], order: order, watch: .inotify, settle: .init(quiet: .seconds(2)))
    }

    private func fill(_ folder: String, _ count: Int) throws {
        // Foundation waits for the disk with each file.
        try FileManager.default.createDirectory(atPath: base(folder), withIntermediateDirectories: true)
        for number in 0..<count {
            let file = open(base("\(folder)/\(number * 7919 % count).csv"), O_WRONLY | O_CREAT | O_EXCL, 0o644)
            try #require(file >= 0 && Glibc.write(file, "x\n1\n", 4) == 4)
            close(file)
        }
    }

    /// What the loop tells until it has caught up.
    private func all(_ loop: WatchLoop, each: (_ told: [SpoolEvent]) throws -> Void = { _ in }) throws -> [SpoolEvent] {
        var told: [SpoolEvent] = []
        for _ in 0..<20_000 {
            loop.round()
            let events = loop.takeEvents()
            let isOver = events.contains(.caughtUp)
            told += events
            try each(told)
            if isOver { break }
        }
        return told
    }

    private func complete(_ told: [SpoolEvent]) -> [CompleteFile] {
        told.compactMap { if case .complete(let file) = $0 { file } else { nil } }
    }

    @Test func theFirstFilesOfALongScanAreToldBeforeItsEnd() throws {
        try fill("d", 5000)
        let loop = loop([try spool("d")])
        #expect(loop.isScanning)
        let told = try all(loop)
        let end = try #require(told.firstIndex(of: .rescanned(spool: "d")))
        let files = complete(told)
        let early = complete(Array(told[..<end])).count
        #expect(early > 500 && files.count == 5000 && Set(files.map(\.place.path)).count == 5000, "\(early)")
        #expect(told.last == .caughtUp && loop.backlog == 0)
        // Each piece comes oldest first.
        let turns = zip(files, files.dropFirst()).count { ($0.stamp.changed, $0.place.path) > ($1.stamp.changed, $1.place.path) }
        #expect(turns > 1 && turns < 50, "\(turns)")
        loop.close()
    }

    @Test func whatIsHeardDuringAScanDoesNotWaitForIt() throws {
        try fill("d", 5000)
        let loop = loop([try spool("d")])
        let token = try #require(events.tokens[base("d")])
        try base.write("x\n1\n", to: "aside/new.csv")
        try #require(rename(base("aside/new.csv"), base("d/new.csv")) == 0)
        events.heard = [.entry(token: token, name: "new.csv", .movedIn, isDirectory: false)]
        let told = try all(loop)
        let files = complete(told)
        #expect(files.first?.place.path == "new.csv" && files.count == 5001)
        let first = told.firstIndex { if case .complete = $0 { true } else { false } }
        let end = told.firstIndex(of: .rescanned(spool: "d"))
        #expect(try #require(first) < #require(end))
        loop.close()
    }

    @Test func aSmallSpoolDoesNotWaitForALargeOne() throws {
        try fill("large", 5000)
        try fill("small", 1)
        let loop = loop([try spool("large"), try spool("small")])
        let told = try all(loop)
        #expect(complete(told).count == 5001)
        let small = told.firstIndex { if case .complete(let file) = $0 { file.place.spool == "small" } else { false } }
        #expect(try #require(small) < #require(told.firstIndex(of: .rescanned(spool: "large"))))
        loop.close()
    }

    @Test func modelsAreFoundBeforeDataHoweverLongItTakes() throws {
        try fill("m", 3000)
        try fill("d", 10)
        // The data alone would be listed at once, the models are not.
        let loop = loop([try spool("d"), try spool("m", order: 0)], step: .milliseconds(10))
        let told = try all(loop)
        let files = complete(told)
        #expect(files.count == 3010 && files.prefix(3000).allSatisfy { $0.place.spool == "m" })
        loop.close()
    }

    @Test func aDirectoryThatGoesDuringAScanIsLeftOut() throws {
        for folder in 0..<50 { try fill("d/\(folder)", 100) }
        let loop = loop([try spool("d")])
        let token = try #require(events.tokens[base("d")])
        var gone: [String] = []
        var before = 0
        func toldOfGone(_ told: [SpoolEvent]) -> Int {
            complete(told).count { file in gone.contains { file.place.path.hasPrefix($0 + "/") } }
        }
        let told = try all(loop) { told in
            guard gone.isEmpty, !complete(told).isEmpty else { return }
            // The one that is being listed, and one that comes later.
            let listed = Set(events.tokens.keys.filter { $0 != base("d") }.map { ($0 as NSString).lastPathComponent })
            let later = (0..<50).map(String.init).filter { !listed.contains($0) }
            gone = [
                try #require(later.first), try #require(listed.max { events.tokens[base("d/\($0)")]! < events.tokens[base("d/\($1)")]! }),
            ]
            before = toldOfGone(told)
            for name in gone {
                try #require(rename(base("d/\(name)"), base("gone-\(name)")) == 0)
                events.heard.append(.entry(token: token, name: name, .gone, isDirectory: true))
            }
        }
        #expect(gone.count == 2)
        let files = complete(told)
        #expect(files.count == 4800 + before && Set(files.map(\.place.path)).count == files.count)
        #expect(toldOfGone(told) == before, "nothing of them is told after they went")
        #expect(!loop.isScanning && loop.backlog == 0)
        loop.close()
    }

    @Test func aScanThatBeginsAgainTellsNothingTwice() throws {
        try fill("d", 4000)
        let loop = loop([try spool("d")])
        var isAsked = false
        let told = try all(loop) { told in
            guard !isAsked, complete(told).count > 100 else { return }
            isAsked = true
            loop.scanAll()
        }
        let files = complete(told)
        #expect(isAsked && files.count == 4000 && Set(files.map(\.place.path)).count == 4000)
        #expect(told.count { $0 == .rescanned(spool: "d") } == 1)
        loop.close()
    }
}
