import Attempts

extension ModelMeasuring {
    /// The seconds that a candidate runs before its turn ends.
    private var burst: Double { min(max(plan.budget / 60, 0.1), 1) }
    /// A candidate that needs so many times the time of the best is left out.
    private static let hopeless = 1.5
    private static let leastBursts = 3, mostBursts = 9

    /// Times candidates in turns until the budget is used, or each has had enough bursts.
    func time(_ indices: [Int], until budget: Double) {
        var rounds = 0
        // One run of a large batch may take longer than a burst: then fewer bursts have to do.
        while rounds < Self.mostBursts, spent < budget || rounds < (isLate ? 1 : Self.leastBursts) {
            let running = indices.filter { lanes[$0].result.passes && (rounds < Self.leastBursts || !isHopeless($0)) }
            // One alone has nobody to be compared with.
            if running.count < 2, rounds >= Self.leastBursts { break }
            // Every other round goes the other way, so that nobody always comes after the same one.
            for index in rounds.isMultiple(of: 2) ? running : running.reversed() { timeOnce(index) }
            rounds += 1
        }
        for index in indices where isHopeless(index) { endProcess(of: lanes[index].result.candidate) }
    }

    /// The turns of a duel, and how many of them the faster one must win: of two that are equally fast, one wins so many in one of sixteen
    /// cases.
    private static let turns = 7, leastWins = 6
    private static let mostDuels = 3

    /// Has the fastest candidate and the original run in turns once more, and doubts a candidate that does not win nearly all of them: its
    /// median was better by chance. Then it is the turn of the next.
    func duel() {
        for _ in 0..<Self.mostDuels {
            let candidates = DeploymentTable.Candidates(lanes.map(\.result), by: measure)
            guard let best = candidates.choice, let original = candidates.original, best != original, !isClear(best, original) else {
                return
            }
            // The process of one of them may be a new one.
            for index in [best, original] { _ = ask(lanes[index].result.candidate, .speed(seconds: burst / 4)) }
            var wins = 0
            for turn in 0..<Self.turns {
                for index in turn.isMultiple(of: 2) ? [best, original] : [original, best] { timeOnce(index) }
                guard lanes[best].result.passes, lanes[original].result.passes else { break }
                if lastTime(best) < lastTime(original) { wins += 1 }
            }
            guard wins < Self.leastWins else { return }
            lanes[best].result.doubt = "it was faster in \(wins) of \(Self.turns) turns only"
        }
    }

    /// Returns whether every burst of a candidate was faster than any of the original.
    private func isClear(_ best: Int, _ original: Int) -> Bool {
        guard let slowest = times(best).max(), let fastest = times(original).min() else { return false }
        return slowest < fastest
    }

    private func times(_ index: Int) -> [Double] { measure == .clock ? lanes[index].clock : lanes[index].processor }

    /// The time for a row in the last burst of a candidate.
    private func lastTime(_ index: Int) -> Double { times(index).last ?? .infinity }

    func timeOnce(_ index: Int) {
        let candidate = lanes[index].result.candidate
        say("timing \(candidate)")
        // The first runs of a process lay out weights and take memory: they are not counted.
        if lanes[index].result.bursts == 0 { _ = ask(candidate, .speed(seconds: burst / 4)) }
        let answer = ask(candidate, .speed(seconds: burst))
        guard let found = answer.measurement, found.rows > 0, found.seconds > 0 else {
            lanes[index].result.refusal = answer.failure.map { "\($0.statement)" } ?? "it gave no answer"
            lanes[index].disagrees = false
            return
        }
        lanes[index].clock.append(found.seconds / Double(found.rows))
        lanes[index].processor.append(found.processorSeconds / Double(found.rows))
        lanes[index].result.bursts += 1
        lanes[index].result.rowsPerSecond = 1 / median(lanes[index].clock)
        lanes[index].result.processorMilliseconds = median(lanes[index].processor) * 1000
        lanes[index].result.peakBytes = max(lanes[index].result.peakBytes, found.peakBytes)
    }

    /// Adds other numbers of threads and rows, for the original and the fastest candidate that passes.
    func addVariants() {
        guard !isLate else { return }
        let passing = lanes.filter { $0.result.passes && $0.result.bursts > 0 }
        guard let best = passing.min(by: { time($0.result) < time($1.result) }) else { return }
        var ways = [lanes[0].result]
        if best.result.candidate.way != lanes[0].result.candidate.way { ways.append(best.result) }
        for way in ways {
            for threads in plan.threads {
                for batch in plan.batches {
                    let candidate = Candidate(way.candidate.engine, form: way.candidate.form, threads: threads, batch: batch)
                    if lanes.contains(where: { $0.result.candidate == candidate }) || isTooLarge(batch, for: way) { continue }
                    var result = CandidateResult(candidate)
                    (result.agreement, result.metric) = (way.agreement, way.metric)
                    lanes.append(Lane(result: result))
                }
            }
        }
    }

    /// Tells whether measuring takes far longer than it may.
    private var isLate: Bool { spent > 2 * plan.budget + 1 }

    /// Returns whether one run of so many rows would take far longer than a burst.
    private func isTooLarge(_ batch: Int?, for way: CandidateResult) -> Bool {
        guard let batch, let rate = way.rowsPerSecond else { return false }
        return Double(batch) > rate * burst * 4
    }

    func isHopeless(_ index: Int) -> Bool {
        guard lanes[index].result.bursts > 0, index > 0, let best = bestTime else { return false }
        return time(lanes[index].result) > best * Self.hopeless
    }

    /// The time of the fastest candidate that passes; nil where none was timed.
    var bestTime: Double? { lanes.filter { $0.result.passes && $0.result.bursts > 0 }.map { time($0.result) }.min() }

    func time(_ result: CandidateResult) -> Double { result.time(by: measure) ?? .infinity }
}

/// Returns the median; of an even number of values, the lower of the two in the middle.
private func median(_ values: [Double]) -> Double { values.sorted()[(values.count - 1) / 2] }
