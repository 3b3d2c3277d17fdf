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
    /// The forms that were made beside the published one.
    package var forms: [FormResult] = []
    /// The engines that were not tried and the forms that could not be made, by their names, with the reasons.
    package var leftOut: [String: String]

    /// A candidate must be this much faster than the original to take its place: less is within what measurements differ by.
    package static let leastGain = 1.03

    /// The candidate to use: the fastest of those that pass, or the model as it is in the way that is fastest for it.
    package var choice: CandidateResult? {
        let passing = candidates.filter { $0.passes && $0.time(by: measure) != nil }
        func time(_ result: CandidateResult) -> Double { result.time(by: measure) ?? .infinity }
        guard let best = passing.min(by: { time($0) < time($1) }) else { return candidates.first }
        let asPublished = passing.filter { $0.candidate.engine == .onnxRuntime && $0.candidate.form == .published }
        guard let original = asPublished.min(by: { time($0) < time($1) }) else { return best }
        return time(original) / time(best) >= Self.leastGain ? best : original
    }

    /// The form of the choice as it was made; nil where the model is executed as it was published.
    package var chosenForm: FormResult? { choice.flatMap { choice in forms.first { $0.form == choice.candidate.form } } }

    /// How many times as fast as the model as it is, measured in its first way.
    package func gain(of result: CandidateResult) -> Double? {
        guard let original = candidates.first?.time(by: measure), let own = result.time(by: measure), own > 0 else { return nil }
        return original / own
    }
}
