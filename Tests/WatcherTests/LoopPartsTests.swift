import Arrivals
import Glibc
import Logging
import Names
import Reasons
import TestSupport
import Testing

@testable import Watcher

/// The parts of the watch loop, each alone: no thread, no inotify.
@Suite struct LoopPartsTests {
    private func spool(
        _ slot: Int = 1, path: String = "/nowhere", include: [String] = ["*.csv", "*.onnx"], order: Int = 2
    ) -> WatchedSpool {
        WatchedSpool(
            slot: slot,
            directory: SpoolDirectory(
                id: SpoolID("s\(slot)", .data), path: path, include: include, order: order, watch: .inotify,
                settle: .init(quiet: .seconds(2), giveUp: .seconds(60))))
    }

    private func stamp(_ size: Int64) -> FileStamp { FileStamp(device: 1, inode: 2, size: size, changed: 3) }

    private func scan(_ spool: WatchedSpool, _ top: String = "", isDeep: Bool = true) -> Scan {
        Scan(of: spool, below: top, isDeep: isDeep, for: .init(), mayBeOnRecord: true, now: .zero)
    }

    // MARK: Events that go out

    @Test func aStateIsSentOnceUntilItIsForgotten() {
        var out = OutgoingEvents(isKnown: { place, _ in place.path == "known.csv" })
        let spool = spool()
        let refusal = Explanation(reason: "r", rule: .specialFIFO, remedy: "m")
        for size in [1, 1, 2] as [Int64] {
            out.sendRefusal(of: "a.csv", in: spool, refusal, stamp: stamp(size))
        }
        out.sendRefusal(of: "known.csv", in: spool, refusal, stamp: stamp(1))
        #expect(out.take().count == 2 && out.count == 0)
        #expect(out.wasSent("a.csv", stamp: stamp(2), in: spool) && !out.wasSent("a.csv", stamp: stamp(9), in: spool))
        #expect(!out.wasSent("known.csv", stamp: stamp(1), in: spool, mayBeOnRecord: false))
        out.forget("a.csv", in: spool)
        #expect(!out.wasSent("a.csv", stamp: stamp(2), in: spool))
    }

    @Test func completeFilesAreNumbered() {
        var out = OutgoingEvents(isKnown: { _, _ in false })
        let facts = SettlingDriver.CompleteFacts(stamp: stamp(1), format: nil, sign: .quiet, companions: ["w.bin"], endsWithNewline: nil)
        for path in ["m/a.onnx", "b.onnx"] { out.sendComplete(facts, path, in: spool(), settledIn: .zero) }
        var sent: [String] = []
        for case .complete(let file) in out.take() { sent.append("\(file.sequence) \(file.place.path) \(file.companions)") }
        #expect(sent == ["1 m/a.onnx [\"m/w.bin\"]", "2 b.onnx [\"w.bin\"]"])
    }

    // MARK: Directories that cannot be looked into

    @Test func blockedDirectoriesAreTriedLessAndLessOften() {
        var blocked = BlockedDirectories()
        #expect(!blocked.isRetryDue(at: .seconds(9)))
        let isNews = blocked.insert("a", "no", now: .zero)
        let isNewsAgain = blocked.insert("a", "still no", now: .zero)
        #expect(isNews && !isNewsAgain && blocked.all.map(\.reason) == ["still no"])
        var now = Duration.zero
        var pauses: [Int] = []
        for _ in 0..<6 {
            let start = now
            while !blocked.isRetryDue(at: now) { now += .seconds(1) }
            pauses.append(Int((now - start) / .seconds(1)))
            blocked.retried(from: now, to: now)
        }
        #expect(pauses == [1, 2, 4, 8, 10, 10])
        // A try that takes long is made in a tenth of the time at most.
        blocked.retried(from: now, to: now + .seconds(5))
        #expect(!blocked.isRetryDue(at: now + .seconds(54)) && blocked.isRetryDue(at: now + .seconds(55)))
        blocked.remove("a")
        #expect(!blocked.isRetryDue(at: .seconds(1000)))
    }

