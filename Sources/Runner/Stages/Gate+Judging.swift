import FileSystem
import Foundation
package import Recipes
package import Training

extension Gate {
    /// Returns the reason why a trained model is not taken in place of the one that it was trained from; nil where it is taken, and where
    /// no rows were held out to measure on.
    package func refusal(of outcome: FineTuning.Outcome) -> String? {
        guard outcome.validationRows > 0, let before = outcome.before[metric] else { return nil }
        let rows = "on the \(outcome.validationRows) held-out \(outcome.validationRows == 1 ? "row" : "rows")"
        guard let after = outcome.after[metric] else { return "\(metric.rawValue) was a number after no epoch \(rows)" }
        guard !metric.passes(after, against: before, dropAtMost: dropAtMost) else { return nil }
        let change = "\(metric.rawValue) went from \(shown(before)) to \(shown(after)) at best \(rows)"
        return change + (dropAtMost == 0 ? ": no epoch made it better" : ", and may get worse by \(shown(dropAtMost)) at most")
    }

    private func shown(_ value: Double) -> String { String(format: "%.6g", value) }
}
