import Arrivals
internal import Reasons

/// Holds the events that the owner of the watch has not taken yet. A state of a file is sent once: what was sent a moment ago is remembered
/// here until the owner has it on record.
struct OutgoingEvents {
    private let isKnown: SpoolWatcher.IsKnown
    private var events: [SpoolEvent] = []
    private var recent = RecentlySent()
    private var completeCount = 0

    init(isKnown: @escaping SpoolWatcher.IsKnown) { self.isKnown = isKnown }

    var count: Int { events.count }

    mutating func take() -> [SpoolEvent] {
        guard !events.isEmpty else { return [] }
        defer { events.removeAll(keepingCapacity: true) }
        return events
    }

    mutating func send(_ event: SpoolEvent?) { if let event { events.append(event) } }

    mutating func sendComplete(_ facts: SettlingDriver.CompleteFacts, _ path: String, in spool: WatchedSpool, settledIn: Duration) {
        // Where signatures count, another one makes it another state of the file until the owner has it on record.
        let stamp = spool.directory.signatures == .ignored ? facts.stamp : facts.stamp.judged(with: facts.signature)
        recent.insert(path, of: spool.slot, stamp: stamp)
        completeCount += 1
        let directory = SpoolPath.split(path).directory
        events.append(
            .complete(
                CompleteFile(
                    place: spool.place(of: path), stamp: facts.stamp, format: facts.format?.rawValue, settledBy: facts.sign,
                    companions: facts.companions.map { SpoolPath.join(directory, $0) }, signature: facts.signature,
                    endsWithNewline: facts.endsWithNewline,
                    sequence: completeCount, settledIn: settledIn)))
    }

    mutating func sendTruncated(_ path: String, in spool: WatchedSpool, stamp: FileStamp, reason: String, isUnsigned: Bool) {
        recent.insert(path, of: spool.slot, stamp: stamp)
        events.append(.truncated(TruncatedFile(place: spool.place(of: path), stamp: stamp, reason: reason, isUnsigned: isUnsigned)))
    }

    /// Sends a refusal, unless it was sent before of the same stamp.
    mutating func sendRefusal(of path: String, in spool: WatchedSpool, _ explanation: Explanation, stamp: FileStamp?) {
        if let stamp {
            if wasSent(path, stamp: stamp, in: spool) { return }
            recent.insert(path, of: spool.slot, stamp: stamp)
        }
        events.append(.refused(RefusedEntry(place: spool.place(of: path), stamp: stamp, explanation: explanation)))
    }

    /// Returns whether this state of the file was sent or is on the owner's record.
    /// - Parameter mayBeOnRecord: false where the owner has nothing of the spool on record.
    func wasSent(_ path: String, stamp: FileStamp, in spool: WatchedSpool, mayBeOnRecord: Bool = true) -> Bool {
        recent.contains(path, of: spool.slot, stamp: stamp) || mayBeOnRecord && isKnown(spool.place(of: path), stamp)
    }

    /// Forgets what was sent of the name.
    mutating func forget(_ path: String, in spool: WatchedSpool) { recent.remove(path, of: spool.slot) }
}
