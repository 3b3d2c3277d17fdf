import Arrivals
internal import Names

/// One scan that is under way: everything below a directory, or only what is in it.
final class Scan {
    let spool: Spool
    let top: String
    let deep: Bool
    /// Whether its end is reported.
    let isBacklog: Bool
    let isAttaching: Bool
    /// The token of the poll that asked for it.
    let polled: Int?
    let start: Duration
    let walk: TreeScan
    /// Whether the owner may have any of the files on record.
    let mayBeKnown: Bool
    /// Since when what it finds is added to one batch.
    var pieceStart: Duration
    /// Why the directory itself could not be listed.
    var failure: WatcherError?
    var failed: NameMap<WatcherError> = [:]
    /// What has to settle in the spool's table, at the end.
    var found: [(path: String, stamp: FileStamp)] = []

    init(
        _ spool: Spool, below top: String, deep: Bool, isBacklog: Bool, isAttaching: Bool, polled: Int?, mayBeKnown: Bool, start: Duration,
        walk: TreeScan
    ) {
        self.spool = spool
        self.top = top
        self.deep = deep
        self.isBacklog = isBacklog
        self.isAttaching = isAttaching
        self.polled = polled
        self.mayBeKnown = mayBeKnown
        self.start = start
        self.walk = walk
        pieceStart = start
    }

    func fails(_ directory: String, _ error: WatcherError) {
        failed[directory] = error
        if directory.isName(top) { failure = failure ?? error }
    }
}

/// Scans go on a little in each round, so that events, other spools and what was found already do not wait for the end of a long one.
///
/// Of what one scan finds in a second the oldest comes first (SEMANTICS 3): a scan that takes longer hands it on in pieces, so that
/// the time to the first file does not depend on how many there are. Spools of models go first, then labels, then data.
extension WatchLoop {
    /// How long scans go on before events are read again.
    private static let slice: Duration = .milliseconds(50)
    private static let longestPiece: Duration = .seconds(1)

    /// Lists everything below a directory; each directory met is watched before it is listed. Files that are known cost a stat and a
    /// question; the others start to settle.
    func scan(
        _ spool: Spool, below top: String, deep: Bool = true, isBacklog: Bool, isAttaching: Bool = false, polled: Int? = nil
    ) {
        // One that is under way begins again, with what is expected of its end.
        let former = scans.firstIndex { $0.spool === spool && $0.deep == deep && $0.top.isName(top) }.map { scans.remove(at: $0) }
        spool.untaken.remove(
            where: { deep ? Spool.isWithin($0, top) : Spool.split($0).directory.isName(top) }, isWhole: deep && top.isEmpty,
            due: untakenDue(of: spool))
        let scan = Scan(
            spool, below: top, deep: deep, isBacklog: isBacklog || former?.isBacklog ?? false,
            isAttaching: isAttaching || former?.isAttaching ?? false, polled: polled ?? former?.polled,
            mayBeKnown: settings.knowsAny(spool.directory.id), start: now,
            walk: TreeScan(root: spool.root ?? "", admission: spool.admission, from: top, isDeep: deep))
        // Most are over at once.
        if scans.contains(where: { $0.spool.directory.order < spool.directory.order }) || advance(scan, inPieces: true) {
            scans.append(scan)
        }
    }

    /// Whether a scan of everything below that directory is under way.
    func isScanned(_ spool: Spool, below top: String) -> Bool {
        scans.contains { $0.spool === spool && $0.deep && Spool.isWithin(top, $0.top) }
    }

    /// Lets the next scan go on.
    /// - Parameter inPieces: whether what a long scan finds is handed on before its end.
    func advanceScans(inPieces: Bool = true) {
        guard let first = scans.map(\.spool.directory.order).min(),
            let index = scans.firstIndex(where: { $0.spool.directory.order == first })
        else { return }
        let scan = scans.remove(at: index)
        if advance(scan, inPieces: inPieces) { scans.append(scan) }
    }

    /// A directory went away.
    func leaveOutOfScans(_ directory: String, of spool: Spool) {
        scans.removeAll { $0.spool === spool && Spool.isWithin($0.top, directory) }
        for scan in scans where scan.spool === spool { scan.walk.leaveOut(directory) }
    }

    /// - Returns: whether the scan goes on.
    private func advance(_ scan: Scan, inPieces: Bool) -> Bool {
        let end = now + Self.slice
        if scan.walk.advance(while: { now < end }, enter: { enter($0, of: scan) }, found: { meet($0, of: scan) }) {
            if inPieces, now - scan.pieceStart >= Self.longestPiece {
                sealFound(of: scan.spool)
                scan.pieceStart = now
            }
            return true
        }
        finish(scan)
        return false
    }

    private func enter(_ directory: String, of scan: Scan) {
        if let error = watch(directory, of: scan.spool) { scan.fails(directory, error) }
    }

    private func meet(_ finding: TreeScan.Finding, of scan: Scan) {
        let spool = scan.spool
        switch finding {
        case .file(let path, let stamp):
            if let known = spool.found.file(path) {
                if known.stamp == stamp { return }
                takeUp(path, in: spool)
            }
            if spool.pending[path] != nil {
                spool.pending[path]!.settling.met(stamp, now: now)
            } else if !isJudged(path, stamp: stamp, in: spool, mayBeKnown: scan.mayBeKnown) {
                // What a model needs beside it may be heard of at any time.
                if spool.mayHoldModels || !spool.found.append(path, stamp) { scan.found.append((path, stamp)) } else { backlog += 1 }
            }
        case .refused(let path, let rule, let reason, let remedy, let stamp):
            refuse(path, in: spool, rule: rule, reason: reason, remedy: remedy, stamp: stamp)
        case .failed(let directory, let error): scan.fails(directory, error)
        case .untaken(let path): spool.untaken.insert(path, due: untakenDue(of: spool))
        }
    }

    private func finish(_ scan: Scan) {
        let spool = scan.spool
        scan.found.sort { ($0.stamp.changed, Name($0.path)) < ($1.stamp.changed, Name($1.path)) }
        for file in scan.found where spool.pending[file.path] == nil {
            start(.found, of: file.path, in: spool, stamp: file.stamp, isBacklog: scan.isBacklog)
        }
        sealFound(of: spool)
        if scan.isBacklog, scan.failure == nil {
            out.append(.rescanned(directory: spool.directory.id))
            if scan.walk.ignored > 0 { out.append(.ignored(directory: spool.directory.id, count: scan.walk.ignored)) }
            owesCaughtUp = true
        }
        if scan.failure == nil || !scan.isAttaching { setBlocked(below: scan.top, deep: scan.deep, of: spool, to: scan.failed) }
        if let token = scan.polled { polling.listed(token: token, took: now - scan.start, now: now) }
        if scan.isAttaching { endAttaching(spool, scan.failure) }
    }
}
