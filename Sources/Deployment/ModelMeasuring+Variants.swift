import Machine

extension ModelMeasuring {
    /// The ways of executing the model of which variants are tried: that of the original, and that of the fastest candidate that passes.
    private var ways: [CandidateResult] {
        let passing = lanes.filter { $0.result.passes && $0.result.bursts > 0 && $0.result.candidate.sharing == plan.sharings[0] }
        guard !isLate, let best = passing.min(by: { time($0.result) < time($1.result) })?.result else { return [] }
        return best.candidate.way == lanes[0].result.candidate.way ? [lanes[0].result] : [lanes[0].result, best]
    }

    /// Adds the other ways of sharing the cores. Those whose sessions would take most of the memory that is free are left out.
    func addSharings() {
        let free = freeBytes()
        var taken: Int64 = 0
        for way in ways {
            for sharing in plan.sharings.dropFirst() {
                let needed = way.peakBytes / Int64(plan.sharings[0].sessions) * Int64(sharing.sessions)
                guard sharing.sessions == 1 || taken + needed <= free / 2 else {
                    let (needs, has) = (OutOfMemory.shown(Int(needed)), OutOfMemory.shown(free))
                    leftOut["\(way.candidate.way), \(sharing)"] =
                        "they need \(needs): with those before more than half of the \(has) that are free"
                    continue
                }
                taken += needed
                addVariant(of: way, sharing, plan.batches[0])
            }
        }
    }

    /// Adds the other numbers of rows, where the cores are shared in the way that is the fastest. Returns what is timed then.
    func addBatches() -> [Int] {
        let count = lanes.count
        var timed: [Int] = []
        for way in ways {
            let own = lanes.indices.prefix(count).filter { lanes[$0].result.candidate.way == way.candidate.way && mayBeChosen($0) }
            guard let best = own.min(by: { time(lanes[$0].result) < time(lanes[$1].result) }) else { continue }
            timed.append(best)
            let result = lanes[best].result
            for batch in plan.batches where !isTooLarge(batch, for: result) { addVariant(of: result, result.candidate.sharing, batch) }
        }
        return lanes.count > count ? timed + (count..<lanes.count) : []
    }

    private func addVariant(of way: CandidateResult, _ sharing: CoreSharing, _ batch: Int?) {
        let candidate = Candidate(way.candidate.engine, form: way.candidate.form, sharing, batch: batch)
        if lanes.contains(where: { $0.result.candidate == candidate }) { return }
        var result = CandidateResult(candidate)
        (result.agreement, result.metric) = (way.agreement, way.metric)
        lanes.append(Lane(result: result))
    }

    /// The number of sessions that the choice must have; nil where it may have any, or where none with so many could be timed.
    var decidingSessions: Int? {
        plan.sessions.flatMap { sessions in
            lanes.contains { $0.result.candidate.sessions == sessions && $0.result.bursts > 0 && $0.result.passes } ? sessions : nil
        }
    }

    private func mayBeChosen(_ index: Int) -> Bool {
        let result = lanes[index].result
        return result.passes && result.bursts > 0 && decidingSessions ?? result.candidate.sessions == result.candidate.sessions
    }

    /// Returns whether one run of so many rows would take far longer than a burst.
    private func isTooLarge(_ batch: Int?, for way: CandidateResult) -> Bool {
        guard let batch, let rate = way.rowsPerSecond else { return false }
        return Double(batch) > rate / Double(way.candidate.sessions) * burst * 4
    }
}
