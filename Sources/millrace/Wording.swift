import ArgumentParser
import Arrivals
import Foundation
import Ledger
import Reasons
import Training

extension ArrivalRole: ExpressibleByArgument {}
extension ArrivalState: ExpressibleByArgument {}
extension RunState: ExpressibleByArgument {}

extension TrainingRecord {
    /// Such as `accuracy 0.81 to 0.97`.
    var summary: String {
        guard let metric, let before else { return rejection == nil ? "ungated" : "rejected" }
        let change = "\(metric) \(shownMetric(before))" + (after.map { " to \(shownMetric($0))" } ?? "")
        return rejection == nil ? change : change + ", not taken"
    }

    /// The loss of each epoch as a curve.
    var curve: [String] { LossCurve([.init("training loss", mark: "*", lossPerEpoch.map { $0 })]).lines }
}

private func shownMetric(_ value: Double) -> String { String(format: "%.4g", value) }

/// Such as `12 s`, `3 min`, `2 h`, `4 d`.
func shownAge(milliseconds: Int64) -> String {
    let seconds = milliseconds / 1000
    return switch seconds {
    case ..<120: "\(seconds) s"
    case ..<7200: "\(seconds / 60) min"
    case ..<172_800: "\(seconds / 3600) h"
    default: "\(seconds / 86_400) d"
    }
}

extension Duration {
    /// Such as `500 ms`, `2 s`, `10 min`.
    var shown: String {
        let milliseconds = components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
        return milliseconds % 1000 == 0 ? shownAge(milliseconds: milliseconds) : "\(milliseconds) ms"
    }
}

func shownSeconds(_ seconds: Double) -> String { String(format: seconds < 10 ? "%.3f s" : "%.1f s", seconds) }

func shownTimings(_ timings: [String: Double]) -> String {
    timings.filter { $0.key != "total" }.sorted { $0.value > $1.value }.map { "\($0.key) \(shownSeconds($0.value))" }.joined(
        separator: ", ")
}

extension String {
    /// Of a digest, enough to tell by eye.
    var shortDigest: String { String(prefix(12)) }
}
