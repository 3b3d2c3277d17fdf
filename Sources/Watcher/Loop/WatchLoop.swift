import Arrivals
internal import Glibc
internal import Logging
internal import Names
internal import Reasons

/// Runs one watch, on one thread. It passes on what is heard to the files that settle and to the scans, and takes care of the spools:
/// attached, lost and found again.
final class WatchLoop {
    struct Settings: Sendable {
        var clock: WatchClock
        var pollInterval: Duration
        var safetyInterval: Duration
        var isKnown: SpoolWatcher.IsKnown
        /// Returns whether the owner has any file of a spool on record.
        var knowsAny: @Sendable (SpoolID) -> Bool = { _ in true }
        var hasRoom: @Sendable (SpoolID) -> Bool = { _ in true }
        var logger: Logger
    }

    /// The time between two looks at the places of the spools.
    private static let healthInterval: Duration = .seconds(1)

    private let settings: Settings
    private var spools: [Int: WatchedSpool] = [:]
    private var lastSlot = 0
    private var watches: DirectoryWatches
    private var scans = ScanSchedule()
    private var files: UnsettledFiles
    private var changedData = ChangedModelData()
    private var out: OutgoingEvents
    /// Tells whether `caughtUp` is to be sent once the scans have ended and what they found was looked at.
    private var owesCaughtUp = false
    private var nextSafety: Duration
    private var nextHealth: Duration

    init(settings: Settings, events: (any DirectoryEvents)?) {
        self.settings = settings
        watches = DirectoryWatches(events: events, pollInterval: settings.pollInterval, logger: settings.logger)
        files = UnsettledFiles(clock: settings.clock, hasRoom: settings.hasRoom)
        out = OutgoingEvents(isKnown: settings.isKnown)
        nextSafety = settings.clock.now() + settings.safetyInterval
        nextHealth = settings.clock.now() + Self.healthInterval
    }

    var now: Duration { settings.clock.now() }
    /// The number of files that scans found and that were not looked at yet.
    var backlog: Int { files.backlog }
    var isScanning: Bool { !scans.isEmpty }

    /// The time until which there is nothing to do unless something happens.
    var wakeTime: Duration {
        if isScanning { return .zero }
        var time = min(nextSafety, nextHealth)
        if let due = files.wakeTime { time = min(time, due) }
        if let due = watches.wakeTime { time = min(time, due) }
        for spool in spools.values { if let due = spool.unmatched.due { time = min(time, due) } }
        return time
    }

    /// Does what there is to do, but no more than lets events be heard soon.
    func round() {
        handle(watches.take(now: now))
        advanceScans()
        recheckModels()
        files.settleDue(&out)
        if now >= nextHealth { checkHealth() }
        for spool in spoolsBySlot {
            if let due = spool.unmatched.due, due <= now, !scans.isUnderWay(spool, below: "") { out.send(spool.reportUnmatched()) }
        }
        if now >= nextSafety {
            nextSafety = now + settings.safetyInterval
            for spool in attachedSpools where !scans.isUnderWay(spool, below: "") { scan(spool, below: "", for: .init(isReported: true)) }
        }
        if owesCaughtUp, backlog == 0, scans.isEmpty {
            owesCaughtUp = false
            out.send(.caughtUp)
        }
    }

    func takeEvents() -> [SpoolEvent] { out.take() }

    func close() { watches.close() }

    func scanAll() {
        for spool in attachedSpools { scan(spool, below: "", for: .init(isReported: true)) }
    }

    /// Looks at a name again, as if nothing had been sent of it.
    func lookAgain(at place: SpoolPlace) {
        for spool in spools.values where spool.id == place.spool && spool.isAttached {
            out.forget(place.path, in: spool)
            if !files.isPending(place.path, in: spool) { files.hear(.found, of: place.path, in: spool, &out) }
        }
    }

    func waiting(limit: Int) -> [WaitingFile] {
        spoolsBySlot.reduce(into: []) { $0 += files.waiting(in: $1, limit: limit - $0.count) }
    }

