package import Machine
package import Recipes

/// Holds what was measured of a model on one machine, and what follows from it.
package struct DeploymentTable: Codable, Sendable, Hashable {
    /// The SHA-256 digest of the model.
    package var model: String
    /// The machine, once for each engine that was tried.
    package var machines: [AttemptMachine]
    /// The rows on which outputs were compared; nil where they were made up, so that only times count.
    package var comparedRows: Int?
    package var gate: AgreementGate
    package var measure: TimeMeasure
    /// The seconds that measuring took.
    package var seconds: Double
    /// The candidates, the original first.
    package var candidates: [CandidateResult]
    /// The engines that were not tried, with the reasons.
    package var leftOut: [String: String]

    package init(
        model: String, machines: [AttemptMachine], comparedRows: Int?, gate: AgreementGate, measure: TimeMeasure, seconds: Double,
        candidates: [CandidateResult], leftOut: [String: String]
    ) {
        self.model = model
        self.machines = machines
        self.comparedRows = comparedRows
        self.gate = gate
        self.measure = measure
        self.seconds = seconds
        self.candidates = candidates
        self.leftOut = leftOut
    }

    /// A candidate must be this much faster than the original to take its place: less is within what measurements differ by.
    package static let leastGain = 1.03

    /// The candidate to use: the fastest of those that pass, or the model as it is in the way that is fastest for it.
    package var choice: CandidateResult? {
        let passing = candidates.filter { $0.passes && $0.time(by: measure) != nil }
        func time(_ result: CandidateResult) -> Double { result.time(by: measure) ?? .infinity }
        guard let best = passing.min(by: { time($0) < time($1) }) else { return candidates.first }
        guard let original = passing.filter({ $0.candidate.engine == .onnxRuntime }).min(by: { time($0) < time($1) }) else { return best }
        return time(original) / time(best) >= Self.leastGain ? best : original
    }

    /// How many times as fast as the model as it is, measured in its first way.
    package func gain(of result: CandidateResult) -> Double? {
        guard let original = candidates.first?.time(by: measure), let own = result.time(by: measure), own > 0 else { return nil }
        return original / own
    }
}
