import Arrivals
internal import Logging
internal import Names
internal import Reasons

/// The state of one running watch, confined to the thread that runs it. What it hears and finds goes into `Settling`s; what they decide
/// goes out as events.
final class WatchLoop {
    struct Settings: Sendable {
        var clock: WatchClock
        var pollInterval: Duration
        var safetyInterval: Duration
        var isKnown: SpoolWatcher.IsKnown
        /// Whether the owner has any file of a spool on record.
        var knowsAny: @Sendable (_ directory: String) -> Bool = { _ in true }
        var hasRoom: @Sendable (_ directory: String) -> Bool = { _ in true }
        var logger: Logger
    }

    struct Node {
        var spool: Spool
        /// Relative to the spool.
        var directory: String
        /// Listed again and again, because it could not be watched or its mount is not local.
        var isPolled: Bool
    }

    /// Judged in one go before events are read again.
    private static let mostDue = 512
    static let retryInterval: Duration = .seconds(1)
    /// How often it is asked whether the owner takes more files.
    static let roomInterval: Duration = .milliseconds(10)

    let settings: Settings
    let events: (any DirectoryEvents)?
    let polling: PollingEvents
    var spools: [Int: Spool] = [:]
    var nodes: [Int: Node] = [:]
    var nextSlot = 0
    var nextToken = 0
    var queue = DueQueue()
    var recent = RecentlyJudged()
    var out: [SpoolEvent] = []
    var sequence = 0
    /// Files that scans found and that were not looked at yet.
    var backlog = 0
    /// The spools with such files whose quiet time has begun.
    var foundSlots: Set<Int> = []
    /// Those under way, the one whose turn it is first.
    var scans: [Scan] = []
    var owesCaughtUp = false
    var nextSafety: Duration
    var nextHealth: Duration
    var hasWarnedOfLimit = false
    /// Directories where something changed that a model may refer to, until the end of the round.
    var touchedByData: Set<TouchedDirectory> = []

    struct TouchedDirectory: Hashable {
        var slot: Int
        var path: Name
        var directory: String { path.text }

        init(slot: Int, directory: String) {
            self.slot = slot
            path = Name(directory)
        }
    }

    init(settings: Settings, events: (any DirectoryEvents)?) {
        self.settings = settings
        self.events = events
        polling = PollingEvents(interval: settings.pollInterval)
        nextSafety = settings.clock.now() + settings.safetyInterval
        nextHealth = settings.clock.now() + Self.retryInterval
    }

    var now: Duration { settings.clock.now() }

    /// Until when there is nothing to do unless something happens.
    var wakeTime: Duration {
        if !scans.isEmpty { return .zero }
        var time = min(nextSafety, nextHealth)
        if let due = queue.first?.time { time = min(time, due) }
        if let due = nextFound?.due { time = min(time, due) }
        if let due = polling.wakeTime { time = min(time, due) }
        if let due = events?.wakeTime { time = min(time, due) }
        for spool in spools.values { if let due = spool.untaken.due { time = min(time, due) } }
        return time
    }

    func round() {
        var heard: [DirectoryEvent] = []
        events?.take(into: &heard, now: now)
        polling.take(into: &heard, now: now)
        handle(heard)
        advanceScans()
        recheckModels()
        judgeDue()
        if now >= nextHealth { checkHealth() }
        tellUntaken()
        if now >= nextSafety {
            nextSafety = now + settings.safetyInterval
            for spool in attachedSpools where !isScanned(spool, below: "") { scan(spool, below: "", isBacklog: true) }
        }
        if owesCaughtUp, backlog == 0, scans.isEmpty {
            owesCaughtUp = false
            out.append(.caughtUp)
        }
    }

    func close() {
        events?.close()
        polling.close()
    }

    // MARK: Files

    /// Starts or continues the settling of one file.
    func hear(_ signal: Settling.Signal, of path: String, in spool: Spool) {
        takeUp(path, in: spool)
        if var pending = spool.pending[path] {
            let step = pending.settling.heard(signal, now: now)
            advance(&pending, from: step, of: path, in: spool, isNew: false)
            return
        }
        if signal == .found || signal == .closed || signal == .attributes || signal == .companion {
            switch FoundEntry(path: spool.path(of: path), root: spool.root ?? "") {
            case .file(let stamp):
                if isJudged(path, stamp: stamp, in: spool) { return }
                start(signal, of: path, in: spool, stamp: stamp, isBacklog: false)
            case .refused(let rule, let reason, let remedy, let stamp):
                refuse(path, in: spool, rule: rule, reason: reason, remedy: remedy, stamp: stamp)
            case .unreachable(let code): block(path, of: spool, errno: code)
            case .directory, .missing, .ignored: break
            }
            return
        }
        start(signal, of: path, in: spool, stamp: nil, isBacklog: false)
    }