    private var spoolsBySlot: [WatchedSpool] { spools.values.sorted { $0.slot < $1.slot } }

    /// The spools that are watched, in the order in which they are scanned.
    private var attachedSpools: [WatchedSpool] { spools.values.filter(\.isAttached).sorted { $0.scanOrder < $1.scanOrder } }

    // MARK: What is heard

    private func handle(_ heard: [DirectoryEvent]) {
        for event in heard {
            switch event {
            case .entry(let token, let name, let change, let isDirectory):
                guard let place = watches.place(of: token) else { continue }
                handle(change, of: name, isDirectory: isDirectory, in: place.directory, of: place.spool)
            case .list(let token, let isDeep):
                guard let place = watches.place(of: token) else { continue }
                if isDeep, scans.isUnderWay(place.spool, below: place.directory) { continue }
                scan(place.spool, below: place.directory, isDeep: isDeep, for: .init(polled: isDeep ? token : nil))
            case .lost(let token, let reason):
                guard let place = watches.place(of: token) else { continue }
                if place.directory.isEmpty {
                    detach(place.spool, "\(place.spool.directory.path): \(reason)")
                } else {
                    drop(place.directory, of: place.spool)
                }
            case .overflow:
                settings.logger.warning("inotify dropped events; everything is scanned again")
                out.send(.overflowed)
                for spool in spoolsBySlot where spool.usesInotify {
                    // Directories may have moved unheard, so that their watches report under wrong paths.
                    watches.forget(below: "", of: spool)
                    attach(spool)
                }
                return
            }
        }
    }

    private func handle(
        _ change: DirectoryEvent.Change, of name: String, isDirectory: Bool, in directory: String, of spool: WatchedSpool
    ) {
        let path = SpoolPath.join(directory, name)
        switch isDirectory ? spool.meaning(of: change, directory: name) : spool.meaning(of: change, file: name, at: path) {
        case .nothing: break
        case .settle(let signal): files.hear(signal, of: path, in: spool, &out)
        case .fileGone:
            // An exchange of two names reports each as gone and as moved in; the name may be there.
            if isGone(path, in: spool) {
                files.forget(path, in: spool)
                out.send(.gone(spool.place(of: path)))
            }
        case .refused(let explanation):
            out.sendRefusal(of: path, in: spool, explanation, stamp: TreeScan.identity(of: spool.path(of: path)))
        case .unmatched: spool.unmatched.insert(path, now: now)
        case .unmatchedGone: spool.unmatched.remove(path, now: now)
        case .markGone(let base): if files.isUnsettled(base, in: spool) { files.hear(.companion, of: base, in: spool, &out) }
        case .signature(let file): files.hear(.companion, of: file, in: spool, &out)
        case .newDirectory: scan(spool, below: path)
        case .movedDirectory:
            drop(path, of: spool)
            scan(spool, below: path)
        case .directoryGone:
            drop(path, of: spool)
            if isGone(path, in: spool) { out.send(.gone(spool.place(of: path))) }
        case .directoryAttributes:
            if !watches.isWatched(path, of: spool) || spool.blocked.contains(path) { scan(spool, below: path) }
        }
        if !isDirectory, spool.mayChangeModels(change, file: name, at: path) { changedData.insert(directory, of: spool.slot) }
    }

    private func isGone(_ path: String, in spool: WatchedSpool) -> Bool { FileStamp(path: spool.path(of: path)) == nil }

    /// Forgets a directory that went away, with everything below it.
    private func drop(_ directory: String, of spool: WatchedSpool) {
        watches.forget(below: directory, of: spool)
        spool.unblock(&out) { SpoolPath.isWithin($0, directory) }
        spool.unmatched.remove(now: now, isWhole: false) { SpoolPath.isWithin($0, directory) }
        files.forget(below: directory, in: spool)
        scans.leaveOut(directory, of: spool)
    }

