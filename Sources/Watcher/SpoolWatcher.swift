package import Arrivals
package import Logging
internal import Synchronization

/// Watches spool directories and tells which files are complete.
///
/// A file is told once per state (`FileStamp`), if `isKnown` answers true for every state that was told (complete, truncated or refused) as
/// soon as its owner has it on record; what was told in the last while is remembered meanwhile. Nothing else is kept of files that are
/// settled, so that a spool of many known files costs a stat and one question each when it is scanned, and no memory.
package final class SpoolWatcher: Sendable {
    package typealias IsKnown = @Sendable (_ directory: String, _ relativePath: String, _ stamp: FileStamp) -> Bool

    package enum Backend: Sendable {
        /// inotify where a directory's own setting and its file system allow it.
        case automatic
        /// Polling everywhere.
        case polling
        /// Events from elsewhere; the descriptor is written to when they arrive on another thread.
        case custom(@Sendable (_ wake: WakePipe) throws(WatcherError) -> any DirectoryEvents)
    }

    private struct Mailbox {
        var directories: [SpoolDirectory]?
        var isStopped = false
        var wantsRescan = false
        var again: [SpoolPlace] = []
        var isRunning = false
        var questions: [(limit: Int, answer: CheckedContinuation<[WaitingFile], Never>)] = []
    }

    /// However little is due, this often is everything looked at that time alone may bring.
    private static let longestSleep: Duration = .seconds(1)

    private let backend: Backend
    private let settings: WatchLoop.Settings
    private let initial: [SpoolDirectory]
    private let mailbox = Mutex(Mailbox())
    private let wake = WakePipe()

    /// - Parameters:
    ///   - safetyRescan: how often everything is scanned though nothing was heard.
    ///   - pollInterval: how often polled directories are listed; large ones are listed less often.
    ///   - knowsAny: whether `isKnown` can be true of any file of that spool, which is asked once for each scan.
    ///   - hasRoom: whether the owner takes more files that a scan found, which wait here at less cost.
    package init(
        directories: [SpoolDirectory], backend: Backend = .automatic, clock: WatchClock = .system, safetyRescan: Duration = .seconds(300),
        pollInterval: Duration = .seconds(1), logger: Logger = Logger(label: "millrace.watcher"),
        knowsAny: @escaping @Sendable (_ directory: String) -> Bool = { _ in true },
        hasRoom: @escaping @Sendable (_ directory: String) -> Bool = { _ in true }, isKnown: @escaping IsKnown
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
        mailbox.withLock { $0.isRunning = true }
        let loop = WatchLoop(settings: settings, events: makeEvents())
        loop.replace(with: initial)
        while true {
            let (mail, isStopped) = takeMail()
            if isStopped { break }
            if let directories = mail.directories { loop.replace(with: directories) }
            if mail.wantsRescan { loop.scanAll() }
            for place in mail.again { loop.lookAgain(at: place) }
            loop.round()
            Self.flush(loop, deliver)
            for question in mail.questions { question.answer.resume(returning: loop.waiting(limit: question.limit)) }
            let sleep = min(max(loop.wakeTime - loop.now, .zero), Self.longestSleep)
            wake.wait(timeout: sleep)
        }
        loop.close()
        Self.flush(loop, deliver)
        let unanswered = mailbox.withLock { mailbox in
            mailbox.isRunning = false
            defer { mailbox.questions = [] }
            return mailbox.questions
        }
        for question in unanswered { question.answer.resume(returning: []) }
    }

    /// Scans once and judges what can be judged now.
    /// - Returns: what has not settled, and why.
    package func runOnce(deliver: @Sendable ([SpoolEvent]) -> Void) -> [WaitingFile] {
        let loop = WatchLoop(settings: settings, events: nil)
        loop.replace(with: initial)
        defer { loop.close() }
        return loop.settleOnce(flush: { Self.flush(loop, deliver) }, isStopped: { mailbox.withLock(\.isStopped) })
    }

    /// From any thread. Directories that are unchanged go on as they are; an edited one settles its open files afresh.
    package func update(directories: [SpoolDirectory]) {
        mailbox.withLock { $0.directories = directories }
        wake.signal()
    }

    /// From any thread: scans everything soon, as after an overflow.
    package func rescan() {
        mailbox.withLock { $0.wantsRescan = true }
        wake.signal()
    }

    /// From any thread: what was told of these names is not on the owner's record, or no longer. They are judged and told again.
    package func lookAgain(at places: [SpoolPlace]) {
        guard !places.isEmpty else { return }
        mailbox.withLock { $0.again += places }
        wake.signal()
    }

    /// From any thread. `run` returns after the `deliver` that it may be in.
    package func stop() {
        mailbox.withLock { $0.isStopped = true }
        wake.signal()
    }

    /// The files that are not settled, by directory and name; empty where nothing runs.
    package func waiting(limit: Int = 1000) async -> [WaitingFile] {
        await withCheckedContinuation { continuation in
            let isAsked = mailbox.withLock { mailbox in
                guard mailbox.isRunning, !mailbox.isStopped else { return false }
                mailbox.questions.append((limit, continuation))
                return true
            }
            if isAsked { wake.signal() } else { continuation.resume(returning: []) }
        }
    }

    /// For tests whose clock was moved: looks at the time again.
    func poke() { wake.signal() }

    private func takeMail() -> (Mailbox, isStopped: Bool) {
        mailbox.withLock { mailbox in
            if mailbox.isStopped { return (Mailbox(), true) }
            let taken = mailbox
            mailbox = Mailbox(isRunning: true)
            return (taken, false)
        }
    }

    private func makeEvents() -> (any DirectoryEvents)? {
        do throws(WatcherError) {
            return switch backend {
            case .automatic: try InotifyEvents(wake: wake)
            case .polling: nil
            case .custom(let make): try make(wake)
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
