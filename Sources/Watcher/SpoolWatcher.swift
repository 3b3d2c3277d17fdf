package import Arrivals
package import Logging

/// Watches spool directories and reports which files are complete.
///
/// Each state of a file (`FileStamp`) is reported once, if `isKnown` answers true for every state that was reported (complete, truncated or
/// refused) as soon as its owner has it on record. Until then the watcher remembers the last few thousand reports. It keeps nothing else of
/// files that are settled, so that a known file costs a stat and one question when it is scanned, and no memory.
package final class SpoolWatcher: Sendable {
    package typealias IsKnown = @Sendable (SpoolPlace, FileStamp) -> Bool

    package enum Backend: Sendable {
        /// Uses inotify where a directory's own setting and its file system allow it.
        case automatic
        /// Polls every directory.
        case polling
        /// Takes events from elsewhere; a thread that makes them signals the pipe.
        case custom(@Sendable (_ wake: WakePipe) throws(WatcherError) -> any DirectoryEvents)
    }

    private struct Mail {
        var directories: [SpoolDirectory]?
        var isStopped = false
        var messages: [@Sendable (WatchLoop) -> Void] = []
    }

    /// The longest time between two looks at what time alone may bring.
    private static let longestSleep: Duration = .seconds(1)

    private let backend: Backend
    private let settings: WatchLoop.Settings
    private let initial: [SpoolDirectory]
    private let mailbox = Mailbox(Mail())

    /// - Parameters:
    ///   - safetyRescan: the time after which everything is scanned though nothing was heard.
    ///   - pollInterval: the time between two listings of a polled directory; large ones are listed less often.
    ///   - knowsAny: whether `isKnown` can be true of any file of that spool, which is asked once for each scan.
    ///   - hasRoom: whether the owner takes more files that a scan found, which wait here at less cost.
    package init(
        directories: [SpoolDirectory], backend: Backend = .automatic, clock: WatchClock = .system, safetyRescan: Duration = .seconds(300),
        pollInterval: Duration = .seconds(1), logger: Logger = Logger(label: "millrace.watcher"),
        knowsAny: @escaping @Sendable (SpoolID) -> Bool = { _ in true },
        hasRoom: @escaping @Sendable (SpoolID) -> Bool = { _ in true }, isKnown: @escaping IsKnown
    ) {
        initial = directories
        self.backend = backend
        settings = WatchLoop.Settings(
            clock: clock, pollInterval: pollInterval, safetyInterval: safetyRescan, isKnown: isKnown,
            knowsAny: knowsAny, hasRoom: hasRoom, logger: logger)
    }

    /// Watches on the calling thread until `stop`. `deliver` is called on it too, never with an empty list; while it runs nothing is heard,
    /// but nothing is lost.
    package func run(deliver: @Sendable ([SpoolEvent]) -> Void) {
        let loop = WatchLoop(settings: settings, events: makeEvents())
        loop.replace(with: initial)
        while true {
            let (mail, isStopped) = takeMail()
            if isStopped { break }
            if let directories = mail.directories { loop.replace(with: directories) }
            for message in mail.messages { message(loop) }
            loop.round()
            Self.flush(loop, deliver)
            let sleep = min(max(loop.wakeTime - loop.now, .zero), Self.longestSleep)
            mailbox.wake.wait(timeout: sleep)
        }
        loop.close()
        Self.flush(loop, deliver)
    }

    /// Scans once and settles the files that can be settled now.
    /// - Returns: the files that have not settled, with the reasons.
    package func runOnce(deliver: @Sendable ([SpoolEvent]) -> Void) -> [WaitingFile] {
        let loop = WatchLoop(settings: settings, events: nil)
        loop.replace(with: initial)
        defer { loop.close() }
        return loop.settleOnce(flush: { Self.flush(loop, deliver) }, isStopped: { mailbox.take { $0.isStopped } })
    }

    /// Replaces the directories; may be called from any thread. Those that are unchanged go on as they are; the files of an edited one
    /// begin to settle again.
    package func update(directories: [SpoolDirectory]) {
        mailbox.post { $0.directories = directories }
    }

    /// Settles and reports these names again, since their reports are not on the owner's record; may be called from any thread.
    package func lookAgain(at places: [SpoolPlace]) {
        guard !places.isEmpty else { return }
        tell { loop in
            for place in places { loop.lookAgain(at: place) }
        }
    }

    /// Gives `message` to the watching thread before its next round; may be called from any thread.
    func tell(_ message: @escaping @Sendable (WatchLoop) -> Void) {
        mailbox.post { $0.messages.append(message) }
    }

    /// Ends `run` after the `deliver` that it may be in; may be called from any thread.
    package func stop() {
        mailbox.post { $0.isStopped = true }
    }

    private func takeMail() -> (Mail, isStopped: Bool) {
        mailbox.take { mail in
            if mail.isStopped { return (Mail(), true) }
            defer { mail = Mail() }
            return (mail, false)
        }
    }

    private func makeEvents() -> (any DirectoryEvents)? {
        do throws(WatcherError) {
            return switch backend {
            case .automatic: try InotifyEvents(wake: mailbox.wake)
            case .polling: nil
            case .custom(let make): try make(mailbox.wake)
            }
        } catch {
            settings.logger.warning("\(error)")
            return nil
        }
    }

    private static func flush(_ loop: WatchLoop, _ deliver: @Sendable ([SpoolEvent]) -> Void) {
        let batch = loop.takeEvents()
        if !batch.isEmpty { deliver(batch) }
    }
}
