import Arrivals
import Attempts
import Ledger
import Logging
import PipelineConfig
import Reasons

/// Keeps the pipelines that wait until the machine does again what their work needs, such as take bytes on a disk that is full.
final class MachineWaits {
    private struct Wait {
        let since: UTCTime
        var pauses = GrowingPauses()
        var end: UTCTime
    }

    /// Counts how often the output of a run has filled the disk.
    private struct Filling {
        let pipeline: String
        var count = 0
    }

    private let publisher: any Publisher
    private let scheduler: Scheduler
    private let log: Logger
    /// The waits by pipeline.
    private var waits: [String: Wait] = [:]
    /// The counts by run.
    private var fillings: [Int64: Filling] = [:]

    /// The number of times that a file's output must fill the disk, with half of it or more, before that is the file's own fault.
    private static let fillingsAtMost = 3

    init(publisher: any Publisher, scheduler: Scheduler, log: Logger) {
        self.publisher = publisher
        self.scheduler = scheduler
        self.log = log
    }

    /// Holds the pipeline: nothing of it starts before the time that is returned. Attempts that were under way when the machine failed do
    /// not make the pause longer.
    func wait(for attempt: OpenAttempt, _ failure: Failure, at now: UTCTime) -> UTCTime {
        let pipeline = attempt.pipeline.name
        var wait = waits[pipeline] ?? Wait(since: now, end: now)
        guard wait.end <= now else { return wait.end }
        if wait.pauses.count == 0 {
            log.warning(
                "the pipeline waits for the machine",
                metadata: ["pipeline.name": "\(pipeline)", "file.path": "\(attempt.arrival.path)"].merging(failure.reason.logged) { $1 })
        }
        wait.end = now.advanced(by: wait.pauses.next())
        waits[pipeline] = wait
        scheduler.hold(pipeline, until: wait.end.scheduling)
        return wait.end
    }

    /// Ends the pipeline's wait, since something of it has landed.
    func end(in pipeline: String, at now: UTCTime) {
        if !fillings.isEmpty { fillings = fillings.filter { $0.value.pipeline != pipeline } }
        guard let wait = waits.removeValue(forKey: pipeline) else { return }
        scheduler.lift(pipeline)
        log.notice(
            "the machine works again: the pipeline goes on",
            metadata: ["pipeline.name": "\(pipeline)", "waited": "\(Double(now.milliseconds - wait.since.milliseconds) / 1000) s"])
    }

    /// Returns the failure with its true cause. A full disk is the machine's fault, unless the attempt itself wrote half of the disk or
    /// more, again and again, while nothing else of the pipeline could land.
    func blamed(_ failure: Failure, on attempt: OpenAttempt) -> Failure {
        let run = attempt.run
        guard failure.kind == .machine,
            publisher.fillsDisk(run: run.number, attempt: run.attempt, pipeline: attempt.pipeline, goal: attempt.goal)
        else { return failure }
        fillings[run.number, default: Filling(pipeline: attempt.pipeline.name)].count += 1
        guard fillings[run.number]!.count >= Self.fillingsAtMost else { return failure }
        fillings[run.number] = nil
        return Failure(
            .badInput, rule: .outputFillsDisk, what: "what is made of it filled the disk \(Self.fillingsAtMost) times: \(failure.what)",
            place: failure.place,
            remedy: "Give the outputs a larger disk, or divide the file; then `millrace retry`.")
    }
}
