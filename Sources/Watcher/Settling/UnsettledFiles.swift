import Arrivals
internal import HeapModule
internal import Names

/// Keeps the files that are not settled: one by one those that something was heard of, in batches those that only a scan found. What they
/// decide goes out as events.
struct UnsettledFiles {
    private struct Pending {
        var settling: Settling
        /// The earliest time for which it stands in the queue of due files.
        var scheduled: Duration?
        /// Tells whether it was found by a scan whose end is still to be reported.
        var isBacklog: Bool
        /// Tells whether `SpoolEvent.foreign` was sent for the file.
        var isReportedForeign = false
    }

    /// Holds the files of one spool.
    private final class Table {
        let spool: WatchedSpool
        var pending: NameMap<Pending> = [:]
        var found = FoundFiles()

        init(spool: WatchedSpool) { self.spool = spool }
    }

    /// The most files that are looked at before events are read again.
    private static let mostDue = 512
    /// The time between two questions whether the owner takes more files.
    static let roomInterval: Duration = .milliseconds(10)

    private let clock: WatchClock
    private let hasRoom: @Sendable (SpoolID) -> Bool
    private var tables: [Int: Table] = [:]
    private var queue = Heap<DueFile>()
    /// The spools with found files whose quiet time has begun.
    private var slotsWithFound: Set<Int> = []
    /// The number of files that scans found and that were not looked at yet.
    private(set) var backlog = 0

    init(clock: WatchClock, hasRoom: @escaping @Sendable (SpoolID) -> Bool) {
        self.clock = clock
        self.hasRoom = hasRoom
    }

    private var now: Duration { clock.now() }

    /// The time at which the next file is due; nil where none is.
    var wakeTime: Duration? {
        let found = nextFound?.due
        guard let time = queue.min?.time else { return found }
        return found.map { min($0, time) } ?? time
    }

    /// The number of files that settle one by one, of entries in the queue of due files, of files in batches, and of the bytes of the
    /// batches.
    var counts: (pending: Int, queued: Int, found: Int, foundBytes: Int) {
        tables.values.reduce(into: (0, queue.count, 0, 0)) { counts, table in
            counts.0 += table.pending.count
            counts.2 += table.found.count
            counts.3 += table.found.byteCount
        }
    }

    func isPending(_ path: String, in spool: WatchedSpool) -> Bool { tables[spool.slot]?.pending[path] != nil }

    func isUnsettled(_ path: String, in spool: WatchedSpool) -> Bool {
        isPending(path, in: spool) || tables[spool.slot]?.found.contains(path) == true
    }

    /// Returns the models of the spool that settle, by their directories.
    func pendingModels(in spool: WatchedSpool) -> NameMap<[String]> {
        var models: NameMap<[String]> = [:]
        for path in tables[spool.slot]?.pending.keys.filter({ FormatCheck(name: $0) == .onnx }) ?? [] {
            models[SpoolPath.split(path).directory, default: []].append(path)
        }
        return models
    }

    /// Returns at most `limit` files of the spool with the reasons why they wait.
    func waiting(in spool: WatchedSpool, limit: Int) -> [WaitingFile] {
        guard let table = tables[spool.slot] else { return [] }
        var files = table.pending.keys.sorted { Name($0) < Name($1) }.prefix(limit).map {
            WaitingFile(place: spool.place(of: $0), reason: table.pending[$0]!.settling.reason)
        }
        table.found.forEach { file in
            guard files.count < limit else { return }
            files.append(WaitingFile(place: spool.place(of: file.path), reason: settling(of: file, in: spool).reason))
        }
        return files
    }

    // MARK: What is heard

