import Arrivals
package import Reasons

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
        case .forRoom: "for its turn"
        }
    }

    /// Returns the reason as an explanation; its remedy names the command that helps.
    package func explanation(in pipeline: String) -> Explanation {
        switch self {
        case .paused:
            Explanation(
                reason: "the pipeline is paused", rule: .waitPaused,
                remedy: "`millrace resume \(pipeline)` starts it again; `millrace resume`, where all are paused.")
        case .forModel(let arrival, let path):
            Explanation(
                reason: "model \(path), arrival \(arrival), came before it and is not decided yet", rule: .waitModel,
                remedy: "Nothing; `millrace explain \(path)` says what that model waits for.")
        case .forFirstModel:
            Explanation(
                reason: "the pipeline has no model version yet", rule: .waitFirstVersion,
                remedy:
                    "Drop a model into the pipeline's models spool; `millrace models \(pipeline)` says why those that are there were "
                    + "rejected."
            )
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
        case .forRoom:
            Explanation(
                reason: "it has not had its turn", rule: .waitTurn, remedy: "Nothing; `millrace status` says what runs.")
        }
    }
}

extension UTCTime {
    /// The time to the second.
    package var short: String { String(description.prefix(19)) + "Z" }
}
