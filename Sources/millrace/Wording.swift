import ArgumentParser
import Foundation
import Ledger
import Reasons
import Training

extension ArrivalRole: ExpressibleByArgument {}
extension ArrivalState: ExpressibleByArgument {}
extension RunState: ExpressibleByArgument {}

extension WaitReason: CustomStringConvertible {
    package var description: String {
        switch self {
        case .paused: "the pipeline is paused"
        case .forModel(let arrival, let path): "for model \(path) (arrival \(arrival)) to be decided"
        case .forFirstModel: "for a first model version"
        case .forLabels(let arrival, let path): "for the training on \(path) (arrival \(arrival)) to end"
        case .forRetry(let time): "for its next attempt at \(time)"
        case .forMachine(let reason, let since, let next):
            "for the machine since \(since.short): \(reason) The next attempt is at \(next.short)"
        case .forFileToSettle: "for its file to settle again"
        case .toBeAlone: "until nothing else is worked on, since the process died at it or at others beside it"
        case .forRoom: "for its turn"
        }
    }

    /// The remedies name the command that helps.
    func explanation(in pipeline: String) -> Explanation {
        switch self {
        case .paused:
            Explanation(reason: "the pipeline is paused", rule: .waitPaused, remedy: "`millrace resume \(pipeline)` starts it again; `millrace resume`, where all are paused.")
        case .forModel(let arrival, let path):
            Explanation(
                reason: "model \(path), arrival \(arrival), came before it and is not decided yet", rule: .waitModel,
                remedy: "Nothing; `millrace explain \(path)` says what that model waits for.")
        case .forFirstModel:
            Explanation(
                reason: "the pipeline has no model version yet", rule: .waitFirstVersion,
                remedy: "Drop a model into the pipeline's models spool; `millrace models \(pipeline)` says why those that are there were rejected.")
        case .forLabels(let arrival, let path):
            Explanation(
                reason: "labelled \(path), arrival \(arrival), came before it and is not decided yet", rule: .waitLabels,
                remedy: "Nothing; `millrace explain \(path)` says what that one waits for, `millrace status` how far its training is.")
        case .forRetry(let time):
            Explanation(reason: "an attempt failed; the next is due at \(time)", rule: .waitRetry)
        case .forMachine(let reason, let since, let next):
            Explanation(
                reason: "\(reason) It waits for that since \(since.short); the next attempt is due at \(next.short)",
                rule: .waitMachine)
        case .forFileToSettle:
            Explanation(reason: "its file changed or went away while it was read", rule: .inputChanged)
        case .toBeAlone:
            Explanation(
                reason: "the process died while this was worked on, alone or beside others; it is tried again when nothing else is worked on",
                rule: .waitAlone)
        case .forRoom:
            Explanation(
                reason: "it has not had its turn", rule: .waitTurn, remedy: "Nothing; `millrace status` says what runs.")
        }
    }
}

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

extension UTCTime {
    /// To the second.
    var short: String { String(description.prefix(19)) + "Z" }
}

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
    timings.filter { $0.key != "total" }.sorted { $0.value > $1.value }.map { "\($0.key) \(shownSeconds($0.value))" }.joined(separator: ", ")
}

extension String {
    /// Of a digest, enough to tell by eye.
    var shortDigest: String { String(prefix(12)) }
}