    /// Starts or continues the settling of one file.
    mutating func hear(_ signal: Settling.Signal, of path: String, in spool: WatchedSpool, _ out: inout OutgoingEvents) {
        takeUp(path, in: spool)
        if var pending = tables[spool.slot]?.pending[path] {
            let step = pending.settling.heard(signal, now: now)
            advance(&pending, from: step, of: path, in: spool, isNew: false, &out)
            return
        }
        if signal == .found || signal == .closed || signal == .attributes || signal == .companion {
            switch FoundEntry(path: spool.path(of: path), root: spool.root) {
            case .file(let stamp):
                if isKnown(path, stamp: stamp, in: spool, out) { return }
                start(signal, of: path, in: spool, stamp: stamp, isBacklog: false, &out)
            case .refused(let explanation, let stamp): out.sendRefusal(of: path, in: spool, explanation, stamp: stamp)
            case .unreachable(let code): spool.blockDirectory(of: path, errno: code, now: now, &out)
            case .directory, .missing, .ignored: break
            }
            return
        }
        start(signal, of: path, in: spool, stamp: nil, isBacklog: false, &out)
    }

    mutating func forget(_ path: String, in spool: WatchedSpool) {
        guard let table = tables[spool.slot] else { return }
        if table.found.remove(path) != nil { backlog -= 1 }
        if table.pending.removeValue(forKey: path)?.isBacklog == true { backlog -= 1 }
    }

    /// Forgets the directory and everything below it.
    mutating func forget(below directory: String, in spool: WatchedSpool) {
        guard let table = tables[spool.slot] else { return }
        for path in Array(table.pending.keys) where SpoolPath.isWithin(path, directory) {
            if table.pending.removeValue(forKey: path)!.isBacklog { backlog -= 1 }
        }
        backlog -= table.found.removeAll { SpoolPath.isWithin($0, directory) }
        if table.found.isEmpty { slotsWithFound.remove(spool.slot) }
        if directory.isEmpty { tables[spool.slot] = nil }
    }

    // MARK: What scans find

    /// Takes a file that a scan met: one that settles already goes on, one that the owner knows is passed over, and any other waits for its
    /// quiet time.
    /// - Parameter mayBeOnRecord: whether the owner may have any file of the spool on record.
    /// - Returns: whether the file has to be started when the scan ends.
    mutating func meet(
        _ path: String, _ stamp: FileStamp, in spool: WatchedSpool, mayBeOnRecord: Bool, _ out: OutgoingEvents
    ) -> Bool {
        let table = table(of: spool)
        if let known = table.found.file(path) {
            if known.stamp == stamp { return false }
            takeUp(path, in: spool)
        }
        if table.pending[path] != nil {
            table.pending[path]!.settling.met(stamp, now: now)
            return false
        }
        if isKnown(path, stamp: stamp, in: spool, out, mayBeOnRecord: mayBeOnRecord) { return false }
        // A change of the files that a model needs beside it may be heard of at any time.
        if spool.mayHoldModels || !table.found.append(path, stamp) { return true }
        backlog += 1
        return false
    }

    /// Starts the settling of a file that a scan met.
    mutating func start(_ path: String, _ stamp: FileStamp, in spool: WatchedSpool, isBacklog: Bool, _ out: inout OutgoingEvents) {
        guard !isPending(path, in: spool) else { return }
        start(.found, of: path, in: spool, stamp: stamp, isBacklog: isBacklog, &out)
    }

    /// Begins the quiet time of what scans of the spool have found so far.
    mutating func beginQuietTime(in spool: WatchedSpool) {
        guard let table = tables[spool.slot] else { return }
        table.found.beginQuietTime(at: now)
        if !table.found.isEmpty { slotsWithFound.insert(spool.slot) }
    }

    // MARK: What is due

