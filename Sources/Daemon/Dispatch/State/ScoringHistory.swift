import Attempts
import Ledger

/// Remembers of each pipeline's scoring in this process how long files take, and which rows were scored last.
final class ScoringHistory {
    private var paces: [String: Pace] = [:]
    /// The newest data file that was scored, by pipeline: a new model is tried on its rows.
    private var rows: [String: AttemptSpec.InputFile] = [:]

    func took(_ seconds: Double, byteCount: Int64, in pipeline: String) {
        paces[pipeline, default: Pace()].note(bytes: byteCount, seconds: seconds)
    }

    /// Returns how long a file of that size takes; nil where that is not known.
    func seconds(for byteCount: Int64, in pipeline: String) -> Double? { paces[pipeline]?.seconds(for: byteCount) }

    func scored(_ data: AttemptSpec.InputFile?, in pipeline: String) { rows[pipeline] = data }

    /// Returns the newest data file with rows that was scored.
    func newestRows(of pipeline: String) -> AttemptSpec.InputFile? { rows[pipeline] }
}