    /// Judges a name afresh, as if nothing had been told of it.
    func lookAgain(at place: SpoolPlace) {
        for spool in spools.values where spool.directory.id == place.directory && spool.root != nil {
            recent.remove(place.relativePath, of: spool.slot)
            if spool.pending[place.relativePath] == nil { hear(.found, of: place.relativePath, in: spool) }
        }
    }

    func start(_ signal: Settling.Signal, of path: String, in spool: Spool, stamp: FileStamp?, isBacklog: Bool) {
        var settling = Settling(policy: spool.directory.settle, now: now)
        let step = settling.heard(signal, now: now)
        if isBacklog { backlog += 1 }
        var pending = Spool.Pending(settling: settling, scheduled: nil, isBacklog: isBacklog)
        advance(&pending, from: step, of: path, in: spool, isNew: true, known: stamp)
    }

    /// Whether this state of the file was delivered or is on the owner's record.
    /// - Parameter mayBeKnown: false where the owner has nothing of the spool on record.
    func isJudged(_ path: String, stamp: FileStamp, in spool: Spool, mayBeKnown: Bool = true) -> Bool {
        var whole = stamp
        if Seal(name: path) == .onnx {
            whole = FileJudge(root: spool.root ?? "", path: spool.path(of: path), clock: settings.clock, countsAge: false).stampIfWhole(
                stamp)
        }
        return recent.contains(path, of: spool.slot, stamp: whole) || mayBeKnown && settings.isKnown(spool.directory.id, path, whole)
    }

    private func advance(
        _ pending: inout Spool.Pending, from step: Settling.Step, of path: String, in spool: Spool, isNew: Bool, known: FileStamp? = nil
    ) {
        let judge = FileJudge(root: spool.root ?? "", path: spool.path(of: path), clock: settings.clock, countsAge: false)
        let outcome = judge.drive(&pending.settling, from: step, known: known)
        if pending.isBacklog, pending.settling.isJudged || !outcome.isWaiting {
            pending.isBacklog = false
            backlog -= 1
        }
        guard outcome.isWaiting else {
            if !isNew { spool.pending[path] = nil }
            report(outcome, of: path, in: spool, firstSeen: pending.settling.firstSeen)
            return
        }
        if !pending.isToldForeign, pending.settling.isJudged, ForeignContent(reason: pending.settling.reason) != nil {
            pending.isToldForeign = true
            out.append(.foreign(WaitingFile(directory: spool.directory.id, relativePath: path, reason: pending.settling.reason)))
        }
        let due = pending.settling.wakeTime
        if pending.scheduled.map({ due < $0 }) ?? true {
            pending.scheduled = due
            queue.push(
                .init(time: due, order: spool.directory.order, changed: pending.settling.stamp?.changed ?? 0, spool: spool.slot, path: path)
            )
        }
        spool.pending[path] = pending
    }

    private func judgeDue() {
        for _ in 0..<Self.mostDue {
            if let found = nextFound, found.due <= now,
                queue.first.map({ (found.due, found.spool.directory.order) < ($0.time, $0.order) }) ?? true
            {
                judgeFound(in: found.spool)
                continue
            }
            guard let first = queue.first, first.time <= now else { return }
            let item = queue.popFirst()!
            guard let spool = spools[item.spool], var pending = spool.pending[item.path], pending.scheduled == item.time else { continue }
            pending.scheduled = nil
            advance(&pending, from: pending.settling.due(now: now), of: item.path, in: spool, isNew: false)
        }
    }

    // MARK: Files that a scan found

    /// The spool whose found files are due next, and when.
    var nextFound: (spool: Spool, due: Duration)? {
        var next: (spool: Spool, due: Duration)?
        for slot in foundSlots {
            guard let spool = spools[slot], let since = spool.found.firstSince else { continue }
            var due = since + spool.directory.settle.quiet
            if due <= now, !settings.hasRoom(spool.directory.id) { due = now + Self.roomInterval }
            if next.map({ (due, spool.directory.order, slot) < ($0.due, $0.spool.directory.order, $0.spool.slot) }) ?? true {
                next = (spool, due)
            }
        }
        return next
    }

    /// The quiet time begins of what scans of the spool have found so far.
    func sealFound(of spool: Spool) {
        spool.found.seal(at: now)
        if !spool.found.isEmpty { foundSlots.insert(spool.slot) }
    }