    /// Looks at files that are due, in their order, but only at so many that events do not wait for long.
    mutating func settleDue(_ out: inout OutgoingEvents) {
        for _ in 0..<Self.mostDue {
            if let found = nextFound, found.due <= now,
                queue.min.map({ (found.due, found.spool.directory.order) < ($0.time, $0.order) }) ?? true
            {
                guard let (path, settling) = popFound(in: found.spool) else { continue }
                var pending = Pending(settling: settling, scheduled: nil, isBacklog: true)
                backlog += 1
                advance(&pending, from: pending.settling.due(now: now), of: path, in: found.spool, isNew: true, &out)
                continue
            }
            guard let first = queue.min, first.time <= now else { return }
            let item = queue.removeMin()
            guard let table = tables[item.spool], var pending = table.pending[item.path], pending.scheduled == item.time else { continue }
            pending.scheduled = nil
            advance(&pending, from: pending.settling.due(now: now), of: item.path, in: table.spool, isNew: false, &out)
        }
    }

    /// Returns all files that settle one by one, in the order in which they are delivered, and forgets them.
    mutating func takePending() -> [(path: String, spool: WatchedSpool, settling: Settling)] {
        var items: [DueFile] = []
        for (slot, table) in tables {
            for (path, pending) in table.pending {
                items.append(
                    .init(
                        time: .zero, order: table.spool.directory.order, changed: pending.settling.stamp?.changed ?? 0, spool: slot,
                        path: path))
            }
        }
        items.sort()
        return items.map { item in
            let table = tables[item.spool]!
            let settling = table.pending[item.path]!.settling
            forget(item.path, in: table.spool)
            return (item.path, table.spool, settling)
        }
    }

    /// Returns the next of the files that a scan of the spool found, and forgets it.
    mutating func popFound(in spool: WatchedSpool) -> (path: String, settling: Settling)? {
        guard let table = tables[spool.slot], let file = table.found.popFirst() else { return nil }
        backlog -= 1
        if table.found.isEmpty { slotsWithFound.remove(spool.slot) }
        return (file.path, settling(of: file, in: spool))
    }

    /// Settles a file that was taken out, without waiting for quiet.
    /// - Returns: the reason why it has to wait, where it does.
    func settleNow(_ path: String, in spool: WatchedSpool, _ settling: Settling, _ out: inout OutgoingEvents) -> String? {
        var settling = settling
        let driver = SettlingDriver(path, in: spool, clock: clock, countsAge: true)
        let outcome = driver.drive(&settling, from: .look)
        if outcome.isWaiting { return settling.reason }
        report(outcome, of: path, in: spool, firstSeen: settling.firstSeen, &out)
        return nil
    }

    /// Sends the outcome of a file.
    private func report(
        _ outcome: SettlingDriver.Outcome, of path: String, in spool: WatchedSpool, firstSeen: Duration, _ out: inout OutgoingEvents
    ) {
        switch outcome {
        case .waits: break
        case .dropped:
            if FileStamp(path: spool.path(of: path)) == nil { out.send(.gone(spool.place(of: path))) }
        case .unreachable(let code): spool.blockDirectory(of: path, errno: code, now: now, &out)
        case .complete(let facts): out.sendComplete(facts, path, in: spool, settledIn: now - firstSeen)
        case .truncated(let stamp, let reason, let isUnsigned):
            out.sendTruncated(path, in: spool, stamp: stamp, reason: reason, isUnsigned: isUnsigned)
        case .refused(let explanation, let stamp): out.sendRefusal(of: path, in: spool, explanation, stamp: stamp)
        }
    }

    // MARK: One file

    private mutating func start(
        _ signal: Settling.Signal, of path: String, in spool: WatchedSpool, stamp: FileStamp?, isBacklog: Bool, _ out: inout OutgoingEvents
    ) {
        var settling = Settling(policy: spool.directory.settle, now: now)
        let step = settling.heard(signal, now: now)
        if isBacklog { backlog += 1 }
        var pending = Pending(settling: settling, scheduled: nil, isBacklog: isBacklog)
        advance(&pending, from: step, of: path, in: spool, isNew: true, known: stamp, &out)
    }

