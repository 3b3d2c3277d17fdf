package import Arrivals

/// Decides when one file is complete: SEMANTICS 8 as a value, with no clock and no file system. `SettlingDriver` hands in what was heard or
/// found and does what the returned step says; each answer gives the next step, until one says to wait or ends it.
///
/// A rename into place, or a close of a file whose whole life was under our watch, is taken at once. Everything else must first stay
/// unchanged for the quiet time by our own clock.
package struct Settling: Sendable {
    /// Tells the way in which the file came here. Its payload says whether what was heard of the file allows to take it before its quiet
    /// time is over. A change that no event explains takes that permission away.
    private enum Origin: Equatable {
        /// It was there before the watch heard of it. It may be taken early where only its attributes changed, since it was taken before.
        case foundHere(isOnlyTouched: Bool)
        /// It was created while we watched, and may be taken early once its writer closed it.
        case created(isClosed: Bool)
        /// It was renamed into place while we watched, and may be taken early while it is as it came.
        case movedIn(isAsItCame: Bool)

        var mayBeTakenEarly: Bool {
            switch self {
            case .foundHere(let isAllowed), .created(let isAllowed), .movedIn(let isAllowed): isAllowed
            }
        }

        var takenLate: Origin {
            switch self {
            case .foundHere: .foundHere(isOnlyTouched: false)
            case .created: .created(isClosed: false)
            case .movedIn: .movedIn(isAsItCame: false)
            }
        }
    }

    /// Tells which answer or time the file waits for.
    private enum State: Equatable {
        /// The next look, which may find a change that was announced.
        case look(announced: Announcement)
        /// The answer about its content or its lease.
        case check
        case time(Duration, reason: String)
    }

    /// Tells which change of the stamp the last signal explains.
    private enum Announcement {
        case none
        /// The file was closed, which explains any change.
        case anyChange
        /// Attributes changed, which explains another change time of the same file.
        case attributes
    }

    /// Measures the time for which the file has been as it is, by our own clock; everything here begins again when it changes.
    private struct Rest: Equatable {
        let since: Duration
        /// The time since the last change by the file system's clock. It is known only where there is no time to wait.
        var age: Duration = .zero
        /// The pause before the next look at a file that is incomplete, which doubles each time.
        var pause: Duration

        init(since: Duration, quiet: Duration) {
            self.since = since
            pause = max(quiet, .milliseconds(100))
        }

        func length(at now: Duration) -> Duration { max(now - since, age) }
    }

    package let policy: SpoolDirectory.SettlePolicy
    package let firstSeen: Duration
    /// The stamp of the last look; nil until the first one, and after another file took the name.
    package private(set) var stamp: FileStamp?
    /// The last answer about the content; it outlives a change of the file, so that the next one can be compared with it.
    private var content: Content?
    private var origin = Origin.foundHere(isOnlyTouched: false)
    private var rest: Rest
    private var state: State

    /// The longest pause between two looks at a file that is incomplete.
    private static let longestPause: Duration = .seconds(30)
    /// The pause between two tries to read a file that the machine does not let be read.
    private static let unreadPause: Duration = .seconds(1)
    private static let notQuietYet = "unchanged for less than the quiet time"

    package init(policy: SpoolDirectory.SettlePolicy, now: Duration) {
        self.policy = policy
        firstSeen = now
        rest = Rest(since: now, quiet: policy.quiet)
        state = .time(now, reason: "just seen")
    }

    package mutating func heard(_ signal: Signal, now: Duration) -> Step {
        var announced = Announcement.none
        switch signal {
        case .found:
            break
        case .created:
            origin = .created(isClosed: false)
            stamp = nil
            changed(now)
        case .modified:
            origin = origin.takenLate
            changed(now)
            return wait(until: now + policy.quiet, for: "being written")
        case .closed:
            origin =
                switch origin {
                case .foundHere: .foundHere(isOnlyTouched: false)
                case .created: .created(isClosed: true)
                case .movedIn: .movedIn(isAsItCame: true)
                }
            changed(now)
            announced = .anyChange
        case .movedIn:
            origin = .movedIn(isAsItCame: true)
            stamp = nil
            changed(now)
        case .attributes:
            if stamp == nil, case .foundHere = origin { origin = .foundHere(isOnlyTouched: true) }
            announced = .attributes
        case .companion:
            // Anything may have changed near it; what that means for this file is found by the next check of its content.
            break
        }
        state = .look(announced: announced)
        return .look
    }

    package mutating func observed(_ look: Look, now: Duration) -> Step {
        guard case .file(let new, let age) = look else { return .forget }
        if let old = stamp, old != new {
            if !explains(old, new) { origin = origin.takenLate }
            changed(now)
        } else if let age, stamp != nil {
            rest.age = age
        }
        stamp = new
        if origin.mayBeTakenEarly || isQuiet(now) {
            state = .check
            return .checkContent
        }
        return waitForQuiet(Self.notQuietYet)
    }

    package mutating func checked(_ new: Content, now: Duration) -> Step {
        if case .unread(let reason) = new {
            content = content ?? new
            return wait(until: now + Self.unreadPause, for: reason)
        }
        switch (content, new) {
        case (.wholeWithData(let old, _), .wholeWithData(let new, _)): if old != new { changed(now) }
        case (.incomplete, .wholeWithData): changed(now)
        // The text says how much is there.
        case (.incomplete(let old), .incomplete(let new)): if old != new { changed(now) }
        default: break
        }
        content = new
        switch new {
        case .unread:
            return .look
        case .incomplete(let reason):
            if rest.length(at: now) >= policy.giveUp { return .truncated(reason) }
            let next = min(now + rest.pause, max(rest.since + policy.giveUp, now))
            rest.pause = min(rest.pause * 2, max(Self.longestPause, policy.quiet))
            return wait(until: next, for: reason)
        case .unsafe:
            return isQuiet(now) ? .refuse : waitForQuiet(Self.notQuietYet)
        case .whole:
            switch origin {
            case .movedIn(isAsItCame: true): return .complete(.renamed)
            case .created(isClosed: true): return .complete(.closed)
            case .foundHere(isOnlyTouched: true) where !isQuiet(now): return .probeLease
            case .foundHere, .created, .movedIn: return .complete(.quiet)
            }
        case .wholeWithData:
            return .probeLease
        case .undecided(let endsWithNewline):
            // A writer that closes early (at zero bytes, or in the middle of a line) is believed only once it is quiet.
            if origin == .created(isClosed: true), !isQuiet(now), stamp?.size == 0 || endsWithNewline != true {
                return waitForQuiet(Self.notQuietYet)
            }
            return .probeLease
        }
    }

    package mutating func leased(_ lease: Lease, now: Duration) -> Step {
        if lease == .denied {
            // A writer that never closes must not hold the file back for ever.
            if now - rest.since >= policy.giveUp { return .complete(.quiet) }
            return wait(until: now + policy.quiet, for: "open for writing by another process")
        }
        if isQuiet(now) {
            return .complete(origin == .movedIn(isAsItCame: true) && !hasData ? .renamed : .quiet)
        }
        if case .wholeWithData(_, let dataIsOlder) = content, dataIsOlder || lease == .unavailable {
            return waitForQuiet("its external data may still be replaced")
        }
        switch (origin, lease) {
        case (.movedIn(isAsItCame: true), _):
            return .complete(.renamed)
        case (.created(isClosed: true), .granted) where hasData:
            return .complete(.closed)
        case (.created(isClosed: true), .granted):
            let cut = rest.since + policy.quiet / 4
            return now >= cut ? .complete(.lease) : wait(until: cut, for: "closed; may be opened again at once")
        case (.foundHere(isOnlyTouched: true), .granted):
            return .complete(.lease)
        case (.foundHere, _), (.created, _), (.movedIn, _):
            return waitForQuiet(Self.notQuietYet)
        }
    }

    /// Takes the stamp that a scan found where it met the file again. A file that changed since the last look begins its quiet time again.
    package mutating func met(_ stamp: FileStamp, now: Duration) {
        guard let old = self.stamp, old != stamp else { return }
        self.stamp = stamp
        origin = origin.takenLate
        changed(now)
    }

    package mutating func due(now: Duration) -> Step {
        guard case .time(let time, _) = state, now < time else {
            state = .look(announced: .none)
            return .look
        }
        return .wait(until: time, for: reason)
    }

    /// Tells whether the bytes were looked at, with whatever result.
    package var wasChecked: Bool { content != nil }

    package var reason: String { if case .time(_, let reason) = state { reason } else { "just seen" } }

    package var wakeTime: Duration { if case .time(let time, _) = state { time } else { firstSeen } }

    /// The stamp by which the file is known once it is complete.
    package var wholeStamp: FileStamp? {
        if case .wholeWithData(let whole, _) = content { whole } else { stamp }
    }

    /// Tells whether marks of a download count. They mean nothing for a file that was renamed into place.
    package var respectsMarks: Bool { if case .movedIn = origin { false } else { true } }

    private var hasData: Bool {
        if case .wholeWithData = content { true } else { false }
    }

    private func isQuiet(_ now: Duration) -> Bool { rest.length(at: now) >= policy.quiet }

    /// Returns whether the signal that caused this look explains the difference between the two stamps.
    private func explains(_ old: FileStamp, _ new: FileStamp) -> Bool {
        switch state {
        case .look(.anyChange): true
        case .look(.attributes): old.inode == new.inode && old.device == new.device && old.size == new.size
        case .look(.none), .check, .time: false
        }
    }

    private mutating func changed(_ now: Duration) { rest = Rest(since: now, quiet: policy.quiet) }

    private mutating func waitForQuiet(_ reason: String) -> Step { wait(until: rest.since + policy.quiet, for: reason) }

    private mutating func wait(until time: Duration, for reason: String) -> Step {
        state = .time(time, reason: reason)
        return .wait(until: time, for: reason)
    }
}
