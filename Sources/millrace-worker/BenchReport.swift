import Attempts
import Deployment
import Foundation
import Machine
import Recipes
import Reports

/// Tells what was measured of a model, as JSON and in words.
struct BenchReport: Encodable {
    struct Row: Encodable {
        let engine: String
        let form: String
        let precision: String
        let sessions: Int
        let threads: Int
        let batch: Int?
        let rowsPerSecond: Double?
        let cpuMsPerRow: Double?
        let peakBytes: Int64
        let cosine: Double?
        let relativeError: Double?
        let sameTop: Double?
        let metric: Double?
        let passes: Bool
        let refusal: String?
        let isChoice: Bool

        private enum CodingKeys: String, CodingKey {
            case engine, form, precision, sessions, threads, batch, cosine, metric, passes, refusal
            case rowsPerSecond = "rows_per_second"
            case cpuMsPerRow = "cpu_ms_per_row"
            case peakBytes = "peak_bytes"
            case relativeError = "relative_error"
            case sameTop = "same_top"
            case isChoice = "choice"
        }

        init(_ result: CandidateResult, isChoice: Bool) {
            engine = result.candidate.engine.name.rawValue
            form = result.candidate.form.rawValue
            precision = result.candidate.engine.precision.rawValue
            sessions = result.candidate.sessions
            threads = result.candidate.threads
            batch = result.candidate.batch
            rowsPerSecond = result.rowsPerSecond
            cpuMsPerRow = result.processorMilliseconds
            peakBytes = result.peakBytes
            cosine = result.cosine
            relativeError = result.agreement.compactMap(\.relativeError).max()
            sameTop = result.agreement.compactMap(\.sameTop).min()
            metric = result.metric
            passes = result.passes
            refusal = result.refusal ?? result.doubt
            self.isChoice = isChoice
        }
    }

    /// Tells how a form was made.
    struct Form: Encodable {
        struct Layer: Encodable {
            let layer: String
            let relativeError: Double

            private enum CodingKeys: String, CodingKey {
                case layer
                case relativeError = "relative_error"
            }
        }

        let form: String
        let digest: String
        let bytes: Int64
        let seconds: Double
        let peakBytes: Int64
        /// The number of layers that have the form.
        let layers: Int
        let calibrationRows: Int?
        /// The layers that stay in float because they would cause the most error.
        let float: [String]
        /// The layers by the error that each causes, the worst first; empty where the form passed without.
        let ranking: [Layer]

        private enum CodingKeys: String, CodingKey {
            case form, digest, bytes, seconds, layers, float, ranking
            case peakBytes = "peak_bytes"
            case calibrationRows = "calibration_rows"
        }

        init(_ result: FormResult) {
            form = result.form.rawValue
            digest = result.model?.digest ?? ""
            bytes = result.files.reduce(0) { $0 + $1.byteCount }
            seconds = result.seconds
            peakBytes = result.rewriting.peakBytes
            layers = result.rewriting.layers.count
            calibrationRows = result.rewriting.rows
            float = result.float
            ranking = result.rewriting.ranking.map { Layer(layer: $0.layer, relativeError: $0.relativeError) }
        }
    }

    /// Tells what the metric of the gate was measured by.
    struct Gate: Encodable {
        let metric: String
        let dropAtMost: Double
        /// The metric of the model as it is, and on how many rows it was measured.
        let original: Double?
        let rows: Int?

        private enum CodingKeys: String, CodingKey {
            case metric, original, rows
            case dropAtMost = "drop_at_most"
        }

        init(_ judging: Judging) {
            metric = judging.gate.metric.rawValue
            dropAtMost = judging.gate.dropAtMost
            original = judging.original?.value
            rows = judging.original?.rows
        }
    }

    let model: String
    let digest: String
    let machines: [String]
    let comparedRows: Int?
    let decidedBy: String
    let seconds: Double
    /// The gate on labelled rows; nil where the agreement of outputs decides.
    let gate: Gate?
    let candidates: [Row]
    let forms: [Form]
    let leftOut: [String: String]

