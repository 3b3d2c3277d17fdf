import Arrivals
import Attempts
import Ledger
import Logging
import PipelineConfig
import Reasons

/// A pipeline's wait until the machine does again what its work needs, such as take bytes on a disk that is full.
struct MachineWait {
    let since: UTCTime
    var pauses = GrowingPauses()
    var end: UTCTime
}

/// When something that the machine did not allow is tried again: later each time.
struct Postponement {
    let due: UTCTime
    private var pauses: GrowingPauses

    /// - Parameter former: the one before, where it was postponed before.
    init(at now: UTCTime, after former: Postponement?) {
        pauses = former?.pauses ?? GrowingPauses()
        due = now.advanced(by: pauses.next())
    }
}

extension Dispatcher {
    /// Holds the pipeline: nothing of it starts before the time that is returned. Attempts that were under way when the machine failed do
    /// not make the pause longer.
    func awaitMachine(_ opened: Opened, _ failure: Failure, at now: UTCTime) -> UTCTime {
        let pipeline = opened.pipeline.name
        var wait = machineWaits[pipeline] ?? MachineWait(since: now, end: now)
        guard wait.end <= now else { return wait.end }
        if wait.pauses.count == 0 {
            log.warning(
                "the pipeline waits for the machine",
                metadata: ["pipeline.name": "\(pipeline)", "file.path": "\(opened.arrival.path)"].merging(failure.reason.logged) { $1 })
        }
        wait.end = now.advanced(by: wait.pauses.next())
        machineWaits[pipeline] = wait
        scheduler.hold(pipeline, until: wait.end.scheduling)
        return wait.end
    }

    /// Ends the pipeline's wait, since something of it has landed.
    func machineWorks(in pipeline: String, at now: UTCTime) {
        fillings = fillings.filter { $0.value.pipeline != pipeline }
        guard let wait = machineWaits.removeValue(forKey: pipeline) else { return }
        scheduler.lift(pipeline)
        log.notice(
            "the machine works again: the pipeline goes on",
            metadata: ["pipeline.name": "\(pipeline)", "waited": "\(Double(now.milliseconds - wait.since.milliseconds) / 1000) s"])
    }

    /// How often one file's output may fill an otherwise empty disk before that is the file's own fault.
    private static let fillingsAtMost = 3

    /// Returns whose fault a failure is. A full disk is the machine's, unless the attempt itself wrote half of the disk or more, again and
    /// again, while nothing else of the pipeline could land.
    func blamed(_ failure: Failure, on opened: Opened) -> Failure {
        let run = opened.run
        guard failure.kind == .machine,
            publisher.fillsDisk(run: run.run, attempt: run.attempt, pipeline: opened.pipeline, goal: opened.goal)
        else { return failure }
        fillings[run.run, default: Filling(pipeline: opened.pipeline.name)].count += 1
        guard fillings[run.run]!.count >= Self.fillingsAtMost else { return failure }
        fillings[run.run] = nil
        return Failure(
            .badInput, rule: .outputFillsDisk, what: "what is made of it filled the disk \(Self.fillingsAtMost) times: \(failure.what)",
            place: failure.place,
            remedy: "Give the outputs a larger disk, or divide the file; then `millrace retry`.")
    }

    struct Filling {
        let pipeline: String
        var count = 0
    }
}
