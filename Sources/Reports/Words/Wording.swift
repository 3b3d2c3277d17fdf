import Foundation
package import Ledger

/// Returns `path` as seen from the current directory, where it lies below it.
package func shownPath(_ path: String) -> String {
    let here = FileManager.default.currentDirectoryPath
    return path.hasPrefix(here + "/") ? String(path.dropFirst(here.count + 1)) : path
}

extension TrainingRecord {
    /// The change of the metric, such as `accuracy 0.81 to 0.97`.
    package var summary: String {
        guard let metric, let before else { return rejection == nil ? "ungated" : "rejected" }
        let change = "\(metric) \(shownMetric(before))" + (after.map { " to \(shownMetric($0))" } ?? "")
        return rejection == nil ? change : change + ", not taken"
    }

    /// The loss of each epoch as a curve.
    package var curve: [String] { LossCurve([.init("training loss", mark: "*", lossPerEpoch.map { $0 })]).lines }
}

private func shownMetric(_ value: Double) -> String { String(format: "%.4g", value) }

/// Returns an age such as `12 s`, `3 min`, `2 h`, `4 d`.
package func shownAge(milliseconds: Int64) -> String {
    let seconds = milliseconds / 1000
    return switch seconds {
    case ..<120: "\(seconds) s"
    case ..<7200: "\(seconds / 60) min"
    case ..<172_800: "\(seconds / 3600) h"
    default: "\(seconds / 86_400) d"
    }
}

extension Duration {
    /// The duration as a pipeline file spells it: `500 ms`, `2 s`, `10 min`.
    package var shown: String {
        let milliseconds = components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
        return milliseconds % 1000 == 0 ? shownAge(milliseconds: milliseconds) : "\(milliseconds) ms"
    }
}

/// Returns a duration such as `0.123 s` or `12.3 s`.
package func shownSeconds(_ seconds: Double) -> String { String(format: seconds < 10 ? "%.3f s" : "%.1f s", seconds) }

/// Returns the parts of a run's time, the longest first; their total is not among them.
package func shownTimings(_ timings: [String: Double]) -> String {
    timings.filter { $0.key != "total" }.sorted { $0.value > $1.value }.map { "\($0.key) \(shownSeconds($0.value))" }.joined(
        separator: ", ")
}

/// Returns a number with its word, which has an `s` where there is not exactly one: `1 file`, `2 files`.
package func counted(_ count: Int, _ word: String) -> String { "\(count) \(word)\(count == 1 ? "" : "s")" }

extension String {
    /// The beginning of a digest, by which a person recognizes it.
    package var shortDigest: String { String(prefix(12)) }
}
