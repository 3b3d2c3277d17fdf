import Arrivals
internal import Names

/// Performs a scan of everything below a directory, or only of what is in it.
///
/// The oldest file comes first of those that a scan finds within a second (SEMANTICS 3). A scan that takes longer hands on its files in
/// pieces, so that the time to the first file does not depend on how many there are.
final class Scan {
    /// Tells what is to happen at the end of a scan.
    struct Purpose {
        /// Tells whether the end is reported.
        var isReported = false
        /// Tells whether the spool counts as attached after it.
        var isAttaching = false
        /// The token of the poll that asked for it.
        var polled: Int?

        func joined(with other: Purpose?) -> Purpose {
            Purpose(
                isReported: isReported || other?.isReported ?? false, isAttaching: isAttaching || other?.isAttaching ?? false,
                polled: polled ?? other?.polled)
        }
    }

    /// The time for which a scan goes on before events are read again.
    private static let slice: Duration = .milliseconds(50)
    private static let longestPiece: Duration = .seconds(1)

    let spool: WatchedSpool
    let top: String
    let isDeep: Bool
    let purpose: Purpose
    let start: Duration
    /// The error for which the top directory itself could not be listed.
    private(set) var failure: WatcherError?
    /// The directories that could not be listed.
    private(set) var failed: NameMap<WatcherError> = [:]
    private let walk: TreeScan
    /// Tells whether the owner may have any of the files on record.
    private let mayBeOnRecord: Bool
    private var pieceStart: Duration
    /// The files that start to settle one by one, when it ends.
    private var found: [(path: String, stamp: FileStamp)] = []

    init(of spool: WatchedSpool, below top: String, isDeep: Bool, for purpose: Purpose, mayBeOnRecord: Bool, now: Duration) {
        self.spool = spool
        self.top = top
        self.isDeep = isDeep
        self.purpose = purpose
        self.mayBeOnRecord = mayBeOnRecord
        start = now
        pieceStart = now
        walk = TreeScan(root: spool.root, filter: spool.filter, from: top, isDeep: isDeep)
    }

    /// The number of names that were passed over by rule.
    var ignoredCount: Int { walk.ignored }

    /// Returns whether the directory is one whose entries it lists.
    func covers(_ directory: String) -> Bool { isDeep ? SpoolPath.isWithin(directory, top) : directory.isName(top) }

    /// Leaves out what is left below a directory, which went away.
    func leaveOut(_ directory: String) { walk.leaveOut(directory) }

    /// Goes on for a while. Each directory met is watched before it is listed; files that are known cost a stat and a question, the others
    /// start to settle.
    /// - Parameter inPieces: whether what a long scan finds is handed on before its end.
    /// - Returns: whether there is more to scan.
    func advance(
        inPieces: Bool, clock: WatchClock, _ watches: inout DirectoryWatches, _ files: inout UnsettledFiles, _ out: inout OutgoingEvents
    ) -> Bool {
        let end = clock.now() + Self.slice
        let goesOn = walk.advance(
            while: { clock.now() < end },
            enter: { directory in
                if let error = watches.watch(directory, of: spool, now: clock.now()) { fail(directory, error) }
            },
            found: { meet($0, clock, &files, &out) })
        if !goesOn {
            found.sort { ($0.stamp.changed, Name($0.path)) < ($1.stamp.changed, Name($1.path)) }
            for file in found { files.start(file.path, file.stamp, in: spool, isBacklog: purpose.isReported, &out) }
            files.beginQuietTime(in: spool)
        } else if inPieces, clock.now() - pieceStart >= Self.longestPiece {
            files.beginQuietTime(in: spool)
            pieceStart = clock.now()
        }
        return goesOn
    }

    private func meet(_ finding: TreeScan.Finding, _ clock: WatchClock, _ files: inout UnsettledFiles, _ out: inout OutgoingEvents) {
        switch finding {
        case .file(let path, let stamp):
            if files.meet(path, stamp, in: spool, mayBeOnRecord: mayBeOnRecord, out) { found.append((path, stamp)) }
        case .refused(let path, let explanation, let stamp): out.sendRefusal(of: path, in: spool, explanation, stamp: stamp)
        case .failed(let directory, let error): fail(directory, error)
        case .unmatched(let path): spool.unmatched.insert(path, now: clock.now())
        }
    }

    private func fail(_ directory: String, _ error: WatcherError) {
        failed[directory] = error
        if directory.isName(top) { failure = failure ?? error }
    }
}
