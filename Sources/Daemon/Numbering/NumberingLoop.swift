import Arrivals
import Ledger
import Logging
import PipelineConfig
import Watcher

/// Runs the thread between the watcher and the dispatcher: what is heard reaches it as a message, is read by the hashing threads, and
/// leaves it numbered. It never waits for a file.
final class NumberingLoop: @unchecked Sendable {
    enum Message: Sendable {
        case heard([SpoolEvent])
        case hashed([Hashed])
        case pipelines([Pipeline])
        /// With `--once`, everything that is there has been told, and these files had not settled.
        case scanned([String])
        /// The watch has ended, or the daemon is to end.
        case stop
    }

    /// Holds the functions that take what the loop gives to others.
    struct Outlets: Sendable {
        var numbered: @Sendable ([Intake.Numbered]) -> Void
        /// Takes a large data file of which a piece was read for its digest, and which takes more; it is called on the hashing threads.
        var reading: @Sendable (CompleteFile) -> Void
        /// Takes such files that will not be numbered as they were.
        var forgotten: @Sendable ([SpoolPlace]) -> Void
        /// Takes the files that are not numbered, once everything is that could be.
        var caughtUp: @Sendable ([String]) -> Void
        /// Takes another set of pipelines, which is in force from here on, and their spools.
        var pipelines: @Sendable ([Pipeline], [SpoolDirectory]) -> Void
        /// Takes files that the watcher is to judge again: the ledger does not have them.
        var lookAgain: @Sendable ([SpoolPlace]) -> Void
    }

    let inbox = BoundedQueue<Message>(capacity: 256)
    let pool: HashingPool
    private let room: NumberingRoom
    // Only the loop's own thread uses these.
    private let intake: Intake
    private let outlets: Outlets
    private let log: Logger
    private let patience: Duration
    private var unsettled: [String]?
    private var deadline: ContinuousClock.Instant?

    /// - Parameter patience: the time that it waits, with `--once`, for files that cannot be read.
    init(_ intake: Intake, ledger: RunLedger, conditions: ConditionBoard, outlets: Outlets, patience: Duration, log: Logger) {
        self.intake = intake
        room = intake.room
        self.outlets = outlets
        self.patience = patience
        self.log = log
        let inbox = inbox
        let progress = HashingProgress(conditions)
        pool = HashingPool(
            ledger: ledger,
            progress: { job, isDone in
                progress.advanced(job, isDone: isDone)
                guard job.mayBeScoredAhead, !isDone, !job.isTold, !job.isCancelled else { return }
                job.isTold = true
                outlets.reading(job.file)
            },
            finished: { inbox.put(.hashed($0)) })
    }

    /// Takes what the watcher tells, on the watcher's thread.
    func hear(_ events: [SpoolEvent]) {
        room.heard()
        inbox.put(.heard(events))
    }

    /// Runs until it is told to stop or, with `--once`, until everything is numbered.
    func run() {
        loop()
        pool.stop()
        inbox.close()
    }

    private func loop() {
        while true {
            let now = ContinuousClock.now
            let pause = intake.nextRetry.map { max($0 - now, .milliseconds(1)) }
            var jobs: [HashJob] = []
            for message in inbox.take(upTo: 64, timeout: pause) {
                switch message {
                case .heard(let events):
                    intake.room.taken()
                    jobs += intake.take(events)
                case .hashed(let hashed):
                    let again = intake.take(hashed, at: .now)
                    if !again.isEmpty { outlets.lookAgain(again) }
                case .pipelines(let pipelines): outlets.pipelines(pipelines, intake.directories(for: pipelines))
                case .scanned(let files):
                    unsettled = files
                    deadline = ContinuousClock.now + patience
                case .stop: return
                }
            }
            let forgotten = intake.takeForgotten()
            if !forgotten.isEmpty { outlets.forgotten(forgotten) }
            pool.submit(jobs + intake.dueAgain(at: .now))
            number()
            guard let unsettled, intake.isIdle else { continue }
            if let next = intake.nextRetry, let deadline, next <= deadline { continue }
            outlets.caughtUp(unsettled + intake.unreadable)
            return
        }
    }

    private func number() {
        do {
            let numbered = try intake.number(at: .now) { lost in outlets.lookAgain(lost) }
            if !numbered.isEmpty { outlets.numbered(numbered) }
        } catch {
            log.critical("arrivals cannot be recorded; they are found again", metadata: ["reason": "\(error)"])
        }
    }
}
