package import Arrivals

/// Decides when one file is complete: SEMANTICS 8 as a value, with no clock and no file system. Whoever drives it hands in what was heard
/// or found and does what the returned step says; each answer gives the next step, until one says to wait or ends it.
///
/// A rename into place, or a close of a file whose whole life was under our watch, is judged at once. Everything else must first stay
/// unchanged for the quiet time by our own clock.
package struct Settling: Sendable {
    package enum Signal: String, Sendable, CaseIterable {
        /// A scan or a poll met the file.
        case found
        case created
        case modified
        case closed
        case movedIn
        case attributes
        /// A file that this one needs, or a mark beside it, changed.
        case companion
    }

    package enum Look: Sendable, Equatable {
        case gone
        /// `age` is the time since the last change by the file system's clock; given only where there is no time to wait (`--once`).
        case file(FileStamp, age: Duration?)
    }

    /// What the bytes prove.
    package enum Proof: Sendable, Equatable {
        case holds
        /// A model with external data, all of it there. The stamp is over all its files. `dataIsOlder`: the data was in place well
        /// before the model, so that a sync tool which carries the model first may yet replace it.
        case holdsWithData(FileStamp, dataIsOlder: Bool)
        case broken(String)
        /// It must not be read further as it is now; judged once it is quiet, since links come and go while tools publish.
        case unsafe
        /// The machine did not let it be read: nothing is known, and the file is not to blame.
        case unread(String)
        /// The format proves nothing about its end. `endsWithNewline` is nil where that means nothing.
        case unsealed(endsWithNewline: Bool?)
    }

    /// `fcntl(F_SETLEASE, F_RDLCK)` is denied while anyone has the file open for writing.
    package enum Lease: Sendable {
        case granted
        case denied
        case unavailable
    }

    package enum Evidence: String, Sendable, Codable {
        case renamed
        case closed
        /// Closed or touched, and nobody had it open for writing then and a quarter of the quiet time later.
        case lease
        case quiet
    }

    package enum Step: Sendable, Equatable {
        /// Stat the file and answer with `observed`.
        case look
        /// Read the seal and answer with `checked`.
        case checkSeal
        /// Try for a lease on the file and its external data and answer with `leased`.
        case probeLease
        /// Call `due` at that time. The text says what for.
        case wait(until: Duration, for: String)
        case complete(Evidence)
        case truncated(String)
        case refuse
        /// The file is gone.
        case forget
    }

    /// Why the file may be judged before its quiet time is over.
    private enum Ground {
        case renamed
        case closed
        /// Only its attributes changed since it was judged before.
        case touched
    }

    package let policy: SpoolDirectory.SettlePolicy
    package let firstSeen: Duration
    package private(set) var stamp: FileStamp?
    /// Set once the bytes were judged, whatever the verdict.
    package private(set) var isJudged = false
    private var lastChange: Duration
    private var ground: Ground?
    /// Created or renamed into place while we watched.
    private var isBornHere = false
    private var cameByRename = false
    /// The next look was caused by a close or a rename, which explain that the stamp differs.
    private var expectsChange = false
    /// The next look was caused by a change of attributes, which explains a new change time.
    private var expectsTouch = false
    private var proof: Proof?
    /// Known only where there is no time to wait.
    private var age: Duration = .zero
    private var wakeAt: Duration
    private var waitReason = "just seen"
    private var recheckAfter: Duration

    /// Longest pause between two looks at a file whose seal is broken.
    private static let longestPause: Duration = .seconds(30)
    /// Between two tries to read a file that the machine does not let be read.
    private static let unreadPause: Duration = .seconds(1)

    package init(policy: SpoolDirectory.SettlePolicy, now: Duration) {
        self.policy = policy
        firstSeen = now
        lastChange = now
        wakeAt = now
        recheckAfter = max(policy.quiet, .milliseconds(100))
    }

    package mutating func heard(_ signal: Signal, now: Duration) -> Step {
        expectsChange = false
        expectsTouch = false
        switch signal {
        case .found:
            break
        case .created:
            isBornHere = true
            cameByRename = false
            ground = nil
            stamp = nil
            changed(now)
        case .modified:
            ground = nil
            changed(now)
            return wait(until: now + policy.quiet, for: "being written")
        case .closed:
            changed(now)
            ground = isBornHere ? (cameByRename ? .renamed : .closed) : nil
            expectsChange = true
        case .movedIn:
            isBornHere = true
            cameByRename = true
            ground = .renamed
            stamp = nil
            changed(now)
        case .attributes:
            if stamp == nil, !isBornHere { ground = .touched }
            expectsTouch = true
        case .companion:
            // Anything may have changed beside it; what it means for this file shows in its proof.
            break
        }
        return .look
    }

    package mutating func observed(_ look: Look, now: Duration) -> Step {
        guard case .file(let new, let age) = look else { return .forget }
        if let old = stamp, old != new {
            let isTouch = expectsTouch && old.inode == new.inode && old.device == new.device && old.size == new.size
            if !expectsChange, !isTouch { ground = nil }
            changed(now)
        } else if let age, stamp != nil {
            self.age = age
        }
        stamp = new
        expectsChange = false
        expectsTouch = false
        if ground != nil || isQuiet(now) { return .checkSeal }
        return wait(until: lastChange + policy.quiet, for: "unchanged for less than the quiet time")
    }

    package mutating func checked(_ proof: Proof, now: Duration) -> Step {
        isJudged = true
        if case .unread(let reason) = proof { return wait(until: now + Self.unreadPause, for: reason) }
        switch (self.proof, proof) {
        case (.holdsWithData(let old, _), .holdsWithData(let new, _)): if old != new { changed(now) }
        case (.broken, .holdsWithData): changed(now)
        // The text says how much is there.
        case (.broken(let old), .broken(let new)): if old != new { changed(now) }
        default: break
        }
        self.proof = proof
        switch proof {
        case .unread: return .look
        case .broken(let reason):
            if max(now - lastChange, age) >= policy.giveUp { return .truncated(reason) }
            let next = min(now + recheckAfter, max(lastChange + policy.giveUp, now))
            recheckAfter = min(recheckAfter * 2, max(Self.longestPause, policy.quiet))
            return wait(until: next, for: reason)
        case .unsafe:
            return isQuiet(now) ? .refuse : wait(until: lastChange + policy.quiet, for: "unchanged for less than the quiet time")
        case .holds:
            switch ground {
            case .renamed: return .complete(.renamed)
            case .closed: return .complete(.closed)
            case .touched: return isQuiet(now) ? .complete(.quiet) : .probeLease
            case nil: return .complete(.quiet)
            }
        case .holdsWithData:
            return .probeLease
        case .unsealed(let endsWithNewline):
            // A writer that closes early (at zero bytes, or in the middle of a line) is believed only once it is quiet.
            if ground == .closed, !isQuiet(now), stamp?.size == 0 || endsWithNewline != true {
                return wait(until: lastChange + policy.quiet, for: "unchanged for less than the quiet time")
            }
            return .probeLease
        }
    }

    package mutating func leased(_ lease: Lease, now: Duration) -> Step {
        if lease == .denied {
            // A writer that never closes must not hold the file back for ever.
            if now - lastChange >= policy.giveUp { return .complete(.quiet) }
            return wait(until: now + policy.quiet, for: "open for writing by another process")
        }
        if isQuiet(now) {
            return .complete(ground == .renamed && !hasData ? .renamed : .quiet)
        }
        if case .holdsWithData(_, let dataIsOlder) = proof, dataIsOlder || lease == .unavailable {
            return wait(until: lastChange + policy.quiet, for: "its external data may still be replaced")
        }
        switch (ground, lease) {
        case (.renamed, _):
            return .complete(.renamed)
        case (.closed, .granted) where hasData:
            return .complete(.closed)
        case (.closed, .granted):
            let cut = lastChange + policy.quiet / 4
            return now >= cut ? .complete(.lease) : wait(until: cut, for: "closed; may be opened again at once")
        case (.touched, .granted):
            return .complete(.lease)
        default:
            return wait(until: lastChange + policy.quiet, for: "unchanged for less than the quiet time")
        }
    }

    /// A scan met the file again: says whether it changed since the last look, and starts its quiet time afresh if so.
    package mutating func met(_ stamp: FileStamp, now: Duration) {
        guard let old = self.stamp, old != stamp else { return }
        self.stamp = stamp
        ground = nil
        changed(now)
    }

    package mutating func due(now: Duration) -> Step {
        now >= wakeAt ? .look : wait(until: wakeAt, for: waitReason)
    }

    package var reason: String { waitReason }

    /// What the file is known by once it is complete.
    package var wholeStamp: FileStamp? {
        if case .holdsWithData(let whole, _) = proof { whole } else { stamp }
    }

    /// A mark beside the file that says it is being downloaded means nothing once it was renamed into place.
    package var heedsMarks: Bool { !cameByRename }

    package var wakeTime: Duration { wakeAt }

    private var hasData: Bool {
        if case .holdsWithData = proof { true } else { false }
    }

    private func isQuiet(_ now: Duration) -> Bool { max(now - lastChange, age) >= policy.quiet }

    private mutating func changed(_ now: Duration) {
        lastChange = now
        age = .zero
        recheckAfter = max(policy.quiet, .milliseconds(100))
    }

    private mutating func wait(until time: Duration, for reason: String) -> Step {
        wakeAt = time
        waitReason = reason
        return .wait(until: time, for: reason)
    }
}
