import Machine
package import Recipes

/// Says what is measured of a model, and for how long.
package struct MeasuringPlan: Sendable {
    package var engines: EngineCandidates
    /// The forms that are tried beside the model as it was published, on each of the engines.
    package var forms: [ModelForm]
    /// The numbers of threads that are tried, the one of the original first.
    package var threads: [Int]
    /// The batch sizes that are tried, the one of the original first; nil stands for the one that is usual for the model.
    package var batches: [Int?]
    /// What outputs must meet where no metric is measured.
    package var gate: AgreementGate
    /// What the metric on labelled rows must meet, where one is asked for: it then decides in place of `gate`.
    package var metric: MetricGate?
    /// Tells whether nothing is measured where the metric cannot be: someone has named the labelled rows, and wants to know what is wrong
    /// with them. Otherwise `gate` decides then.
    package var demandsMetric = false
    /// The seconds that measuring may take, beside the first run of each engine and the making of forms. Refining a form may take as many
    /// again.
    package var budget: Double
    /// The number of rows on which outputs are compared, from the first on.
    package var comparedRows: Int

    /// - Parameter gate: what outputs must meet; nil takes the gate of the precision.
    package init(
        _ request: PrecisionRequest, threads: [Int], batches: [Int?], gate: AgreementGate? = nil, budget: Double = 60,
        comparedRows: Int = 256
    ) {
        self.init(
            engines: EngineCandidates(request), forms: request.forms, threads: threads, batches: batches, gate: gate ?? request.gate,
            budget: budget, comparedRows: comparedRows)
    }

    package init(
        engines: EngineCandidates, forms: [ModelForm] = [], threads: [Int], batches: [Int?], gate: AgreementGate = .strict,
        budget: Double = 60, comparedRows: Int = 256
    ) {
        self.engines = engines
        self.forms = forms
        self.threads = threads
        self.batches = batches
        self.gate = gate
        self.budget = budget
        self.comparedRows = comparedRows
    }

    /// What the answer depends on beside the model, the rows and the machine, for those who keep it.
    package var question: String {
        let rows = batches.map { $0.map(String.init) ?? "auto" }
        return "\(engines.tried), forms \(forms.map(\.rawValue)), threads \(threads), rows \(rows), gate \(gate)"
            + (metric.map { ", metric \($0)" } ?? "")
    }

    /// The model as it is.
    var original: Candidate { Candidate(.onnxRuntime, threads: threads[0], batch: batches[0]) }
}

/// Tells how far measuring is, for those who wait.
package struct MeasuringProgress: Sendable {
    /// The step that is being done, such as "timing openvino bfloat16".
    package var step: String
    /// The share of the budget that is used, from 0 to 1.
    package var share: Double
}
