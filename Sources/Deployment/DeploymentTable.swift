package import Attempts
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

    package init(
        model: String, machines: [AttemptMachine], comparedRows: Int?, gate: AgreementGate, measure: TimeMeasure, seconds: Double,
        candidates: [CandidateResult], forms: [FormResult] = [], leftOut: [String: String]
    ) {
        self.model = model
        self.machines = machines
        self.comparedRows = comparedRows
        self.gate = gate
        self.measure = measure
        self.seconds = seconds
        self.candidates = candidates
        self.forms = forms
        self.leftOut = leftOut
    }

    /// A candidate must be this much faster than the original to take its place: less is within what measurements differ by.
    package static let leastGain = 1.03

    /// The candidate to use: the fastest of those that pass, or the model as it is in the way that is fastest for it. The model as it was
    /// published goes before another form that is hardly faster.
    package var choice: CandidateResult? {
        let passing = candidates.filter { $0.passes && $0.time(by: measure) != nil }
        func time(_ result: CandidateResult) -> Double { result.time(by: measure) ?? .infinity }
        func fastest(_ results: [CandidateResult]) -> CandidateResult? { results.min { time($0) < time($1) } }
        guard var best = fastest(passing) else { return candidates.first }
        let asPublished = passing.filter { $0.candidate.form == .published }
        if let published = fastest(asPublished), time(published) / time(best) < Self.leastGain { best = published }
        guard let original = fastest(asPublished.filter { $0.candidate.engine == .onnxRuntime }) else { return best }
        return time(original) / time(best) >= Self.leastGain ? best : original
    }

    /// The form of the choice as it was made; nil where the model is executed as it was published.
    package var chosenForm: FormResult? { choice.flatMap { choice in forms.first { $0.form == choice.candidate.form } } }

    /// The choice with the model that it executes.
    package var execution: ChosenExecution? { choice.map { ChosenExecution(candidate: $0.candidate, model: chosenForm?.model) } }

    /// How many times as fast as the model as it is, measured in its first way.
    package func gain(of result: CandidateResult) -> Double? {
        guard let original = candidates.first?.time(by: measure), let own = result.time(by: measure), own > 0 else { return nil }
        return original / own
    }
}

/// Says in which way a model is executed.
package struct ChosenExecution: Sendable, Hashable {
    package let candidate: Candidate
    /// The form of the model that is executed in its place; nil where that is the model as it was published.
    package let model: AttemptSpec.InputFile?
}

extension AttemptSpec {
    /// Lets an attempt that scores use a form of its model, in which an adapter is already.
    package mutating func score(with form: InputFile) {
        func replaced(_ files: ScoringFiles) -> ScoringFiles {
            var files = files
            (files.model, files.adapter) = (form, nil)
            return files
        }
        switch work {
        case .score(let files): work = .score(replaced(files))
        case .scoreRange(let files): work = .scoreRange(replaced(files))
        case .scoreAhead(let files): work = .scoreAhead(replaced(files))
        case .validateModel, .fineTune, .measure, .rewrite: break
        }
    }
}
