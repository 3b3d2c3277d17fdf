/// Counts what the workers have in hand, and decides how much more may be handed out.
///
/// Work is handed out when a worker is free. Beyond that it is handed out in two cases: small files ahead, one slice of work for each
/// worker, so that workers never wait for the ledger between them; and the first work of a pipeline that has none in hand, where an attempt
/// of another can be paused for it.
package struct WorkLoad: Sendable {
    /// Counts the work of one pipeline that no worker has begun.
    package struct Backlog: Sendable {
        package var seconds = 0.0
        /// The number of files that take longer than a slice, or nobody knows how long.
        package var long = 0
        private var short = 0

        package init() {}

        package mutating func add(_ seconds: Double?, slice: Double) {
            guard let seconds, seconds <= slice else { return long += 1 }
            self.seconds += seconds
            short += 1
        }

        /// The number of files that are waited for here, with an expected time each or not.
        var count: Int { short + long }

        package mutating func remove(_ seconds: Double?, slice: Double) {
            guard let seconds, seconds <= slice else { return long -= 1 }
            short -= 1
            // Where nothing waits, what is left of the sum is an error of rounding.
            self.seconds = short == 0 ? 0 : self.seconds - seconds
        }
    }

    package let workers: Int
    /// The seconds of work that each worker has ahead.
    package var slice: Double
    package var free = 0
    /// The number of attempts that can be paused.
    package var pauses = 0
    /// The backlogs by pipeline, without the pipelines that have none.
    package var backlogs: [String: Backlog] = [:]
    /// Tells whether more is handed out ahead in this round, for each pipeline that has asked.
    private var isFilling: [String: Bool] = [:]

    package init(workers: Int, slice: Double) {
        self.workers = workers
        self.slice = slice
    }

    /// Returns whether one more of the pipeline may be handed out, and counts it as handed out where it may.
    /// - Parameter seconds: the time that it takes; nil where that is not known.
    package mutating func admit(_ pipeline: String, seconds: Double?) -> Bool {
        // The answer of `mayFill` counts for the whole round, so that it is asked before anything is counted.
        let isAhead = mayFill(pipeline) && fitsAhead(pipeline, seconds)
        guard free > 0 || isAhead || isFirst(pipeline) else { return false }
        free = max(free - 1, 0)
        backlogs[pipeline, default: Backlog()].add(seconds, slice: slice)
        return true
    }

    /// Returns whether work is short, and has room in what the workers have ahead of the pipeline.
    private func fitsAhead(_ pipeline: String, _ seconds: Double?) -> Bool {
        guard let seconds, seconds <= slice else { return false }
        let backlog = backlogs[pipeline] ?? Backlog()
        return backlog.long == 0 && backlog.seconds + seconds <= largestBacklog
    }

    /// Returns whether the pipeline has nothing in hand, and an attempt of another can be paused for its first work.
    private func isFirst(_ pipeline: String) -> Bool {
        backlogs[pipeline] == nil && backlogs.values.reduce(0) { $0 + $1.long } < min(workers, pauses)
    }

    private var largestBacklog: Double { Double(workers) * slice }

    /// Returns whether more is handed out ahead: it is once half of what was is gone, so that the ledger opens many small files in one
    /// transaction.
    private mutating func mayFill(_ pipeline: String) -> Bool {
        if let known = isFilling[pipeline] { return known }
        let isDue = backlogs[pipeline].map { $0.seconds <= largestBacklog / 2 } ?? true
        isFilling[pipeline] = isDue
        return isDue
    }
}

/// Holds what the two kinds of workers have in hand.
package struct WorkLoads: Sendable {
    package var scoring: WorkLoad
    package var training: WorkLoad

    package init(scoring: WorkLoad, training: WorkLoad) {
        self.scoring = scoring
        self.training = training
    }

    /// The loads for callers that take all that may start.
    package static var none: WorkLoads {
        var load = WorkLoad(workers: 1, slice: 0)
        load.free = .max
        return WorkLoads(scoring: load, training: load)
    }
}

/// Estimates how long a pipeline's attempts take, by what the last few took. It rather overestimates.
package struct Pace: Sendable {
    private var files = 0.0
    private var bytes = 0.0
    private var seconds = 0.0

    package init() {}

    package mutating func note(bytes: Int64, seconds: Double) {
        let kept = 0.9
        files = files * kept + 1
        self.bytes = self.bytes * kept + Double(bytes)
        self.seconds = self.seconds * kept + seconds
    }

    /// Returns the seconds for a file of that many bytes; nil where no attempt has ended yet.
    package func seconds(for bytes: Int64) -> Double? {
        guard files > 0 else { return nil }
        return max(seconds / files, Double(bytes) * seconds / max(self.bytes, 1))
    }
}