    /// Looks again at the models in the directories of external data that changed, and above them. They may mean something else now, also
    /// those long delivered.
    private func recheckModels() {
        for (slot, directories) in changedData.take() {
            guard let spool = spools[slot], spool.isAttached else { continue }
            let pending = files.pendingModels(in: spool)
            for directory in directories {
                let waiting = pending[directory] ?? []
                for path in waiting.sorted() { files.hear(.companion, of: path, in: spool, &out) }
                for path in spool.candidateModels(in: directory)
                where !waiting.containsName(path) && !files.isPending(path, in: spool) && spool.hasExternalData(path) {
                    files.hear(.companion, of: path, in: spool, &out)
                }
            }
        }
    }

    // MARK: Scans

    /// Lists everything below a directory, or only what is in it.
    private func scan(_ spool: WatchedSpool, below top: String, isDeep: Bool = true, for purpose: Scan.Purpose = .init()) {
        // A scan of the same directory that is under way begins again, with what is expected of its end.
        let former = scans.take(spool, at: top, isDeep: isDeep)
        let scan = Scan(
            of: spool, below: top, isDeep: isDeep, for: purpose.joined(with: former?.purpose), mayBeOnRecord: settings.knowsAny(spool.id),
            now: now)
        spool.unmatched.remove(now: now, isWhole: isDeep && top.isEmpty) {
            isDeep ? scan.covers($0) : SpoolPath.split($0).directory.isName(top)
        }
        // Most scans are over at once.
        if scans.hasEarlier(than: spool) { scans.add(scan) } else { advance(scan, inPieces: true) }
    }

    private func advanceScans(inPieces: Bool = true) {
        if let scan = scans.takeNext() { advance(scan, inPieces: inPieces) }
    }

    private func advance(_ scan: Scan, inPieces: Bool) {
        if scan.advance(inPieces: inPieces, clock: settings.clock, &watches, &files, &out) { scans.add(scan) } else { finish(scan) }
    }

    private func finish(_ scan: Scan) {
        let spool = scan.spool
        if scan.purpose.isReported, scan.failure == nil {
            out.send(.rescanned(spool: spool.id))
            if scan.ignoredCount > 0 { out.send(.ignored(spool: spool.id, count: scan.ignoredCount)) }
            owesCaughtUp = true
        }
        if scan.failure == nil || !scan.purpose.isAttaching {
            // The directories that failed, and no others there, are blocked.
            spool.unblock(&out) { scan.failed[$0] == nil && scan.covers($0) }
            for (directory, error) in scan.failed { spool.block(directory, error.description, now: now, &out) }
        }
        if let token = scan.purpose.polled { watches.listed(token: token, took: now - scan.start, now: now) }
        if scan.purpose.isAttaching { endAttaching(spool, scan.failure) }
    }

    // MARK: Spools

    /// Takes the wanted directories in place of the present ones. One that is unchanged goes on as it is.
    func replace(with wanted: [SpoolDirectory]) {
        for spool in spoolsBySlot where !wanted.contains(spool.directory) {
            forgetEverything(of: spool)
            spools[spool.slot] = nil
        }
        let present = Set(spools.values.map(\.directory))
        var added: [WatchedSpool] = []
        for directory in wanted where !present.contains(directory) {
            lastSlot += 1
            let spool = WatchedSpool(slot: lastSlot, directory: directory)
            spools[lastSlot] = spool
            added.append(spool)
        }
        for spool in added.sorted(by: { $0.scanOrder < $1.scanOrder }) { attach(spool) }
        owesCaughtUp = true
    }

    /// Finds the directory, watches it and everything below it, and lists it.
    private func attach(_ spool: WatchedSpool) {
        do throws(WatcherError) {
            try spool.attach(hasInotify: watches.hasInotify)
        } catch {
            // A spool that was attached, as after lost events, is attached anew at the next look at its health.
            return spool.isAttached ? detach(spool, error.description) : out.send(spool.becomeUnhealthy(error.description))
        }
        scan(spool, below: "", for: .init(isReported: true, isAttaching: true))
    }

