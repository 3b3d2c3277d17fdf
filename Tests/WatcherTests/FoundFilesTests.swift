import Arrivals
import Foundation
import Logging
import Names
import Synchronization
import TestSupport
import Testing

@testable import Watcher

/// Files that wait for nothing but their quiet time, of which there may be a million.
@Suite struct FoundFilesTests {
    private func stamp(_ changed: Int64, _ inode: Int64) -> FileStamp { FileStamp(device: 7, inode: inode, size: 42, changed: changed) }

    private func files(_ names: [(String, Int64)]) -> FoundFiles {
        var found = FoundFiles()
        for (number, (name, changed)) in names.enumerated() {
            let isTaken = found.append(name, stamp(changed, Int64(number)))
            #expect(isTaken)
        }
        found.beginQuietTime(at: .seconds(1))
        #expect(found.count == names.count)
        return found
    }

    private func rest(_ found: inout FoundFiles) -> [String] {
        var paths: [String] = []
        while let file = found.popFirst() { paths.append(file.path) }
        return paths
    }

    @Test func theyComeOldestFirstAndByName() {
        var found = files([("b", 3), ("sub/z", 1), ("é", 2), ("a", 2), ("c", 3)])
        let all = rest(&found)
        #expect(all == ["sub/z", "a", "é", "b", "c"])
        #expect(found.isEmpty && found.count == 0)
    }

    @Test func oneThatIsHeardOfIsTakenOut() {
        var found = files((0..<1000).map { ("file-\($0 * 7919 % 1000).csv", Int64($0 % 10)) })
        #expect(found.contains("file-500.csv") && !found.contains("file-1000.csv") && !found.contains("file-50"))
        let file = found.remove("file-500.csv")
        #expect(file?.path == "file-500.csv" && file?.since == .seconds(1) && file?.stamp.device == 7)
        let again = found.remove("file-500.csv")
        #expect(again == nil)
        let count = found.removeAll { $0.hasPrefix("file-1") }
        #expect(count == 111 && found.count == 888)
        let left = rest(&found)
        #expect(left.count == 888 && Set(left).count == 888 && !left.contains("file-500.csv"))
    }

    @Test func severalScansComeOneAfterTheOther() {
        var found = files([("a", 9)])
        _ = found.append("b", stamp(1, 1))
        found.beginQuietTime(at: .seconds(2))
        found.beginQuietTime(at: .seconds(3))
        #expect(found.count == 2 && found.firstSince == .seconds(1))
        let all = rest(&found)
        #expect(all == ["a", "b"])
    }

    @Test func whatIsFoundIsKnownAtOnceAndComesWhenItsQuietTimeHasBegun() {
        var found = FoundFiles()
        for number in 0..<500 { _ = found.append("file-\(number)", stamp(Int64(500 - number), Int64(number))) }
        #expect(found.count == 500 && found.firstSince == nil && found.contains("file-0") && found.contains("file-499"))
        let early = found.popFirst()
        #expect(early == nil)
        let heard = found.remove("file-250")
        #expect(heard?.stamp.changed == 250 && heard.map { $0.since == nil } == true && !found.contains("file-250"))
        found.beginQuietTime(at: .seconds(5))
        let all = rest(&found)
        #expect(all == (0..<500).reversed().filter { $0 != 250 }.map { "file-\($0)" })
    }

    /// A file that waits costs 100 bytes at most, with a path of 30 bytes, and comes due in its order.
    @Test func aWaitingFileCostsAHundredBytesAtMost() throws {
        let base = try TemporaryDirectory("many")
        let count = 3000
        for number in 0..<count { try base.write("x\n1\n", to: "part-\(number % 3)/measurements-\(10_000 + number).csv") }
        let now = Mutex(Duration.seconds(100))
        let isFull = Mutex(true)
        let clock = WatchClock(now: { now.withLock { $0 } }, wallNanoseconds: { 0 })
        var files = UnsettledFiles(clock: clock, hasRoom: { _ in !isFull.withLock { $0 } })
        var watches = DirectoryWatches(
            events: nil, pollInterval: .seconds(3600), logger: Logger(label: "found") { _ in SwiftLogNoOpLogHandler() })
        var out = OutgoingEvents(isKnown: { _, _ in false })
        let spool = WatchedSpool(
            slot: 1,
            directory: SpoolDirectory(
                id: "d", path: base.path, include: ["*.csv"], order: 2, settle: .init(quiet: .seconds(2), giveUp: .seconds(600))))
        try spool.attach(hasInotify: false)
        func scanAll() {
            let scan = Scan(of: spool, below: "", isDeep: true, for: .init(isReported: true), mayBeOnRecord: true, now: clock.now())
            while scan.advance(inPieces: true, clock: clock, &watches, &files, &out) {}
        }
        scanAll()
        #expect(files.counts.pending == 0 && files.counts.queued == 0 && files.counts.found == count && files.backlog == count)
        #expect(files.counts.foundBytes <= 100 * count, "\(files.counts.foundBytes / count) bytes a file")
        // A second look changes nothing; a file that something is heard of leaves.
        scanAll()
        #expect(files.counts.found == count && files.backlog == count)
        files.hear(.modified, of: "part-0/measurements-10000.csv", in: spool, &out)
        #expect(files.counts.found == count - 1 && files.counts.pending == 1)

        var complete: [String] = []
        for _ in 0..<40 {
            now.withLock { $0 += .milliseconds(100) }
            files.settleDue(&out)
            if clock.now() == .seconds(103) {
                #expect(complete.count <= 1, "nothing is told while there is no room")
                isFull.withLock { $0 = false }
            }
            for case .complete(let file) in out.take() { complete.append(file.place.path) }
            #expect(clock.now() >= .seconds(102) || complete.isEmpty, "before its quiet time")
        }
        #expect(complete.count == count && Set(complete).count == count)
        #expect(files.counts.found == 0 && files.counts.pending == 0 && files.backlog == 0)
    }
}
