import Arrivals
internal import Glibc
internal import Names

extension WatchLoop {
    private static let onceChunk = 512
    /// Between the two looks that must agree.
    private static let gapBetweenLooks: UInt32 = 20_000

    /// Judges what a scan found without waiting for quiet: a file whose change time is older than that, and which two looks find the same,
    /// counts as quiet.
    /// - Returns: what has not settled, and why.
    func settleOnce(flush: () -> Void, isStopped: () -> Bool) -> [WaitingFile] {
        while !scans.isEmpty, !isStopped() { advanceScans(inPieces: false) }
        var files: [DueQueue.Item] = []
        for spool in spools.values {
            for (path, pending) in spool.pending {
                files.append(
                    .init(
                        time: .zero, order: spool.directory.order, changed: pending.settling.stamp?.changed ?? 0, spool: spool.slot,
                        path: path))
            }
        }
        files.sort()
        if !files.isEmpty || !foundSlots.isEmpty { usleep(Self.gapBetweenLooks) }
        var waiting: [WaitingFile] = []
        func judge(_ path: String, in spool: Spool, _ pending: Spool.Pending) {
            var pending = pending
            if isStopped() {
                waiting.append(WaitingFile(directory: spool.directory.id, relativePath: path, reason: "not looked at: told to stop"))
                return
            }
            let judge = FileJudge(root: spool.root ?? "", path: spool.path(of: path), clock: settings.clock, countsAge: true)
            let outcome = judge.drive(&pending.settling, from: .look)
            if outcome.isWaiting {
                waiting.append(WaitingFile(directory: spool.directory.id, relativePath: path, reason: pending.settling.reason))
            } else {
                report(outcome, of: path, in: spool, firstSeen: pending.settling.firstSeen)
            }
            if out.count >= Self.onceChunk { flush() }
        }
        for file in files {
            guard let spool = spools[file.spool], spool.root != nil, let pending = spool.pending[file.path] else { continue }
            judge(file.path, in: spool, pending)
            forget(file.path, in: spool)
        }
        for spool in spools.values.sorted(by: { ($0.directory.order, $0.slot) < ($1.directory.order, $1.slot) }) where spool.root != nil {
            while let file = spool.found.popFirst() {
                backlog -= 1
                while !settings.hasRoom(spool.directory.id), !isStopped() { usleep(UInt32(Self.roomInterval / .microseconds(1))) }
                judge(file.path, in: spool, .init(settling: settling(of: file, in: spool), scheduled: nil, isBacklog: false))
            }
            foundSlots.remove(spool.slot)
        }
        for spool in spools.values.sorted(by: { $0.slot < $1.slot }) {
            for (directory, reason) in spool.blocked.sorted(by: { Name($0.key) < Name($1.key) }) {
                waiting.append(
                    WaitingFile(directory: spool.directory.id, relativePath: directory.isEmpty ? "." : directory, reason: reason))
            }
        }
        tellUntaken(always: true)
        out.append(.caughtUp)
        flush()
        return waiting
    }
}
