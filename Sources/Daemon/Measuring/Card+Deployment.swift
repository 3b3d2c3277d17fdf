import Attempts
import Deployment
import FileSystem
import Landing
import Machine
import Reasons
import Recipes

extension Card {
    /// Records what graph passes did to the model.
    mutating func add(_ graph: GraphReport) {
        var entry: [String: JSONValue] = [:]
        if let changes = graph.changes {
            entry["passes"] = .table(
                Dictionary(changes.changes.map { ($0.pass.rawValue, .integer(Int64($0.count))) }, uniquingKeysWith: { first, _ in first }))
            entry["nodes_before"] = .integer(Int64(changes.nodesBefore))
            entry["nodes_after"] = .integer(Int64(changes.nodesAfter))
        }
        if !graph.agreement.isEmpty { entry["agreement"] = .list(graph.agreement.map(\.card)) }
        if let refusal = graph.refusal { entry["not_used"] = .text(refusal) }
        decisions = (decisions ?? [:]).merging(["graph": .table(entry)]) { $1 }
    }
}

extension Card {
    /// Records how the model is executed on the machine that published it, and what was measured.
    mutating func add(_ execution: Result<DeploymentTable, Failure>?) {
        let entry: [String: JSONValue] =
            switch execution {
            case .success(let table): table.card
            case .failure(let failure): ["not_measured": .text(failure.statement.text)]
            case nil: ["not_measured": .text("no rows were known when it was published; it is measured before it scores")]
            }
        decisions = (decisions ?? [:]).merging(["execution": .table(entry)]) { $1 }
    }
}

extension DeploymentTable {
    /// The choice in a few words, such as "openvino bfloat16, 1 thread, rows as usual, 2.5 times as fast".
    var summary: String {
        guard let choice else { return "as it is" }
        return gainAlike(of: choice).map { "\(choice.candidate), \(($0 * 100).rounded() / 100) times as fast" } ?? "\(choice.candidate)"
    }

    fileprivate var card: [String: JSONValue] {
        var entry: [String: JSONValue] = [
            "chosen": .text(summary), "decided_by": .text(measure.rawValue), "seconds": .number(seconds),
            "machines": .list(machines.map { .text("\($0)") }),
            "gate": .table(gateCard),
            "candidates": .list(candidates.map(\.card)),
        ]
        entry["compared_rows"] = comparedRows.map { .integer(Int64($0)) }
        if !forms.isEmpty { entry["forms"] = .list(forms.map(\.card)) }
        if !leftOut.isEmpty { entry["left_out"] = .table(leftOut.mapValues { .text($0) }) }
        return entry
    }

    /// The gate that decided: the metric with what was demanded besides, or the agreement of the outputs.
    private var gateCard: [String: JSONValue] {
        let agreement: [String: JSONValue] = ["cosine": .number(gate.cosine), "same_top": .number(gate.sameTop)]
        guard let judging else { return agreement }
        var entry: [String: JSONValue] = [
            "metric": .text(judging.gate.metric.rawValue), "drop_at_most": .number(judging.gate.dropAtMost),
        ]
        guard let original = judging.original else {
            entry["not_measured"] = judging.reason.map { .text($0) }
            return entry.merging(agreement) { $1 }
        }
        entry["original"] = .number(original.value)
        entry["rows"] = .integer(Int64(original.rows))
        entry["cosine"] = judging.gate.cosine.map { .number($0) }
        entry["same_top"] = judging.gate.sameTop.map { .number($0) }
        return entry
    }
}

extension CandidateResult {
    fileprivate var card: JSONValue {
        var entry: [String: JSONValue] = [
            "engine": .text(candidate.engine.name.rawValue), "form": .text(candidate.form.rawValue),
            "precision": .text(candidate.engine.precision.rawValue),
            "sessions": .integer(Int64(candidate.sessions)), "threads": .integer(Int64(candidate.threads)),
            "peak_bytes": .integer(peakBytes), "passes": .flag(passes),
        ]
        entry["batch"] = candidate.batch.map { .integer(Int64($0)) } ?? .text("auto")
        entry["rows_per_second"] = rowsPerSecond.map { .number($0) }
        entry["cpu_ms_per_row"] = processorMilliseconds.map { .number($0) }
        entry["metric"] = metric.map { .number($0) }
        entry["refusal"] = refusal.map { .text($0) }
        if !agreement.isEmpty { entry["agreement"] = .list(agreement.map(\.card)) }
        return .table(entry)
    }
}

extension FormResult {
    /// The file of the form that stands beside the model of a version, and its name there; nil for a form of float32, and for one that has
    /// its weights in another file, which its name ties to.
    var standsBeside: (name: String, path: String)? {
        guard let precision = form.precision, let model, files.count == 1 else { return nil }
        return ("model.\(precision.rawValue).onnx", model.path)
    }

    fileprivate var card: JSONValue {
        var entry: [String: JSONValue] = [
            "form": .text(form.rawValue), "layers": .integer(Int64(rewriting.layers.count)), "seconds": .number(seconds),
        ]
        entry["digest"] = model.map { .text($0.digest) }
        entry["file"] = standsBeside.map { .text($0.name) }
        entry["calibration_rows"] = rewriting.rows.map { .integer(Int64($0)) }
        if !float.isEmpty { entry["float"] = .list(float.map { .text($0) }) }
        if !rewriting.ranking.isEmpty {
            entry["ranking"] = .list(
                rewriting.ranking.map { .table(["layer": .text($0.layer), "relative_error": .number($0.relativeError)]) })
        }
        return .table(entry)
    }
}

extension OutputAgreement {
    fileprivate var card: JSONValue {
        var entry: [String: JSONValue] = ["output": .text(output), "rows": .integer(Int64(rows)), "non_finite": .integer(Int64(nonFinite))]
        entry["cosine"] = cosine.map { .number($0) }
        entry["relative_error"] = relativeError.map { .number($0) }
        entry["same_top"] = sameTop.map { .number($0) }
        return .table(entry)
    }
}
