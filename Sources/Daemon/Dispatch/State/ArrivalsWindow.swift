import Arrivals
import Ledger
import PipelineConfig

/// Holds the arrivals that may start next, and the runs whose attempts are handed out. Of each pipeline it holds all models and labels that
/// wait, and as much of its data as two windows take; the ledger has the rest. The scheduler knows every arrival that is held.
final class ArrivalsWindow {
    private let ledger: RunLedger
    private let scheduler: Scheduler
    private let pipelines: PipelinesInForce
    /// The number of attempts that may be handed out at once, which one landing round can hold.
    private let size: Int
    /// The arrivals that the scheduler knows and whose attempts are not handed out, by number.
    private var held: [Int64: WaitingArrival] = [:]
    /// The pipelines whose waiting arrivals must be read from the ledger again. Of the other pipelines every one is held or handed out.
    private var stale: Set<String> = []
    /// The highest arrival that was ever held, by pipeline.
    private var newest: [String: Int64] = [:]
    /// The runs whose attempts are handed out.
    private var handedOut: Set<Int64> = []

    init(ledger: RunLedger, scheduler: Scheduler, pipelines: PipelinesInForce, size: Int) {
        self.ledger = ledger
        self.scheduler = scheduler
        self.pipelines = pipelines
        self.size = size
    }

    /// Returns the arrival where it is held.
    subscript(number: Int64) -> WaitingArrival? { held[number] }

    // MARK: What comes and goes

    /// Holds an arrival that the ledger has just numbered, where there is room for it. Others, and all labels, are read from the ledger
    /// later.
    func add(_ arrival: WaitingArrival) {
        let pipeline = arrival.pipeline
        guard scheduler.holds(pipeline), !stale.contains(pipeline), arrival.role != .labelled,
            scheduler.heldData(in: pipeline) < 2 * size
        else {
            stale.insert(pipeline)
            return
        }
        // A read of the ledger may have found it before this call.
        guard arrival.number > newest[pipeline] ?? 0 else { return }
        hold(arrival)
        switch arrival.role {
        case .model: scheduler.modelArrived(arrival.number, in: pipeline)
        case .data, .labelled: scheduler.dataArrived(arrival.number, in: pipeline)
        }
    }

    /// Holds an arrival again whose attempt failed, until it starts at `time`.
    func add(again arrival: WaitingArrival, at time: UTCTime, isUnreadable: Bool) {
        // An arrival whose pipeline was removed meanwhile is read from the ledger when the pipeline comes back.
        guard scheduler.holds(arrival.pipeline) else { return }
        held[arrival.number] = arrival
        scheduler.failed(arrival.number, in: arrival.pipeline, retryAt: time.scheduling, isUnreadable: isUnreadable)
    }

    /// Forgets an arrival that will not start, or not as it is known here.
    func remove(_ arrival: Int64, in pipeline: String) {
        scheduler.withdrawn(arrival, in: pipeline)
        held[arrival] = nil
    }

    /// Forgets the arrivals of a pipeline that is not in force any more.
    func remove(pipeline: String) {
        scheduler.remove(pipeline: pipeline)
        held = held.filter { $0.value.pipeline != pipeline }
    }

    // MARK: What the ledger has

    /// Has the pipeline's waiting arrivals read from the ledger again, since there may be some that are not held.
    func readAgain(_ pipeline: String) { stale.insert(pipeline) }

    /// Reads waiting arrivals from the ledger for the pipelines that may have some that are not held, once less than a window of their data
    /// is held.
    func refill() throws(LedgerError) {
        guard !stale.isEmpty else { return }
        for pipeline in pipelines.names.sorted() where stale.contains(pipeline) {
            guard scheduler.heldData(in: pipeline) < size else { continue }
            for model in try ledger.waiting(pipeline: pipeline, role: .model, after: 0, limit: Int.max) where held[model.number] == nil {
                hold(model)
                scheduler.modelArrived(model.number, in: pipeline)
            }
            try refillLabels(of: pipeline)
            if try refillData(of: pipeline) { stale.remove(pipeline) }
        }
    }

    /// Holds labels that wait, where the pipeline learns from them.
    private func refillLabels(of pipeline: String) throws(LedgerError) {
        guard pipelines[pipeline]?.optimize != nil else { return }
        for labels in try ledger.waiting(pipeline: pipeline, role: .labelled, after: 0, limit: Int.max) where held[labels.number] == nil {
            hold(labels)
            scheduler.labelsArrived(labels.number, in: pipeline, parent: labels.boundVersion)
        }
    }

    /// Holds as much data as there is room for. Returns whether that is all that waits.
    private func refillData(of pipeline: String) throws(LedgerError) -> Bool {
        var after: Int64 = 0
        var isExhausted = false
        while scheduler.heldData(in: pipeline) < 2 * size, !isExhausted {
            let page = try ledger.waiting(pipeline: pipeline, role: .data, after: after, limit: 2 * size)
            for data in page where held[data.number] == nil {
                hold(data)
                let binding: Scheduler.Binding = data.boundVersion.map { .bound($0) } ?? (data.isReplay ? .current : .positional)
                scheduler.dataArrived(data.number, in: pipeline, binding: binding)
            }
            isExhausted = page.count < 2 * size
            after = page.last?.number ?? after
        }
        return isExhausted
    }

    private func hold(_ arrival: WaitingArrival) {
        held[arrival.number] = arrival
        newest[arrival.pipeline] = max(newest[arrival.pipeline] ?? 0, arrival.number)
        if let due = arrival.nextAttemptAt { scheduler.failed(arrival.number, in: arrival.pipeline, retryAt: due.scheduling) }
    }

    // MARK: What starts

    /// Returns what starts now, all of it held; nil where nothing may start.
    func starts(at now: UTCTime, admits: (Scheduler.Start) -> Bool) -> [Scheduler.Start]? {
        var starts = scheduler.starts(now: now.scheduling, admits: admits)
        if starts.isEmpty { return nil }
        starts.removeAll { start in
            guard held[start.arrival] == nil else { return false }
            scheduler.finished(start.arrival, in: start.pipeline)
            return true
        }
        return starts
    }

    /// Takes out an arrival that is held, since its run is open.
    func take(_ start: Scheduler.Start) -> WaitingArrival { held.removeValue(forKey: start.arrival)! }

    /// The number of attempts that may still be handed out; zero or less where the window is full.
    var room: Int { size - handedOut.count }

    var hasHandedOut: Bool { !handedOut.isEmpty }

    func isHandedOut(_ run: Int64) -> Bool { handedOut.contains(run) }

    func handOut(_ run: Int64) { handedOut.insert(run) }

    func takeBack(_ run: Int64) { handedOut.remove(run) }
}
