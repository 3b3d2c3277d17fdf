import Reasons

/// The input that an attempt is about, for messages.
func specPlace(_ spec: AttemptSpec) -> String {
    let labelled = spec.training?.labelled.first { $0.arrival == spec.training?.subject }?.file
    return (spec.inputs["data"] ?? labelled ?? spec.inputs["model"])?.path ?? "run \(spec.run)"
}

extension Failure {
    static func cancelled(_ spec: AttemptSpec, by cause: AttemptCancellation.Cause) -> Failure {
        switch cause {
        case .takenBack: Failure(.cancelled, what: "the attempt was taken back", place: specPlace(spec), remedy: "It runs again.")
        case .stopped:
            Failure(
                .stopped, what: "an operator stopped it", place: specPlace(spec),
                remedy: "`millrace retry` does it again.")
        }
    }

    static func timeLimit(_ spec: AttemptSpec) -> Failure {
        Failure(
            .timeLimit, what: "the attempt took longer than limits.time (\(spec.limits.seconds ?? 0) s)", place: specPlace(spec),
            remedy: "Raise limits.time, or split the file.")
    }
}