    private mutating func advance(
        _ pending: inout Pending, from step: Settling.Step, of path: String, in spool: WatchedSpool, isNew: Bool, known: FileStamp? = nil,
        _ out: inout OutgoingEvents
    ) {
        let driver = SettlingDriver(path, in: spool, clock: clock, countsAge: false)
        let outcome = driver.drive(&pending.settling, from: step, known: known)
        if pending.isBacklog, pending.settling.wasChecked || !outcome.isWaiting {
            pending.isBacklog = false
            backlog -= 1
        }
        guard outcome.isWaiting else {
            if !isNew { tables[spool.slot]?.pending[path] = nil }
            return report(outcome, of: path, in: spool, firstSeen: pending.settling.firstSeen, &out)
        }
        if !pending.isReportedForeign, pending.settling.wasChecked, ForeignContent(reason: pending.settling.reason) != nil {
            pending.isReportedForeign = true
            out.send(.foreign(WaitingFile(place: spool.place(of: path), reason: pending.settling.reason)))
        }
        if pending.scheduled.map({ pending.settling.wakeTime < $0 }) ?? true { schedule(&pending, of: path, in: spool) }
        table(of: spool).pending[path] = pending
    }

    private mutating func schedule(_ pending: inout Pending, of path: String, in spool: WatchedSpool) {
        let due = pending.settling.wakeTime
        pending.scheduled = due
        queue.insert(
            .init(
                time: due, order: spool.directory.order, changed: pending.settling.stamp?.changed ?? 0, spool: spool.slot, path: path))
    }

    /// Returns whether this state of the file was delivered or is on the owner's record.
    private func isKnown(
        _ path: String, stamp: FileStamp, in spool: WatchedSpool, _ out: OutgoingEvents, mayBeOnRecord: Bool = true
    ) -> Bool {
        let driver = SettlingDriver(path, in: spool, clock: clock, countsAge: false)
        let whole = FormatCheck(name: path) == .onnx ? driver.stampIfWhole(stamp) : stamp
        if out.wasSent(path, stamp: whole, in: spool, mayBeOnRecord: mayBeOnRecord) { return true }
        // One that was refused for its signature is known only together with that.
        return spool.directory.signatures != .ignored
            && out.wasSent(path, stamp: driver.judgedStamp(whole), in: spool, mayBeOnRecord: mayBeOnRecord)
    }

    // MARK: Files that a scan found

    /// The spool whose found files are due next, with the time; nil where there are none.
    private var nextFound: (spool: WatchedSpool, due: Duration)? {
        var next: (spool: WatchedSpool, due: Duration)?
        for slot in slotsWithFound {
            guard let table = tables[slot], let since = table.found.firstSince else { continue }
            let spool = table.spool
            var due = since + spool.directory.settle.quiet
            if due <= now, !hasRoom(spool.id) { due = now + Self.roomInterval }
            if next.map({ (due, spool.directory.order, slot) < ($0.due, $0.spool.directory.order, $0.spool.slot) }) ?? true {
                next = (spool, due)
            }
        }
        return next
    }

    /// Begins to settle a file that was only found, since something is heard of it.
    private mutating func takeUp(_ path: String, in spool: WatchedSpool) {
        guard let table = tables[spool.slot], !table.found.isEmpty, let file = table.found.remove(path) else { return }
        var pending = Pending(settling: settling(of: file, in: spool), scheduled: nil, isBacklog: true)
        schedule(&pending, of: path, in: spool)
        table.pending[path] = pending
        if table.found.isEmpty { slotsWithFound.remove(spool.slot) }
    }

    /// Returns the settling of a file as the scan that found it left it.
    private func settling(of file: FoundFiles.File, in spool: WatchedSpool) -> Settling {
        let since = file.since ?? now
        var settling = Settling(policy: spool.directory.settle, now: since)
        _ = settling.heard(.found, now: since)
        _ = settling.observed(.file(file.stamp, age: nil), now: since)
        return settling
    }

    private mutating func table(of spool: WatchedSpool) -> Table {
        if let table = tables[spool.slot] { return table }
        let table = Table(spool: spool)
        tables[spool.slot] = table
        return table
    }
}
