package import Attempts
package import Recipes

/// Says how a metric on labelled rows decided which ways of executing a model are used, or why it could not.
package struct Judging: Codable, Sendable, Hashable {
    package var gate: MetricGate
    /// The digests of the labelled files.
    package var labels: [String]
    /// The metric of the model as it was published, and on how many rows it was measured; nil where it could not be.
    package var original: MetricFinding?
    /// Why it could not be measured, so that the agreement of the outputs decided; nil where it was.
    package var reason: String?

    package init(_ gate: MetricGate, labels: [String], original: MetricFinding? = nil, reason: String? = nil) {
        self.gate = gate
        self.labels = labels
        self.original = original
        self.reason = reason
    }
}

extension DeploymentTable {
    /// Returns whether what was measured before answers for these labelled rows too. Later rows change nothing of what was measured on
    /// earlier ones; but where the metric could not be measured, other rows may allow it, and where someone names the rows, they count.
    package func holds(for files: AttemptSpec.MeasuredFiles, _ plan: MeasuringPlan) -> Bool {
        guard let judging else { return true }
        if judging.labels == files.judged?.digests ?? [] { return true }
        return judging.reason == nil && !plan.demandsMetric
    }
}

extension ModelMeasuring {
    /// Measures the metric of the model as it was published, on as many labelled rows as a part of the budget allows. The other ways of
    /// executing it are measured on the same rows.
    /// - Throws: the reason why it cannot be measured, where the plan demands it.
    func judgeAsPublished() throws(Failure) {
        guard let gate = plan.metric else { return }
        var found = Judging(gate, labels: files.judged?.digests ?? [])
        if files.judged == nil {
            found.reason = "no labelled rows are known"
        } else {
            say("measuring \(gate.metric.rawValue) of \(plan.original.way)")
            let answer = ask(plan.original, .metric(rows: nil, seconds: judgingSeconds))
            if let failure = answer.failure, plan.demandsMetric { throw failure }
            found.original = answer.measurement?.metric
            if found.original == nil { found.reason = answer.failure?.withoutCells ?? "it gave no answer" }
        }
        lanes[0].result.metric = found.original?.value
        judging = found
    }

    /// The seconds after which the model as it was published is judged by no more rows: others take their time as well, each of them.
    private var judgingSeconds: Double { min(plan.budget / 4, 60, (secondsForOne ?? .infinity) / 4) }

    /// Returns why the outputs of a candidate do not pass; nil where they do. Its metric is measured where its outputs leave that open.
    func refusal(_ candidate: Candidate, _ result: inout CandidateResult) -> String? {
        guard let judging, let original = judging.original else { return plan.gate.refusal(of: result.agreement) }
        if let refusal = judging.gate.besides.refusal(of: result.agreement) { return refusal }
        say("measuring \(judging.gate.metric.rawValue) of \(candidate.way)")
        let answer = ask(candidate, .metric(rows: original.rows, seconds: nil))
        guard let found = answer.measurement?.metric else {
            return answer.failure.map { "\($0.statement)" } ?? "it gave no answer"
        }
        result.metric = found.value
        return judging.gate.refusal(of: found.value, original: original.value)
    }
}

extension Failure {
    /// A sentence on what failed and where, without what cells hold: it stands on cards.
    fileprivate var withoutCells: String { what.hasPrefix(place) ? what : "\(place): \(what)" }
}
