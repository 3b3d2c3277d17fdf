import Arrivals
package import Attempts
package import Machine
import PipelineConfig
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
    /// Says how the metric of the gate decided; nil where the gate has none.
    package var judging: Judging?
    package var measure: TimeMeasure
    /// The seconds that measuring took.
    package var seconds: Double
    /// The number of sessions that the choice has, where whoever asked could not choose it; nil where the fastest of all is chosen.
    package var sessions: Int?
    /// The candidates, the original first.
    package var candidates: [CandidateResult]
    /// The forms that were made beside the published one.
    package var forms: [FormResult] = []
    /// The engines that were not tried and the forms that could not be made, by their names, with the reasons.
    package var leftOut: [String: String]

    package init(
        model: String, machines: [AttemptMachine], comparedRows: Int?, gate: AgreementGate, measure: TimeMeasure, seconds: Double,
        sessions: Int? = nil, candidates: [CandidateResult], forms: [FormResult] = [], leftOut: [String: String]
    ) {
        self.model = model
        self.machines = machines
        self.comparedRows = comparedRows
        self.gate = gate
        self.measure = measure
        self.seconds = seconds
        self.sessions = sessions
        self.candidates = candidates
        self.forms = forms
        self.leftOut = leftOut
    }

    /// A candidate must be this much faster than the original to take its place: less is within what measurements differ by.
    package static let leastGain = 1.03

    /// The candidate to use: the fastest of those that pass, or the model as it is in the way that is fastest for it. The model as it was
    /// published goes before another form that is hardly faster.
    package var choice: CandidateResult? { Candidates(candidates, by: measure, sessions).choice.map { candidates[$0] } ?? candidates.first }

    /// The candidate of one session that would be chosen if only such could be, as by a program that runs one.
    package var choiceOfOneSession: CandidateResult? { Candidates(candidates, by: measure, 1).choice.map { candidates[$0] } }

    /// The form of the choice as it was made; nil where the model is executed as it was published.
    package var chosenForm: FormResult? { choice.flatMap { choice in forms.first { $0.form == choice.candidate.form } } }

    /// The choice with the model that it executes.
    package var execution: ChosenExecution? { choice.map { ChosenExecution(candidate: $0.candidate, model: chosenForm?.model) } }

    /// How many times as fast as the model as it is, measured in its first way.
    package func gain(of result: CandidateResult) -> Double? { gain(of: result, over: candidates.first) }

    /// How many times as fast as the model as it is where the cores are shared alike, as far as that was measured.
    package func gainAlike(of result: CandidateResult) -> Double? {
        let alike = candidates.first {
            $0.candidate.way == candidates[0].candidate.way && $0.candidate.sharing == result.candidate.sharing && $0.bursts > 0
        }
        return gain(of: result, over: alike ?? candidates.first)
    }

    private func gain(of result: CandidateResult, over original: CandidateResult?) -> Double? {
        guard let original = original?.time(by: measure), let own = result.time(by: measure), own > 0 else { return nil }
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
    /// Lets an attempt run its model on the engine of a candidate, with as many rows at a time.
    /// - Parameter threads: the number of threads; nil leaves it as it is.
    package mutating func execute(_ candidate: Candidate, threads: Int? = nil) {
        engine = candidate.engine
        if let threads { limits.threads = threads }
        stages = stages.map { stage in
            guard case .forward(let forward) = stage else { return stage }
            return .forward(
                ForwardStage(batchSize: candidate.batchSize, threads: threads ?? forward.threads, outputs: forward.outputs))
        }
    }

    /// Lets an attempt that scores execute its model in the way that was chosen, and say so in what its output carries.
    package mutating func execute(_ execution: ChosenExecution, threads: Int? = nil) {
        execute(execution.candidate, threads: threads)
        self.execution = OutputExecution(way: execution.candidate.way, formDigest: execution.model?.digest)
        if let model = execution.model { score(with: model) }
    }

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
        case .validateModel, .fineTune, .help, .measure, .rewrite: break
        }
    }
}

extension DeploymentTable {
    /// Chooses among candidates; each is named by its index.
    struct Candidates {
        private let results: [CandidateResult]
        private let measure: TimeMeasure
        private let sessions: Int?

        /// - Parameter sessions: the number of sessions that the choice must have; nil for any.
        init(_ results: [CandidateResult], by measure: TimeMeasure, _ sessions: Int?) {
            self.results = results
            self.measure = measure
            self.sessions = sessions
        }

        private func time(_ index: Int) -> Double { results[index].time(by: measure) ?? .infinity }

        private func fastest(where isMeant: (CandidateResult) -> Bool) -> Int? {
            results.indices.filter {
                results[$0].passes && results[$0].doubt == nil && results[$0].time(by: measure) != nil && isMeant(results[$0])
                    && sessions ?? results[$0].candidate.sessions == results[$0].candidate.sessions
            }.min { time($0) < time($1) }
        }

        /// The model as it was published, on the engine that makes the original outputs.
        var original: Int? { fastest { $0.candidate.form == .published && $0.candidate.engine == .onnxRuntime } }

        /// The candidate to use; nil where none passes.
        var choice: Int? {
            guard var best = fastest(where: { _ in true }) else { return nil }
            let leastGain = DeploymentTable.leastGain
            if let published = fastest(where: { $0.candidate.form == .published }), time(published) / time(best) < leastGain {
                best = published
            }
            guard let original else { return best }
            return time(original) / time(best) >= leastGain ? best : original
        }
    }
}
