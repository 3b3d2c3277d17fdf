import Machine
package import Recipes

/// Says what is measured of a model, and for how long.
package struct MeasuringPlan: Sendable {
    package var engines: EngineCandidates
    /// The forms that are tried beside the model as it was published, on each of the engines.
    package var forms: [ModelForm]
    /// The ways of sharing the cores that are tried, the one of the original first. All engines and forms are timed with that one; the
    /// others are tried with the fastest and the original.
    package var sharings: [CoreSharing]
    /// The number of sessions that the choice must have, where whoever asks cannot choose it; nil where any of those tried may win.
    package var sessions: Int?
    /// The batch sizes that are tried, the one of the original first; nil stands for the one that is usual for the model.
    package var batches: [Int?]
    /// What outputs must meet where no metric is measured.
    package var gate: AgreementGate
    /// What the metric on labelled rows must meet, where one is asked for: it then decides in place of `gate`.
    package var metric: MetricGate?
    /// Tells whether nothing is measured where the metric cannot be: someone has named the labelled rows, and wants to know what is wrong
    /// with them. Otherwise `gate` decides then.
    package var demandsMetric = false
    /// The seconds that timing may take, beside the first run of each engine.
    package var budget: Double
    /// The seconds after which no form of the model is begun, nor made anew to agree better. In fewer than ten, nearly none can be made.
    package var formBudget: Double
    /// The number of rows on which outputs are compared, from the first on.
    package var comparedRows: Int

    /// - Parameter gate: what outputs must meet; nil takes the gate of the precision.
    package init(
        _ request: PrecisionRequest, sharings: [CoreSharing], sessions: Int? = nil, batches: [Int?], gate: AgreementGate? = nil,
        budget: Double = 60, comparedRows: Int = 256
    ) {
        self.init(
            engines: EngineCandidates(request), forms: request.forms, sharings: sharings, sessions: sessions, batches: batches,
            gate: gate ?? request.gate, budget: budget, comparedRows: comparedRows)
    }

    package init(
        engines: EngineCandidates, forms: [ModelForm] = [], sharings: [CoreSharing], sessions: Int? = nil, batches: [Int?],
        gate: AgreementGate = .strict, budget: Double = 60, comparedRows: Int = 256
    ) {
        self.engines = engines
        self.forms = forms
        self.sharings = sharings
        self.sessions = sessions
        self.batches = batches
        self.gate = gate
        self.budget = budget
        formBudget = max(budget, 10)
        self.comparedRows = comparedRows
    }

    /// What the answer depends on beside the model, the rows and the machine, for those who keep it.
    package var question: String {
        let rows = batches.map { $0.map(String.init) ?? "auto" }
        let chosen = sessions.map { ", of which \($0) sessions" } ?? ""
        return "\(engines.tried), forms \(forms.map(\.rawValue)), cores \(sharings)\(chosen), rows \(rows), gate \(gate)"
            + (metric.map { ", metric \($0)" } ?? "")
    }

    /// The model as it is.
    var original: Candidate { Candidate(.onnxRuntime, sharings[0], batch: batches[0]) }
}

/// Tells how far measuring is, for those who wait.
package struct MeasuringProgress: Sendable {
    /// The step that is being done, such as "timing openvino bfloat16".
    package var step: String
    /// The share of the budget that is used, from 0 to 1.
    package var share: Double
}