    @Test func blockingIsReportedOnce() {
        var out = OutgoingEvents(isKnown: { _, _ in false })
        let spool = spool()
        spool.block("d", "no", now: .zero, &out)
        spool.block("d", "no", now: .zero, &out)
        spool.unblock(&out) { $0 == "other" }
        spool.unblock(&out) { $0 == "d" }
        spool.unblock(&out) { _ in true }
        #expect(
            out.take() == [
                .blocked(SpoolPlace("s1", "d"), reason: "no"), .unblocked(SpoolPlace("s1", "d")),
            ])
    }

    // MARK: Files that nothing takes

    @Test func unmatchedFilesAreDueAfterTheFirstChange() {
        var unmatched = UnmatchedFiles(delay: .seconds(2))
        unmatched.insert("a", now: .seconds(1))
        unmatched.insert("b", now: .seconds(2))
        #expect(unmatched.due == .seconds(3) && unmatched.count == 2)
        unmatched.reported()
        unmatched.insert("a", now: .seconds(4))
        unmatched.remove("c", now: .seconds(4))
        #expect(unmatched.due == nil, "nothing changed")
        unmatched.remove(now: .seconds(5), isWhole: true) { $0 == "a" }
        #expect(unmatched.due == .seconds(7) && unmatched.count == 1)
    }

    // MARK: Scans

    @Test func scansTakeTurnsWithinTheirOrder() {
        var schedule = ScanSchedule()
        let models = spool(1, order: 0), data = spool(2), others = spool(3)
        for spool in [data, models, others] { schedule.add(scan(spool)) }
        #expect(schedule.hasEarlier(than: data) && !schedule.hasEarlier(than: models))
        #expect(schedule.takeNext()?.spool === models)
        let first = schedule.takeNext()
        #expect(first?.spool === data)
        schedule.add(first!)
        #expect(schedule.takeNext()?.spool === others)
        #expect(schedule.takeNext()?.spool === data)
        #expect(schedule.takeNext() == nil && schedule.isEmpty)
    }

    @Test func aScanUnderWayIsFoundByWhatItCovers() {
        var schedule = ScanSchedule()
        let spool = spool()
        schedule.add(scan(spool, "a"))
        schedule.add(scan(spool, "b", isDeep: false))
        #expect(schedule.isUnderWay(spool, below: "a/deep") && !schedule.isUnderWay(spool, below: "b"))
        #expect(!schedule.isUnderWay(spool, below: "") && !schedule.isUnderWay(self.spool(2), below: "a"))
        #expect(schedule.take(spool, at: "a", isDeep: false) == nil && schedule.take(spool, at: "b", isDeep: false) != nil)
        schedule.leaveOut("a", of: spool)
        #expect(schedule.isEmpty)
    }

    // MARK: External data

    @Test func changedDataMeansTheDirectoriesAboveIt() {
        var changed = ChangedModelData()
        changed.insert("a/b", of: 1)
        changed.insert("", of: 2)
        let places = changed.take()
        #expect(places[1].map(Set.init) == ["", "a", "a/b"] && places[2].map(Set.init) == [""])
        #expect(changed.take().isEmpty)
    }

    // MARK: What a name means

    @Test func theNameSaysWhatAChangeMeans() {
        let spool = spool(order: 0)
        func file(_ change: DirectoryEvent.Change, _ name: String) -> EntryMeaning {
            spool.meaning(of: change, file: name, at: "d/" + name)
        }
        // The spool is not attached, so that an event is no more than a hint.
        #expect(file(.created, "a.csv") == .settle(.found) && file(.gone, "a.csv") == .fileGone)
        #expect(file(.closed, "a.txt") == .unmatched && file(.gone, "a.txt") == .unmatchedGone)
        #expect(file(.gone, "a.csv.part") == .markGone(of: "d/a.csv") && file(.closed, "a.csv.part") == .nothing)
        #expect(file(.closed, ".a.csv") == .nothing)
        if case .refused(let why) = file(.movedIn, "a\n.csv") {
            #expect(why.rule == .nameControl)
        } else {
            Issue.record("a name with a newline is taken")
        }
        #expect(file(.closed, "a\n.csv") == .nothing)
        #expect(
            spool.meaning(of: .movedIn, directory: "d") == .movedDirectory && spool.meaning(of: .gone, directory: "d") == .directoryGone)
        #expect(spool.meaning(of: .created, directory: ".git") == .nothing)
    }

    @Test func onlyDataBesideModelsMayChangeThem() {
        func mayChange(_ change: DirectoryEvent.Change, _ name: String, order: Int = 0) -> Bool {
            spool(order: order).mayChangeModels(change, file: name, at: name)
        }
        #expect(mayChange(.closed, "w.bin") && mayChange(.gone, "w.bin") && mayChange(.closed, "a.csv"))
        #expect(!mayChange(.created, "w.bin") && !mayChange(.closed, "m.onnx") && !mayChange(.closed, ".w"))
        #expect(!mayChange(.closed, "w.bin", order: 2))
    }

    // MARK: Watches

    /// Takes note of what is watched; directories after the first `room` are refused.
    private final class Recorder: DirectoryEvents {
        var room: Int
        var watched: [Int: String] = [:]

        init(room: Int) { self.room = room }

        func watch(_ path: String, token: Int, now: Duration) throws(WatcherError) {
            guard room > 0 else { throw .watchLimit(path: path) }
            room -= 1
            watched[token] = path
        }
        func forget(token: Int) { watched[token] = nil }
        func take(into events: inout [DirectoryEvent], now: Duration) {}
        func close() {}
    }

    @Test func watchesKnowTheirPlacesUntilTheyAreForgotten() throws {
        let base = try TemporaryDirectory("watches")
        let spool = spool(path: base.path)
        try spool.attach(hasInotify: true)
        let recorder = Recorder(room: 3)
        var watches = DirectoryWatches(
            events: recorder, pollInterval: .seconds(1), logger: Logger(label: "parts") { _ in SwiftLogNoOpLogHandler() })
        for directory in ["", "a", "a/b", "a"] {
            let error = watches.watch(directory, of: spool, now: .zero)
            #expect(error == nil)
        }
        #expect(recorder.watched == [1: spool.root, 2: spool.root + "/a", 3: spool.root + "/a/b"] && watches.wakeTime == nil)
        #expect(watches.place(of: 3)?.directory == "a/b" && watches.place(of: 3)?.spool === spool)
        // No watch is left, so that the directory is polled.
        let error = watches.watch("c", of: spool, now: .zero)
        #expect(error == nil && !watches.isWatched("c", of: spool) && watches.wakeTime == .seconds(1))
        #expect(watches.take(now: .seconds(1)) == [.list(token: 5, deep: true)] && watches.place(of: 5)?.directory == "c")
        watches.forget(below: "a", of: spool)
        #expect(recorder.watched.count == 1 && watches.place(of: 2) == nil && watches.place(of: 3) == nil)
        #expect(watches.isWatched("", of: spool) && !watches.isWatched("a", of: spool))
        watches.forget(below: "", of: spool)
        #expect(recorder.watched.isEmpty && watches.place(of: 5) == nil && watches.wakeTime == nil)
    }

    // MARK: Spools

    @Test func aSpoolKnowsWhetherItStandsWhereItStood() throws {
        let base = try TemporaryDirectory("spool")
        let spool = spool(path: base("in"))
        #expect(throws: WatcherError.missing(path: base("in"))) { try spool.attach(hasInotify: true) }
        try base.write("", to: "in/x")
        try spool.attach(hasInotify: false)
        #expect(spool.isAttached && spool.isInPlace && !spool.usesInotify && !spool.isTrusted)
        try base.write("", to: "other/x")
        try #require(rename(base("in"), base("away")) == 0)
        #expect(!spool.isInPlace)
        try #require(rename(base("other"), base("in")) == 0)
        #expect(!spool.isInPlace && spool.isAttached)
        spool.detach()
        #expect(!spool.isAttached && spool.root.isEmpty)
    }

    @Test func healthIsReportedWhereItIsNews() {
        let spool = spool()
        #expect(spool.becomeHealthy() == nil)
        #expect(spool.becomeUnhealthy("gone") == .unhealthy(spool: "s1", reason: "gone") && spool.becomeUnhealthy("gone") == nil)
        #expect(spool.becomeHealthy() == .healthy(spool: "s1") && spool.becomeHealthy() == nil)
    }
}