    /// Ends the attaching of a spool after its first scan. A spool of which nothing can be listed is not attached at all.
    private func endAttaching(_ spool: WatchedSpool, _ failure: WatcherError?) {
        if let failure {
            forgetEverything(of: spool)
            spool.detach()
            return out.send(spool.becomeUnhealthy(failure.description))
        }
        if !spool.isTrusted { watches.poll("", of: spool, now: now) }
        out.send(spool.becomeHealthy())
    }

    private func detach(_ spool: WatchedSpool, _ reason: String) {
        spool.unblock(&out) { _ in true }
        forgetEverything(of: spool)
        spool.detach()
        out.send(spool.becomeUnhealthy(reason))
    }

    /// Ends the watches, the scans and the settling files of a spool.
    private func forgetEverything(of spool: WatchedSpool) {
        watches.forget(below: "", of: spool)
        files.forget(below: "", in: spool)
        scans.removeAll(of: spool)
    }

    private func checkHealth() {
        nextHealth = now + Self.healthInterval
        for spool in spoolsBySlot {
            if !spool.isAttached {
                attach(spool)
            } else if !spool.isInPlace {
                detach(spool, "\(spool.directory.path): another directory stands under this path, or none")
                attach(spool)
            } else if spool.blocked.isRetryDue(at: now) {
                retryBlocked(of: spool)
            }
        }
    }

    private func retryBlocked(of spool: WatchedSpool) {
        let start = now
        for directory in spool.blocked.directories where spool.blocked.contains(directory) {
            if !directory.isEmpty, case .missing = FoundEntry(path: spool.path(of: directory), root: spool.root) {
                drop(directory, of: spool)
            } else if !scans.isUnderWay(spool, below: directory) {
                scan(spool, below: directory, for: .init(isReported: true))
            }
        }
        spool.blocked.retried(from: start, to: now)
    }

    // MARK: Without time to wait

    private static let onceChunk = 512
    /// The microseconds between the two looks that must agree.
    private static let gapBetweenLooks: UInt32 = 20_000

    /// Settles what a scan found without waiting for quiet: a file whose change time is older than the quiet time, and which two looks find
    /// the same, counts as quiet.
    /// - Returns: the files that have not settled, with the reasons.
    func settleOnce(flush: () -> Void, isStopped: () -> Bool) -> [WaitingFile] {
        while isScanning, !isStopped() { advanceScans(inPieces: false) }
        let pending = files.takePending()
        if !pending.isEmpty || backlog > 0 { usleep(Self.gapBetweenLooks) }
        var waiting: [WaitingFile] = []
        func settle(_ path: String, in spool: WatchedSpool, _ settling: Settling) {
            guard !isStopped() else {
                waiting.append(WaitingFile(place: spool.place(of: path), reason: "not looked at: told to stop"))
                return
            }
            if let reason = files.settleNow(path, in: spool, settling, &out) {
                waiting.append(WaitingFile(place: spool.place(of: path), reason: reason))
            }
            if out.count >= Self.onceChunk { flush() }
        }
        for file in pending where file.spool.isAttached { settle(file.path, in: file.spool, file.settling) }
        for spool in attachedSpools {
            while let file = files.popFound(in: spool) {
                while !settings.hasRoom(spool.id), !isStopped() { usleep(UInt32(UnsettledFiles.roomInterval / .microseconds(1))) }
                settle(file.path, in: spool, file.settling)
            }
        }
        for spool in spoolsBySlot {
            for (directory, reason) in spool.blocked.all {
                waiting.append(WaitingFile(place: spool.place(of: directory.isEmpty ? "." : directory), reason: reason))
            }
            if spool.unmatched.due != nil { out.send(spool.reportUnmatched()) }
        }
        out.send(.caughtUp)
        flush()
        return waiting
    }
}