    /// Begins to settle what was only found, since something is heard of it.
    func takeUp(_ path: String, in spool: Spool) {
        guard !spool.found.isEmpty, let file = spool.found.remove(path) else { return }
        let settling = settling(of: file, in: spool)
        let due = settling.wakeTime
        spool.pending[path] = Spool.Pending(settling: settling, scheduled: due, isBacklog: true)
        queue.push(.init(time: due, order: spool.directory.order, changed: file.stamp.changed, spool: spool.slot, path: path))
        if spool.found.isEmpty { foundSlots.remove(spool.slot) }
    }

    private func judgeFound(in spool: Spool) {
        guard let file = spool.found.popFirst() else { return }
        if spool.found.isEmpty { foundSlots.remove(spool.slot) }
        var pending = Spool.Pending(settling: settling(of: file, in: spool), scheduled: nil, isBacklog: true)
        let step = pending.settling.due(now: now)
        advance(&pending, from: step, of: file.path, in: spool, isNew: true)
    }

    /// The settling of a file as the scan that found it left it.
    func settling(of file: FoundFiles.File, in spool: Spool) -> Settling {
        let since = file.since ?? now
        var settling = Settling(policy: spool.directory.settle, now: since)
        _ = settling.heard(.found, now: since)
        _ = settling.observed(.file(file.stamp, age: nil), now: since)
        return settling
    }

    /// Forgets what was found below a directory.
    func forgetFound(below directory: String, of spool: Spool) {
        guard !spool.found.isEmpty else { return }
        backlog -= spool.found.removeAll { Spool.isWithin($0, directory) }
        if spool.found.isEmpty { foundSlots.remove(spool.slot) }
    }

    func forget(_ path: String, in spool: Spool) {
        if spool.found.remove(path) != nil { backlog -= 1 }
        if spool.pending.removeValue(forKey: path)?.isBacklog == true { backlog -= 1 }
    }

    // MARK: Reports

    func report(_ outcome: FileJudge.Outcome, of path: String, in spool: Spool, firstSeen: Duration) {
        switch outcome {
        case .waits: break
        case .dropped:
            if FileStamp(path: spool.path(of: path)) == nil { out.append(.gone(directory: spool.directory.id, relativePath: path)) }
        case .unreachable(let code): block(path, of: spool, errno: code)
        case .complete(let facts):
            recent.insert(path, of: spool.slot, stamp: facts.stamp)
            out.append(.complete(completeFile(facts, path: path, spool: spool, settledIn: now - firstSeen)))
        case .truncated(let stamp, let reason):
            recent.insert(path, of: spool.slot, stamp: stamp)
            out.append(.truncated(TruncatedFile(directory: spool.directory.id, relativePath: path, stamp: stamp, reason: reason)))
        case .refused(let rule, let reason, let remedy, let stamp):
            refuse(path, in: spool, rule: rule, reason: reason, remedy: remedy, stamp: stamp)
        }
    }

    func completeFile(_ facts: FileJudge.CompleteFacts, path: String, spool: Spool, settledIn: Duration) -> CompleteFile {
        sequence += 1
        let directory = Spool.split(path).directory
        return CompleteFile(
            directory: spool.directory.id, relativePath: path, stamp: facts.stamp, seal: facts.seal?.rawValue, evidence: facts.evidence,
            companions: facts.companions.map { Spool.join(directory, $0) }, endsWithNewline: facts.endsWithNewline, sequence: sequence,
            settledIn: settledIn)
    }

    func refuse(_ path: String, in spool: Spool, rule: Rule, reason: String, remedy: String, stamp: FileStamp?) {
        if let stamp {
            if recent.contains(path, of: spool.slot, stamp: stamp) || settings.isKnown(spool.directory.id, path, stamp) { return }
            recent.insert(path, of: spool.slot, stamp: stamp)
        }
        out.append(
            .refused(
                RefusedFile(
                    directory: spool.directory.id, relativePath: path, stamp: stamp, rule: rule, reason: reason, remedy: remedy)))
    }

    func waiting(limit: Int) -> [WaitingFile] {
        var files: [WaitingFile] = []
        for spool in spools.values.sorted(by: { $0.slot < $1.slot }) {
            for path in spool.pending.keys.sorted(by: { Name($0) < Name($1) }).prefix(limit - files.count) {
                files.append(
                    WaitingFile(directory: spool.directory.id, relativePath: path, reason: spool.pending[path]!.settling.reason))
            }
            spool.found.forEach { file in
                guard files.count < limit else { return }
                files.append(
                    WaitingFile(directory: spool.directory.id, relativePath: file.path, reason: settling(of: file, in: spool).reason))
            }
        }
        return files
    }
}

extension FileJudge.Outcome {
    var isWaiting: Bool { if case .waits = self { true } else { false } }
}
