import Attempts

extension ModelMeasuring {
    static func longestBurst(_ budget: Double) -> Double { max(min(budget / 60, 1), shortestBurst) }
    private static let shortestBurst = 0.1
    /// A candidate that needs so many times the time of the best is left out.
    private static let hopeless = 1.5
    private static let leastBursts = 3, mostBursts = 9

    /// Times candidates in turns until the budget is used, or each has had enough bursts.
    func time(_ indices: [Int], until budget: Double) {
        guard !indices.isEmpty else { return }
        // With many candidates the turns are shorter, so that each has some within the budget. A first run of a process takes a quarter.
        let turns = Double(indices.count) * (Double(Self.leastBursts) + 0.25)
        burst = max(min((budget - spent) / turns, Self.longestBurst(plan.budget)), Self.shortestBurst)
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
            let candidates = DeploymentTable.Candidates(lanes.map(\.result), by: measure, decidingSessions)
            guard let best = candidates.choice, let original = candidates.original, best != original, !isClear(best, original) else {
                return
            }
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
        if lanes[index].result.bursts == 0 || !isRunning(candidate) { _ = ask(candidate, .speed(seconds: burst / 4)) }
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

    /// Tells whether measuring takes far longer than it may.
    var isLate: Bool { spent > 2 * plan.budget + 1 }

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