    private enum CodingKeys: String, CodingKey {
        case model, digest, machines, seconds, gate, candidates, forms
        case comparedRows = "compared_rows"
        case decidedBy = "decided_by"
        case leftOut = "left_out"
    }

    init(model: String, _ table: DeploymentTable) {
        self.model = model
        digest = table.model
        machines = table.machines.map(\.description)
        comparedRows = table.comparedRows
        decidedBy = table.measure.rawValue
        seconds = table.seconds
        gate = table.judging.map(Gate.init)
        let choice = table.choice?.candidate
        candidates = table.candidates.map { Row($0, isChoice: $0.candidate == choice) }
        forms = table.forms.map(Form.init)
        leftOut = table.leftOut
    }

    /// Returns the lines of the table for people.
    static func lines(_ table: DeploymentTable, hasRows: Bool) -> [Printed] {
        let metric = table.judging?.gate.metric.rawValue
        let heads = ["engine", "form", "precision", "sessions", "threads", "batch", "rows/s", "CPU ms/row", "times", "memory", "cosine"]
        var text = TextTable(heads + [metric].compactMap(\.self) + [""])
        let choice = table.choice?.candidate
        let alone = table.choiceOfOneSession?.candidate
        for result in table.candidates {
            let candidate = result.candidate
            var cells = [
                candidate.engine.name.rawValue, candidate.form.rawValue, candidate.engine.precision.rawValue, "\(candidate.sessions)",
                "\(candidate.threads)",
            ]
            cells.append(candidate.batch.map { "\($0)" } ?? "auto")
            cells.append(result.rowsPerSecond.map { number($0) } ?? "-")
            cells.append(result.processorMilliseconds.map { number($0) } ?? "-")
            cells.append(table.gain(of: result).map { String(format: "%.2f", $0) } ?? "-")
            cells.append("\(result.peakBytes >> 20) MiB")
            cells.append(result.cosine.map { String(format: "%.6f", ($0 * 1e6).rounded(.down) / 1e6) } ?? "-")
            if metric != nil { cells.append(result.metric.map { String(format: "%.6g", $0) } ?? "-") }
            text.add(
                cells + [
                    result.refusal ?? (candidate == choice ? "fastest that passes" : candidate == alone ? "fastest of one session" : "")
                ])
        }
        var lines = text.lines
        for form in table.forms {
            let rows = form.rewriting.rows.map { ", ranges from \($0) rows" } ?? ""
            let float = form.float.isEmpty ? "" : ", \(form.float.count) layers stay in float: \(form.float.joined(separator: ", "))"
            let bytes = form.files.reduce(0) { $0 + $1.byteCount }
            let size = "\(form.rewriting.layers.count) layers, \(bytes >> 20) MiB"
            lines.append("\(form.form.rawValue): \(size), made in \(number(form.seconds)) s\(rows)\(float)")
        }
        for (engine, reason) in table.leftOut.sorted(by: { $0.key < $1.key }) { lines.append("not tried: \(engine): \(reason)") }
        lines.append("\(table.machines.map(\.description).joined(separator: "; "))")
        let measure = table.measure == .clock ? "the clock" : "processor time, since other work is going on"
        let rows: Printed = hasRows ? "outputs are compared on \(table.comparedRows ?? 0) rows" : "inputs are made up"
        if let judging = table.judging, let original = judging.original {
            let limit = String(format: "%.6g by %.6g at most", original.value, judging.gate.dropAtMost)
            lines.append("\(judging.gate.metric.rawValue) is measured on \(original.rows) labelled rows, and may be worse than \(limit)")
        }
        lines.append("times are compared by \(measure); \(rows)")
        return lines
    }

    private static func number(_ value: Double) -> String {
        value >= 100 ? String(format: "%.0f", value) : String(format: "%.3g", value)
    }
}
